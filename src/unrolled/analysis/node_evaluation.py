"""How good a network is at the nodes of a graph that it has not learnt from."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unrolled.analysis.evaluation import Evaluation, evaluating
from unrolled.data import NodeBatch, NodeClassification

__all__ = ["evaluate_batch", "evaluate_nodes", "node_answers"]


def node_answers(model: nn.Module, batch: NodeBatch) -> Tensor:
    """The network's logits ``[m, K]`` for the nodes that are asked; at least float32.

    Args:
        model: keeps the protocol of `unrolled.nn.NodeClassifier`, on the batch's device.
        batch: nodes, edges and questions.
    """
    graphs = batch.graphs[0] if len(batch.graphs) == 1 else batch.graphs
    logits: Tensor = model(batch.features, graphs)
    return logits[batch.asked].to(torch.promote_types(logits.dtype, torch.float32))


def evaluate_nodes(
    model: nn.Module, task: NodeClassification, part: Literal["train", "validation", "test"]
) -> Evaluation:
    """Evaluate ``model`` on one part of the nodes, with the whole graph around them, without touching it.

    Args:
        model: keeps the protocol of `unrolled.nn.NodeClassifier`.
        task: the graph and its parts.
        part: which nodes.
    """
    weight = next(model.parameters())
    return evaluate_batch(model, task.whole(part).to(weight.device, weight.dtype))


def evaluate_batch(model: nn.Module, batch: NodeBatch) -> Evaluation:
    """Evaluate ``model`` on the nodes that a batch asks, which is where the model is."""
    with evaluating(model):
        logits = node_answers(model, batch)
        return Evaluation(
            accuracy=float((logits.argmax(-1) == batch.targets).double().mean()),
            loss_nats=float(cross_entropy(logits, batch.targets)),
            count=len(batch.targets),
        )

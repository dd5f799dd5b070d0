"""The weights α of graph attention on one graph, for weights that are given or drawn.

α_ij = softmax_j( LeakyReLU( aᵀ[W h_i ‖ W h_j] ) ),   j over what i receives from, i itself among them
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unrolled import nn
from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["AttentionLook", "attention_of", "random_attention", "read_attention"]

LARGEST = 64
"""The most nodes whose α is laid out as a matrix."""


@dataclass(frozen=True)
class AttentionLook:
    """What each node takes from whom.

    Attributes:
        weights: where the weights came from, in words.
        heads: ``heads[k][i][j]``: α of the edge j→i under head k; several edges between two nodes are added.
    """

    weights: str
    heads: tuple[tuple[tuple[float, ...], ...], ...]


def attention_of(graph: Graph, layer: nn.GATConv, features: Tensor, weights: str) -> AttentionLook:
    """The attention of a layer on a graph.

    Args:
        graph: of at most `LARGEST` nodes.
        layer: ready.
        features: ``[N, I]``.
        weights: where they came from, in words.

    Raises:
        InputError: a larger graph.
        ShapeError: features that do not fit.
    """
    _require_small(graph)
    with torch.no_grad():
        seen = layer.eval().observe(features, graph)
    nodes = graph.num_nodes
    place = seen.graph.receivers * nodes + seen.graph.senders
    heads = [torch.zeros(nodes * nodes).index_add(0, place, column) for column in seen.attention.unbind(-1)]
    return AttentionLook(weights, tuple(tuple(map(tuple, head.reshape(nodes, nodes).tolist())) for head in heads))


def random_attention(graph: Graph, *, heads: int = 1, hidden: int = 8, seed: int = 0) -> AttentionLook:
    """The attention of weights drawn from Glorot's distribution; nodes without features are told apart by their own.

    Args:
        graph: of at most `LARGEST` nodes.
        heads: K.
        hidden: features of each head.
        seed: of the draw.

    Raises:
        InputError: a larger graph, or no heads.
    """
    _require_small(graph)
    features = torch.eye(graph.num_nodes) if graph.node_features is None else graph.node_features.float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.GATConv(features.shape[1], hidden, heads=heads, bias=False)
    return attention_of(graph, layer, features, f"drawn with seed {seed}")


def read_attention(graph: Graph, path: Path) -> AttentionLook:
    """The attention of the weights in a JSON file.

    It holds ``W``, ``[F′][I]``, and ``a``, ``[2 F′]`` (first the half for W h_i, then the half for W h_j); with K
    heads, lists of K of each. ``h``, ``[N][I]``, are the nodes' features in the order of their names; without them
    every node is told apart by a feature of its own. ``slope`` is the LeakyReLU's, 0.2 where it is left out.

    Args:
        graph: of at most `LARGEST` nodes.
        path: the file.

    Raises:
        InputError: no such file, not JSON, or sizes that do not match.
    """
    _require_small(graph)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"no weights can be read from {str(path)!r}: {error}") from error
    if not isinstance(content, Mapping) or not {"W", "a"} <= content.keys():
        raise InputError(f'{str(path)!r} holds no W and a: {{"W": [[…]], "a": […], "h": [[…]]}} would do')
    W, a = _numbers(content, "W", path), _numbers(content, "a", path)
    W, a = (W if W.dim() == 3 else W.unsqueeze(0)), (a if a.dim() == 2 else a.unsqueeze(0))
    h = _numbers(content, "h", path) if "h" in content else torch.eye(graph.num_nodes)
    heads, outputs, inputs = W.shape if W.dim() == 3 else (0, 0, 0)
    for name, found, due in (("a", a, (heads, 2 * outputs)), ("h", h, (graph.num_nodes, inputs))):
        if tuple(found.shape) != due:
            given = list(found.shape)
            raise InputError(f"{str(path)!r}: {name} is {given}, and W {list(W.shape)} on this graph needs {list(due)}")
    layer = nn.GATConv(inputs, outputs, heads=heads, bias=False, negative_slope=float(content.get("slope", 0.2)))
    receives, sends = a[:, :outputs], a[:, outputs:]
    layer.load_state_dict(
        {"lin.weight": W.reshape(heads * outputs, inputs), "att_dst": receives[None], "att_src": sends[None]}
    )
    return attention_of(graph, layer, h, f"from {path}")


def _numbers(content: Mapping[str, Any], name: str, path: Path) -> Tensor:
    try:
        return torch.tensor(content[name], dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{str(path)!r}: {name} is no array of numbers: {error}") from None


def _require_small(graph: Graph) -> None:
    if graph.num_nodes > LARGEST:
        raise InputError(f"attention as a matrix is for at most {LARGEST} nodes; this graph has {graph.num_nodes}")

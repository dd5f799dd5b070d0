"""Random walks along the edges: where many walkers go, all drawn at once."""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph.checks import check_nodes, node_numbers
from unrolled.graph.value import Graph

__all__ = ["random_walks"]


def random_walks(graph: Graph, starts: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """Where each walker is at each step, ``[steps, W]``; row 0 is where they start.

    A walker at i takes the edge i→j with probability w_ij / Σ_k w_ik, and stays where no edge leads on.

    Args:
        graph: its weights are 0 or more.
        starts: ``[W]`` nodes.
        steps: how many nodes a walk has, 1 or more.
        generator: draws; torch's own by default.

    Raises:
        InputError: a start that is no node, a negative weight, no steps.
    """
    at = node_numbers(starts, "starts").to(graph.device)
    check_nodes(at, at, graph.num_nodes)
    if steps < 1:
        raise InputError(f"walks of {steps} nodes; one or more would do")
    weights = graph.weights(torch.float64).detach()
    if bool((weights < 0).any()):
        raise InputError(f"the weight of edge {int((weights < 0).nonzero()[0])} is negative; walks need weights ≥ 0")
    leaving = graph.structure.pattern.transposed
    order = graph.structure.pattern.order.index_select(0, leaving.order)
    before = torch.cat([weights.new_zeros(1), weights.index_select(0, order).cumsum(0)])
    first, last = leaving.pointer[:-1].long(), leaving.pointer[1:].long()
    places = [at]
    for _ in range(steps - 1):
        low, high = before[first[at]], before[last[at]]
        drawn = torch.rand(at.shape, dtype=torch.float64, generator=generator, device=at.device)
        edge = torch.searchsorted(before, low + drawn * (high - low), right=True) - 1
        edge = torch.minimum(edge, last[at] - 1).clamp_min(0)
        leads = high > low
        at = torch.where(leads, leaving.index[edge].long(), at) if leaving.entries else at
        places.append(at)
    return torch.stack(places)

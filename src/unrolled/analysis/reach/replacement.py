"""The causal version: put another input in one input's place and look how much the output moves.

    R(u,v) = mean over replacements x'_v of Σ_i |y_u,i(x) - y_u,i(x with x'_v for x_v)|

No derivative is taken, so it tells of what a network would do with another symbol, where a Jacobian tells of what it
would do with an infinitesimally different one: a saturated network has small Jacobians and may yet tell a 3 from a 7.
For a linear network R is |∂y/∂x · (x' - x)|.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from unrolled.analysis.reach.graphs import chosen_nodes, fitting_graph, hops_to
from unrolled.analysis.reach.influence import Sample, require_finite, summarise
from unrolled.analysis.reach.values import Reach
from unrolled.errors import InputError

__all__ = ["graph_replacement", "sequence_replacement"]


def sequence_replacement(
    function: Callable[[Tensor], Tensor], x: Tensor, *, generator: Generator | None = None
) -> Reach:
    """How far the output moves when the input of one step is exchanged for another sequence's at that step.

    Args:
        function: from x to y [B,d], row b of it made from row b of x alone.
        x: [T,B,…], B ≥ 2: floating point, or symbols [T,B]. Row b gets what row b + k has, k drawn for every step.
        generator: draws k.

    Raises:
        InputError: a single sequence, an output of the wrong shape or one that is not finite.
    """
    if x.dim() < 2 or x.shape[0] == 0 or x.shape[1] < 2:
        raise InputError(f"x has shape {list(x.shape)}: [T, B, …] with B ≥ 2, to take replacements from, would do")
    T, B = x.shape[:2]
    with torch.no_grad():
        y = function(x)
        if not isinstance(y, Tensor) or y.dim() != 2 or y.shape[0] != B:
            given = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise InputError(f"the output is {given}: [B, d] = [{B}, d] would do")
        moved = y.new_zeros(B, 1, T)
        for t in range(T):
            turn = int(torch.randint(1, B, (), generator=generator))
            changed = x.clone()
            changed[t] = x[t].roll(turn, 0)
            moved[:, 0, T - 1 - t] = (function(changed) - y).abs().sum(1)
    require_finite(moved, range(B), "the output of sequence")
    sample = Sample(moved, y.new_zeros(B), tuple(range(B)), None, 1)
    return summarise(sample, "steps", "replacement")


def graph_replacement(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    graph: Any,
    *,
    nodes: int | Sequence[int] | Tensor | None = None,
    generator: Generator | None = None,
) -> Reach:
    """How far the outputs of some nodes move when one node's features are exchanged for another's.

    Args:
        function: x [N,F] → y [N,d]; it is called N times.
        x: floating point [N,F].
        graph: a `Graph`, or an edge_index [2,E].
        nodes: which outputs, as in `graph_reach`.
        generator: draws nodes and replacements.

    Raises:
        InputError: as `graph_reach`; a graph of one node.
    """
    graph = fitting_graph(x, graph)
    N = graph.num_nodes
    if N < 2:
        raise InputError("a graph of one node has nothing to take a replacement from")
    outputs = chosen_nodes(nodes, N, generator)
    moved = x.new_zeros(len(outputs), N)
    with torch.no_grad():
        y = function(x)[outputs]
        for v in range(N):
            other = (v + int(torch.randint(1, N, (), generator=generator))) % N
            changed = x.clone()
            changed[v] = x[other]
            moved[:, v] = (function(changed)[outputs] - y).abs().sum(1)
    require_finite(moved, outputs, "the output of node")
    profile, outside = x.new_zeros(len(outputs), 1, N), x.new_zeros(len(outputs))
    distance = torch.full((N,), -1, dtype=torch.long)
    for row, u in enumerate(outputs):
        seen = hops_to(graph, u, distance, moved[row] > 0)
        profile[row, 0].index_add_(0, distance[seen].to(x.device), moved[row, seen])
        outside[row] = (moved[row].sum() - profile[row].sum()).clamp(min=0)
        distance[seen] = -1
    width = int((profile.sum((0, 1)) > 0).nonzero().max()) + 1 if bool((profile > 0).any()) else 1
    sample = Sample(profile[..., :width], outside, tuple(outputs), N, 1)
    return summarise(sample, "hops", "replacement")

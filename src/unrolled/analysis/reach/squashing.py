"""Over-squashing: does influence fall with the commute time between nodes?

The commute time of two nodes is how many steps a random walk takes on average from one to the other and back::

    τ(u,v) = 2|E| (e_u - e_v)ᵀ L⁺ (e_u - e_v)

2|E| counts each undirected edge twice. Di Giovanni et al. (2023) bound what a message-passing network hears by it:
nodes that are far in commute time are squashed, even where they are few hops apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from unrolled.analysis.reach.graphs import chosen_nodes, fitting_graph, hops_to
from unrolled.analysis.reach.influence import pulled_back, require_finite
from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["Squashing", "commute_times", "rank_correlation", "squashing"]

LARGEST = 4000
"""Nodes of the largest graph whose commute times are computed: a dense matrix is inverted."""


@dataclass(frozen=True)
class Squashing:
    """Pairs of nodes with what is between them.

    Attributes:
        pairs: (u, v): what u hears of v.
        commute: τ(u,v).
        hops: d(u,v).
        influence: I(u,v), see `influence`.
        rank_correlation: Spearman's, of influence with commute time; negative: far is squashed. None where either
            is the same for all.
    """

    pairs: tuple[tuple[int, int], ...]
    commute: tuple[float, ...]
    hops: tuple[int, ...]
    influence: tuple[float, ...]
    rank_correlation: float | None


def commute_times(graph: Graph) -> Tensor:
    """[N,N] float64 of an undirected graph; infinite between its components.

    Raises:
        InputError: too many nodes, or edges that go one way only.
    """
    N = graph.num_nodes
    if N > LARGEST:
        raise InputError(f"the graph has {N} nodes: commute times are for up to {LARGEST}; graph.subgraph(nodes) helps")
    dense = graph.operator("none", self_loops="replace", fill=0.0, dtype=torch.float64).to_dense()
    if not torch.allclose(dense, dense.T):
        raise InputError("the graph has edges that go one way only: commute times are of graph.undirected()")
    laplacian = dense.sum(1).diag() - dense
    inverse = torch.linalg.pinv(laplacian, hermitian=True)
    own = inverse.diagonal()
    resistance = own[:, None] + own[None] - 2 * inverse
    times: Tensor = (dense.sum() * resistance.clamp(min=0)).masked_fill(~_connected(graph), torch.inf)
    return times


def squashing(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    graph: Any,
    *,
    nodes: int | Sequence[int] | Tensor | None = None,
    generator: Generator | None = None,
) -> Squashing:
    """What some nodes hear of every other that is heard at all, against the commute time between them.

    Args:
        function: x [N,F] → y [N,d].
        x: floating point [N,F].
        graph: an undirected `Graph` or edge_index.
        nodes: which outputs, as in `graph_reach`.
        generator: draws the nodes.

    Raises:
        InputError: as `graph_reach` and `commute_times`.
    """
    graph = fitting_graph(x, graph)
    times = commute_times(graph)
    outputs = chosen_nodes(nodes, graph.num_nodes, generator)
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        y = function(leaf)
    pairs: list[tuple[int, int]] = []
    commute, hops, influence = [], [], []
    distance = torch.full((graph.num_nodes,), -1, dtype=torch.long)
    for u in outputs:
        rows = [pulled_back(y[u, i], leaf).abs().sum(1) for i in range(y.shape[1])]
        heard = torch.stack(rows).sum(0).double()
        require_finite(heard[None], [u], "the output of node")
        seen = hops_to(graph, u, distance, heard > 0)
        for v in sorted(seen.tolist()):
            if v != u and heard[v] > 0:
                pairs.append((u, v))
                commute.append(float(times[u, v]))
                hops.append(int(distance[v]))
                influence.append(float(heard[v]))
        distance[seen] = -1
    return Squashing(tuple(pairs), tuple(commute), tuple(hops), tuple(influence), rank_correlation(commute, influence))


def _connected(graph: Graph) -> Tensor:
    N = graph.num_nodes
    part = torch.arange(N)
    senders, receivers = graph.senders.cpu(), graph.receivers.cpu()
    while True:
        lower = part.scatter_reduce(0, receivers, part[senders], "amin")
        lower = lower[lower]
        if torch.equal(lower, part):
            return part[:, None] == part[None]
        part = lower


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's; None where either is the same throughout."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    first, second = (
        _ranks(torch.tensor(list(a), dtype=torch.float64)),
        _ranks(torch.tensor(list(b), dtype=torch.float64)),
    )
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def _ranks(values: Tensor) -> Tensor:
    """1..n; what is equal shares its mean rank."""
    _, inverse, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks: Tensor = (last - (counts.double() - 1) / 2)[inverse]
    return ranks

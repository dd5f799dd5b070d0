"""Graphs that break things, and their dense adjacency by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.graph import Graph

_PLAIN = {
    "triangle": ([0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2], 3),
    "one node": ([], [], 1),
    "one node, one loop": ([0], [0], 1),
    "no edge": ([], [], 4),
    "directed": ([0, 0, 1, 3, 4], [1, 2, 2, 2, 0], 5),
    "isolated": ([0, 1, 3, 4], [1, 0, 4, 3], 7),
    "several edges": ([0, 0, 0, 1, 2, 2], [1, 1, 1, 0, 0, 0], 3),
    "loops already there": ([0, 0, 1, 2, 3, 2], [0, 1, 0, 2, 1, 3], 4),
    "several loops": ([1, 1, 0, 2, 2, 1], [1, 1, 1, 0, 2, 2], 4),
    "star": ([1, 2, 3, 4, 5, 0, 0], [0, 0, 0, 0, 0, 1, 2], 6),
}


def _random(nodes: int, edges: int, seed: int) -> tuple[list[int], list[int], int]:
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    return ends[0].tolist(), ends[1].tolist(), nodes


_PLAIN["random"] = _random(12, 40, 0)
_PLAIN["dense random"] = _random(5, 60, 1)


@pytest.fixture(
    params=[(name, weighted) for name in _PLAIN for weighted in (False, True)],
    ids=lambda p: f"{p[0]}{' weighted' * p[1]}",
)
def nasty(request: pytest.FixtureRequest) -> Graph:
    """Every awkward graph, with and without weights, in float64."""
    name, weighted = request.param
    senders, receivers, nodes = _PLAIN[name]
    weight = torch.rand(len(senders), dtype=torch.float64) + 0.5 if weighted else None
    return Graph.from_edge_index([senders, receivers], weight, nodes)


@pytest.fixture
def dense():
    """``dense(graph)``: A[receiver, sender] in float64 by a loop; several edges add up."""

    def adjacency(graph: Graph) -> np.ndarray:
        a = np.zeros((graph.num_nodes, graph.num_nodes))
        weights = graph.weights(torch.float64).tolist()
        for sender, receiver, weight in zip(graph.senders.tolist(), graph.receivers.tolist(), weights, strict=True):
            a[receiver, sender] += weight
        return a

    return adjacency

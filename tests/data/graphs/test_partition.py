"""Parts that few edges cross: balanced, found where they were planted, and batches that cover the graph."""

from __future__ import annotations

import math

import pytest
import torch

from unrolled.data.graphs import planted_partition, rmat
from unrolled.data.partition import cluster_batches, edge_cut, partition
from unrolled.errors import InputError
from unrolled.graph import Graph


def test_parts_are_balanced_and_cut_less_than_chance():
    generator = torch.Generator().manual_seed(0)
    graph = planted_partition(3000, 10, 12, inside=0.9, generator=generator)
    part = partition(graph, 10, generator=generator)
    assert int(torch.bincount(part, minlength=10).max()) <= math.ceil(1.05 * 300)
    chance = edge_cut(graph, part[torch.randperm(3000, generator=generator)])
    assert chance > 0.85
    assert edge_cut(graph, part) < 0.5


def test_separate_pieces_are_never_cut():
    pieces = [Graph.from_edge_index([list(range(9)), list(range(1, 10))])] * 4
    from unrolled.graph import batch

    graph = batch(pieces)
    assert edge_cut(graph, partition(graph, 4, slack=0.0)) == 0.0


def test_batches_cover_every_node_once_and_keep_the_edges_inside():
    graph = rmat(8, 2000, generator=torch.Generator().manual_seed(2))
    part = partition(graph, 8)
    seen = []
    for nodes, inside in cluster_batches(graph, part, 3):
        seen.append(nodes)
        among = torch.isin(graph.senders, nodes) & torch.isin(graph.receivers, nodes)
        assert inside.num_edges == int(among.sum())
        assert torch.equal(nodes[inside.senders], graph.senders[among])
    assert torch.equal(torch.cat(seen).sort()[0], torch.arange(256))


def test_one_part_no_edges_and_too_many_parts():
    graph = Graph.from_edge_index([[], []], num_nodes=5)
    assert partition(graph, 1).tolist() == [0] * 5
    assert edge_cut(graph, partition(graph, 5)) == 0.0
    assert partition(graph, 5).sort()[0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match=r"6 parts of 5 nodes"):
        partition(graph, 6)
    with pytest.raises(InputError, match="size=0"):
        next(cluster_batches(graph, partition(graph, 2), 0))

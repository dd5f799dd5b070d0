"""The course graphs' published numbers, normalisations, and distances."""

from __future__ import annotations

import pytest
import torch

from unrolled.data.graphs import course_2019, course_2020
from unrolled.errors import InputError
from unrolled.graph import Graph, batch, graph_of, unbatch
from unrolled.graph.reach import hop_distances, powers_entry, updates_needed


def test_the_course_graph_of_2020_has_its_published_numbers():
    graph = course_2020()
    assert graph.names == ("A", "B", "C", "D", "E", "F")
    assert graph.operator(self_loops="add").row_sums.tolist() == [4, 3, 2, 4, 2, 3]
    a_hat = graph.operator("symmetric", self_loops="add", dtype=torch.float64)
    assert [f"{each:.4f}" for each in a_hat.row_sums.tolist()] == [
        "1.1809",
        "0.9107",
        "0.8536",
        "1.1809",
        "0.8536",
        "0.9107",
    ]
    e, c = graph.node("E"), graph.node("C")
    assert [f"{each:.6f}" for each in powers_entry(graph, e, c, 5)] == [
        "0.000000",
        "0.000000",
        "0.000000",
        "0.020833",
        "0.038194",
    ]
    assert updates_needed(graph, c, e) == 4
    dense = torch.linalg.matrix_power(a_hat.to_dense(), 4)
    assert float(dense[e, c]) == pytest.approx(powers_entry(graph, e, c, 4)[-1], abs=1e-15)


def test_the_course_graph_of_2019_is_one_update_nearer():
    graph = course_2019()
    e, c = graph.node("E"), graph.node("C")
    assert updates_needed(graph, c, e) == 3
    assert powers_entry(graph, e, c, 3)[2] == pytest.approx(0.041667, abs=5e-7)


def test_rows_of_the_random_walk_sum_to_one_and_those_of_the_symmetric_do_not():
    graph = course_2020()
    walk = graph.operator("random-walk", self_loops="add", dtype=torch.float64)
    torch.testing.assert_close(walk.row_sums, torch.ones(6, dtype=torch.float64))
    assert not torch.allclose(graph.operator("symmetric", self_loops="add").row_sums, torch.ones(6))


def test_distances_follow_directions():
    graph = Graph.from_text("A->B B->C C->D D-E F")
    assert hop_distances(graph, 0).tolist() == [0, 1, 2, 3, 4, -1]
    assert hop_distances(graph, 4).tolist() == [-1, -1, -1, 1, 0, -1]
    assert hop_distances(graph, [0, 3]).tolist() == [0, 1, 2, 0, 1, -1]
    assert updates_needed(graph, 4, 0) is None
    with pytest.raises(InputError, match="nodes are numbered 0…5"):
        hop_distances(graph, 6)


def test_a_batch_and_its_parts():
    first = Graph.from_text("A-B:2")
    second = Graph.from_edge_index([[0], [2]], num_nodes=3)
    together = batch([first, second])
    assert together.edge_index.tolist() == [[0, 1, 2], [1, 0, 4]]
    assert together.edge_weight.tolist() == [2, 2, 1]
    assert together.membership.tolist() == [0, 0, 1, 1, 1]
    parts = unbatch(together)
    assert [part.num_nodes for part in parts] == [2, 3]
    assert parts[1].edge_index.tolist() == [[0], [2]]
    assert unbatch(first) == [first]
    with pytest.raises(InputError, match="a batch of no graphs"):
        batch([])
    with pytest.raises(InputError, match="1 of 2 graphs have labels"):
        batch([Graph.from_edge_index([[0], [0]], labels=torch.tensor([1])), second])


def test_an_edge_index_is_remembered_until_it_changes():
    edges = torch.tensor([[0, 1], [1, 2]])
    assert graph_of(edges, 3) is graph_of(edges, 3)
    assert graph_of(edges, 4) is not graph_of(edges, 3)
    remembered = graph_of(edges, 3)
    edges[0, 0] = 2
    assert graph_of(edges, 3) is not remembered
    assert graph_of(edges, 3).senders.tolist() == [2, 1]
    assert remembered.senders.tolist() == [0, 1]
    shared = edges.numpy()
    shared[1, 1] = 0
    assert graph_of(edges, 3).receivers.tolist() == [1, 0]


def test_a_forgotten_edge_index_frees_its_graph():
    from unrolled.graph import memo

    edges = torch.tensor([[0], [1]])
    key = id(edges)
    graph_of(edges, 2)
    assert key in memo._SEEN
    del edges
    assert key not in memo._SEEN

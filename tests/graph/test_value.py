"""A graph as a value: what it keeps, what it computes once, and what it refuses."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import Graph


def full() -> Graph:
    return Graph(
        torch.tensor([0, 1, 2, 2]),
        torch.tensor([1, 2, 0, 2]),
        4,
        edge_weight=torch.tensor([1.0, 2.0, 3.0, 4.0]),
        edge_features=torch.arange(8.0).reshape(4, 2),
        node_features=torch.arange(12.0).reshape(4, 3),
        labels=torch.tensor([0, 1, 0, 1]),
        masks={"train": torch.tensor([True, False, True, False])},
        names=("a", "b", "c", "d"),
        node_columns={"place": ("x", "y", "z", "w")},
        edge_columns={"year": torch.tensor([1, 2, 3, 4])},
    )


def test_it_is_frozen_and_compares_by_what_it_holds():
    graph = full()
    with pytest.raises(FrozenInstanceError):
        graph.num_nodes = 5
    assert graph == full()
    assert hash(graph) == hash(full())
    assert graph != replace(graph, labels=torch.tensor([0, 1, 0, 0]))
    assert graph != replace(graph, edge_weight=None)
    assert graph != replace(graph, names=("a", "b", "c", "e"))
    assert graph != graph.reversed()
    assert graph != "a graph"
    assert graph == graph.reversed().reversed()


def test_it_pickles_without_what_it_computed():
    graph = full()
    graph.operator("symmetric", self_loops="add")
    again = pickle.loads(pickle.dumps(graph))
    assert again == graph
    assert len(pickle.dumps(graph)) == len(pickle.dumps(full()))
    assert graph.to("cpu") == graph


def test_matrices_are_made_once():
    graph = full()
    assert graph.operator("symmetric") is graph.operator("symmetric")
    assert graph.structure.pattern is graph.structure.pattern
    assert graph.with_self_loops("add").structure is graph.with_self_loops("add").structure
    assert graph.with_edge_weight(torch.ones(4)).structure is graph.structure
    learnt = graph.with_edge_weight(torch.ones(4, requires_grad=True))
    assert learnt.operator("symmetric") is not learnt.operator("symmetric")
    assert graph.structure.pattern.index.dtype == torch.int32


def test_replacing_edges_makes_new_matrices():
    graph = full()
    before = graph.operator().to_dense()
    turned = replace(graph, senders=graph.receivers, receivers=graph.senders)
    assert torch.equal(turned.operator().to_dense(), before.T)


def test_degrees_and_the_adjacency():
    graph = full()
    assert graph.in_degree.tolist() == [1, 1, 2, 0]
    assert graph.out_degree.tolist() == [1, 1, 2, 0]
    dense = torch.zeros(4, 4)
    for a, b, weight in [(0, 1, 1.0), (1, 2, 2.0), (2, 0, 3.0), (2, 2, 4.0)]:
        dense[b, a] = weight
    assert torch.equal(graph.operator().to_dense(), dense)
    assert torch.equal(graph.operator().row_sums, dense.sum(1))


def test_self_loops_by_name():
    graph = Graph.from_edge_index([[0, 1, 1, 2], [0, 0, 1, 1]], [2.0, 1.0, 3.0, 1.0])

    def loops(way: str) -> list[float]:
        return graph.operator(self_loops=way, fill=5.0).to_dense().diagonal().tolist()

    assert loops("keep") == [2.0, 3.0, 0.0]
    assert loops("add") == [7.0, 8.0, 5.0]
    assert loops("remaining") == [2.0, 3.0, 5.0]
    assert loops("remove") == [0.0, 0.0, 0.0]
    assert loops("replace") == [5.0, 5.0, 5.0]
    with pytest.raises(UnknownName, match="did you mean 'remaining'"):
        graph.operator(self_loops="remainin")


def test_loops_keep_the_order_of_edges_and_what_they_carry():
    graph = full()
    removed = graph.with_self_loops("remove")
    assert removed.edge_index.tolist() == [[0, 1, 2], [1, 2, 0]]
    assert torch.equal(removed.edge_features, graph.edge_features[:3])
    assert removed.edge_columns["year"].tolist() == [1, 2, 3]
    added = graph.with_self_loops("remaining")
    assert added.edge_index.tolist() == [[0, 1, 2, 2, 0, 1, 3], [1, 2, 0, 2, 0, 1, 3]]
    assert added.edge_weight.tolist() == [1, 2, 3, 4, 1, 1, 1]
    assert added.edge_features is None
    assert added.node_features is graph.node_features
    assert graph.with_self_loops("keep") is graph


def test_both_directions_and_parts():
    graph = full()
    both = graph.undirected()
    assert both.edge_index.tolist() == [[0, 1, 2, 2, 1, 2, 0], [1, 2, 0, 2, 0, 1, 2]]
    assert both.edge_weight.tolist() == [1, 2, 3, 4, 1, 2, 3]
    assert both.edge_columns["year"].tolist() == [1, 2, 3, 4, 1, 2, 3]
    part = graph.subgraph([2, 0])
    assert part.names == ("c", "a")
    assert part.edge_index.tolist() == [[0, 0], [1, 0]]
    assert part.edge_weight.tolist() == [3, 4]
    assert part.node_features.tolist() == [[6, 7, 8], [0, 1, 2]]
    assert part.node_columns["place"] == ("z", "x")
    assert part.masks["train"].tolist() == [True, True]
    with pytest.raises(InputError, match="one was given twice"):
        graph.subgraph([1, 1])


def test_nodes_by_name():
    assert full().node("c") == 2
    assert Graph.from_edge_index([[0], [1]]).node(1) == 1
    with pytest.raises(UnknownName, match="no node 'e'"):
        full().node("e")
    with pytest.raises(InputError, match="have no names"):
        Graph.from_edge_index([[0], [1]]).node("a")


def test_an_edge_index_of_nothing():
    assert Graph.from_edge_index([[], []], num_nodes=3).in_degree.tolist() == [0, 0, 0]
    nothing = Graph.from_edge_index(torch.zeros(2, 0, dtype=torch.long))
    assert (nothing.num_nodes, nothing.num_edges) == (0, 0)
    assert nothing.operator("symmetric", self_loops="add").to_dense().shape == (0, 0)


def test_what_is_no_graph_is_said_in_one_line():
    ones = torch.ones
    for error, says, call in [
        (
            InputError,
            "edge 1 is 5→0, but nodes are numbered 0…2",
            lambda: Graph.from_edge_index([[0, 5], [1, 0]], num_nodes=3),
        ),
        (InputError, "edge 0 is 0→-2", lambda: Graph.from_edge_index([[0], [-2]])),
        (InputError, "the graph has none", lambda: Graph.from_edge_index([[0], [0]], num_nodes=0)),
        (InputError, "a graph of -1 nodes", lambda: Graph.from_edge_index([[], []], num_nodes=-1)),
        (InputError, "edge_index has dtype float32", lambda: Graph.from_edge_index([[0.0], [1.0]])),
        (InputError, "edge_index has dtype bool", lambda: Graph.from_edge_index(torch.ones(2, 1, dtype=torch.bool))),
        (ShapeError, r"edge_index \(2,\): \[2, E\]", lambda: Graph.from_edge_index([0, 1])),
        (ShapeError, r"senders \(1,\) and receivers \(2,\)", lambda: Graph(torch.tensor([0]), torch.tensor([0, 1]), 2)),
        (
            InputError,
            "the weight of edge 1 is inf",
            lambda: Graph.from_edge_index([[0, 1], [1, 0]], [1.0, float("inf")]),
        ),
        (InputError, "edge weights have dtype int64", lambda: Graph.from_edge_index([[0], [1]], torch.tensor([1]))),
        (ShapeError, r"edge weights \(2,\) for 1 edges", lambda: Graph.from_edge_index([[0], [1]], [1.0, 1.0])),
        (
            ShapeError,
            r"node_features \(3, 1\) for 2 nodes",
            lambda: Graph.from_edge_index([[0], [1]], node_features=ones(3, 1)),
        ),
        (
            ShapeError,
            r"edge_features \(2, 1\) for 1 edges",
            lambda: Graph.from_edge_index([[0], [1]], edge_features=ones(2, 1)),
        ),
        (ShapeError, "mask 'train'", lambda: Graph.from_edge_index([[0], [1]], masks={"train": ones(3)})),
        (ShapeError, "names has 1 entries for 2 nodes", lambda: Graph.from_edge_index([[0], [1]], names=("a",))),
        (UnknownName, "did you mean 'symmetric'", lambda: full().operator("symetric")),
    ]:
        with pytest.raises(error, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_repr_says_what_there_is():
    assert repr(full()) == (
        "Graph(4 nodes; 4 edges; edge_weight [4]; edge_features [4, 2]; node_features [4, 3]; labels [4]; "
        "masks train; names)"
    )

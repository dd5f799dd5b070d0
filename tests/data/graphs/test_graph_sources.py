"""Graphs by name and from files: the same graph whichever way it is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unrolled.data import GRAPHS, graph_or_text, graph_sha256, is_graph_name, karate_club, read_graph
from unrolled.errors import InputError
from unrolled.graph import Graph


def test_names_and_sizes() -> None:
    assert read_graph("karate") == karate_club()
    assert read_graph("course-2020").num_edges == 12
    assert read_graph("planted:120:3:4").num_nodes == 120
    assert read_graph("planted:120:3:4") == read_graph("planted:120:3:4")
    assert read_graph("rmat:6:3").num_edges == 3 * 64
    assert is_graph_name("planted:9")
    assert not is_graph_name("planet")
    assert all(source.title and source.licence and source.where for source in GRAPHS.values())


@pytest.mark.parametrize("name", ["planted:9000000000", "planted:1" + 400 * "0", "rmat:31:900"])
def test_a_graph_too_large_for_the_machine_is_refused_before_it_is_made(name: str) -> None:
    with pytest.raises(InputError, match=r"of that size takes about \d+\.\d GB to make, and \d+\.\d GB are left"):
        read_graph(name)
    with pytest.raises(InputError, match=r"a scale of 0…31"):
        read_graph("rmat:5000000000")


def test_an_edge_list_with_its_nodes(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("source,target,weight\nb,a,2\nc,a,0.5\n")
    nodes.write_text("node,label,split,size,age\na,red,train,1,5\nb,blue,validation,2,6\nd,,,3,7\nc,red,test,4,8\n")
    graph = read_graph(str(edges), str(nodes))
    assert graph.names == ("a", "b", "d", "c")
    assert graph.edge_index.tolist() == [[1, 3, 0, 0], [0, 0, 1, 3]]
    assert graph.edge_weight is not None
    assert graph.edge_weight.tolist() == [2, 0.5, 2, 0.5]
    assert graph.labels is not None
    assert graph.labels.tolist() == [1, 0, -1, 1]
    assert graph.node_features is not None
    assert graph.node_features.tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]
    assert graph.masks["test"].tolist() == [False, False, False, True]
    assert read_graph(str(edges), str(nodes), directed=True).num_edges == 2


def test_long_and_padded_ids_stay_apart(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    names = ("12345678901234567890", "12345678901234567891", "007", "7")
    edges.write_text(f"source,target\n{names[0]},{names[1]}\n{names[2]},{names[3]}\n")
    nodes.write_text("node,size\n" + "".join(f"{name},{size}\n" for size, name in enumerate(names)))
    graph = read_graph(str(edges), str(nodes), directed=True)
    assert graph.names == names
    assert graph.edge_index.tolist() == [[0, 2], [1, 3]]


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    given = karate_club()
    assert given.labels is not None
    np.savez(
        path, edge_index=given.edge_index.numpy(), labels=given.labels.numpy(), train=[0, 33], test=np.arange(34) > 20
    )
    graph = read_graph(str(path))
    assert torch.equal(graph.edge_index, given.edge_index)
    assert graph.masks["train"].nonzero().flatten().tolist() == [0, 33]
    assert int(graph.masks["test"].sum()) == 13


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64"])
def test_masks_of_0_and_1_are_masks(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    wanted = np.arange(34) < 10
    np.savez(path, edge_index=karate_club().edge_index.numpy(), train=wanted.astype(kind), test=(~wanted).astype(kind))
    masks = read_graph(str(path)).masks
    assert masks["train"].tolist() == wanted.tolist()
    assert masks["test"].tolist() == (~wanted).tolist()
    np.savez(path, edge_index=[[0], [1]], num_nodes=4, train=np.ones(4, kind), validation=np.zeros(4, kind), test=[])
    masks = read_graph(str(path)).masks
    assert [int(masks[part].sum()) for part in ("train", "validation", "test")] == [4, 0, 0]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros(3)}, "edge_index"),
        ({"edge_index": np.array([[0, 9], [1, 2]]), "labels": np.zeros(3, dtype=int)}, "edge 1 is 9→2"),
        ({"edge_index": np.array([[0], [1]]), "train": np.array([7])}, "train names nodes from 7 to 7"),
        ({"edge_index": np.array([[0], [3]]), "train": np.array([0, 1, 1])}, "train names node 1 more than once"),
        ({"edge_index": np.array([[0], [3]]), "train": np.array([0, 2, 1, 2])}, "train names node 2 more than once"),
        ({"edge_index": np.array([[0], [3]]), "test": np.array([0.0, 1, 1, 1])}, "test is of torch.float64"),
        (
            {"edge_index": np.array([[0], [1]]), "node_features": np.array([[1, 2], [3, np.nan]])},
            r"node_features\[1, 1\] is nan; features are finite numbers",
        ),
        ({"edge_index": np.array([None, 1])}, "no arrays can be read"),
        ({"edge_index": np.array([[0], [1]]), "num_nodes": np.array([3, 3])}, r"num_nodes \[3, 3\]: one whole number"),
        ({"edge_index": np.array([[0], [1]]), "num_nodes": np.array(2.5)}, r"num_nodes 2.5: one whole number"),
    ],
)
def test_arrays_that_are_no_graph(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words):
        read_graph(str(path))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_of_arrays_is_refused(save: Any, tmp_path: Path) -> None:
    """Half of it, or any byte of it changed: most are noticed, and none ends in another error."""
    path = tmp_path / "graph.npz"
    save(path, edge_index=[[0, 1], [1, 2]])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no arrays can be read"):
        read_graph(str(path))
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_graph(str(path))
        except InputError:
            refused += 1
    assert refused > len(whole) // 2


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("10", "", "9"), [10, -1, 9]),
        (("-1", "0", "1"), [-1, 0, 1]),
        (("-1", "", "1"), [-1, -1, 1]),
        (("-1", "", "x"), [0, -1, 1]),
    ],
)
def test_numbered_classes_keep_their_numbers(words: tuple[str, ...], numbers: list[int], tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("source,target\na,b\n")
    nodes.write_text("node,label\n" + "".join(f"{node},{word}\n" for node, word in zip("abc", words, strict=True)))
    labels = read_graph(str(edges), str(nodes)).labels
    assert labels is not None
    assert labels.tolist() == numbers


def test_a_column_of_words_is_no_feature(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("source,target\na,b\n")
    nodes.write_text("node,title,size,gone\na,Nile,1,nan\nb,,2,NA\n")
    features = read_graph(str(edges), str(nodes)).node_features
    assert features is not None
    assert features.tolist() == [[1], [2]]


def test_text_in_a_file_and_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_text("A-B A-E A-F # a remark\nB-D C-D D-F\n")
    assert read_graph(str(path)) == graph_or_text("A-B A-E A-F B-D C-D D-F") == read_graph("course-2020")
    assert graph_or_text("A-B") == Graph.from_text("A-B")
    for nearly in ("course-2021", "karat", "absent.csv"):
        with pytest.raises(InputError, match="no file"):
            graph_or_text(nearly)


def test_a_changed_file_has_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_text("A-B")
    first = graph_sha256(str(path))
    path.write_text("A-C")
    assert first != graph_sha256(str(path))
    assert graph_sha256("cora") is None

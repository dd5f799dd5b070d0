"""Graphs in files: arrays, lists of edges with a list of nodes beside them, and graphs as one writes them on paper.

``.npz`` holds arrays, none of them pickled: ``edge_index`` ``[2, E]`` (row 0 sends) or ``senders`` and ``receivers``,
and whichever there are of ``edge_weight``, ``edge_features``, ``node_features``, ``labels``, ``train``, ``validation``,
``test`` (masks of booleans or of 0 and 1, or node numbers, each once) and ``num_nodes``.

``.csv`` and ``.tsv`` have a header and a line an edge, with the columns ``source``, ``target`` and perhaps ``weight``.
Nodes are called what is written there: ``7`` and ``007`` are two.
A second file may say what is known of each node: a column ``node`` with the names that the edges use, and whichever
there are of ``label`` (words, or whole numbers from 0; empty or -1: not known), ``split`` (train, validation or test)
and columns of numbers, which become features; not-a-number and infinity are refused, here as in ``.npz``, and so is a
column that has numbers on some lines only. A column of words is left out.

Anything else is read as text, ``A-B A-E B->C``; see `unrolled.graph.text`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph
from unrolled.graph.tables import read_csv

__all__ = ["GRAPH_FILES", "read_graph_file"]

GRAPH_FILES = {".npz": "arrays", ".csv": "a list of edges", ".tsv": "a list of edges", ".txt": "A-B A-E B->C"}
"""What a file is read as, by the end of its name."""

_MASKS = ("train", "validation", "test")


def read_graph_file(path: Path, nodes: Path | None = None, *, directed: bool = False) -> Graph:
    """The graph in a file.

    Args:
        path: the file.
        nodes: for a list of edges, a file with what is known of each node.
        directed: for a list of edges, whether each goes one way.

    Raises:
        InputError: no file, or no graph in it; a node of one file that is not in the other.
    """
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        return _edge_list(path, nodes, directed)
    if nodes is not None:
        raise InputError(
            f"{str(nodes)!r} says what is known of nodes, which is for a list of edges (.csv), not for {path.name!r}"
        )
    if kind == ".npz":
        return _arrays(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"no graph can be read from {str(path)!r}: {error}") from error
    try:
        return Graph.from_text(text)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


# ── arrays ──────────────────────────────────────────────────────────────────────────────────────────────────


def _arrays(path: Path) -> Graph:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: torch.from_numpy(np.asarray(archive[name])) for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, RuntimeError, BadZipFile, zlib.error) as error:
        raise InputError(f"no arrays can be read from {str(path)!r}: {error}") from error
    if "edge_index" not in arrays and not {"senders", "receivers"} <= arrays.keys():
        raise InputError(f"{str(path)!r} holds {', '.join(arrays) or 'nothing'}: edge_index [2, E] would do")
    index = arrays.get("edge_index")
    index = torch.stack([arrays["senders"], arrays["receivers"]]) if index is None else index
    carried = {name: arrays[name] for name in ("edge_features", "node_features", "labels") if name in arrays}
    rows = [len(value) for name, value in carried.items() if name != "edge_features"]
    count = _count(arrays["num_nodes"], path) if "num_nodes" in arrays else rows[0] if rows else None
    if "node_features" in carried:
        _check_finite(carried["node_features"], path)
    try:
        graph = Graph.from_edge_index(index, arrays.get("edge_weight"), count, **carried)
        return replace(graph, masks={n: _mask(arrays[n], graph.num_nodes, n) for n in _MASKS if n in arrays})
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _count(given: Tensor, path: Path) -> int:
    if given.numel() != 1 or given.is_floating_point() or given.is_complex():
        raise InputError(f"{str(path)!r} has num_nodes {given.tolist()}: one whole number would do")
    return int(given)


def _check_finite(features: Tensor, path: Path) -> None:
    finite = torch.isfinite(features)
    if not bool(finite.all()):
        place = (~finite).nonzero()[0].tolist()
        raise InputError(
            f"{str(path)!r}: node_features{place} is {features[tuple(place)]}; features are finite numbers"
        )


def _mask(given: Tensor, nodes: int, name: str) -> Tensor:
    """Booleans as they are; whole numbers that repeat can only be a mask of 0 and 1, others are the nodes' own."""
    if given.dtype == torch.bool:
        return given
    if given.numel() and (given.is_floating_point() or given.is_complex()):
        raise InputError(f"{name} is of {given.dtype}: a mask of booleans or of 0 and 1, or node numbers, would do")
    numbers = given.long().flatten()
    found, counts = torch.unique(numbers, return_counts=True)
    repeats = found[counts > 1].tolist()
    if repeats and given.shape == (nodes,) and {*found.tolist()} <= {0, 1}:
        return numbers == 1
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < nodes:
        raise InputError(
            f"{name} names nodes from {int(numbers.min())} to {int(numbers.max())}; nodes are 0…{nodes - 1}"
        )
    if repeats:
        raise InputError(
            f"{name} names node {repeats[0]} more than once: each node once, or a mask of all {nodes} nodes, would do"
        )
    return torch.zeros(nodes, dtype=torch.bool).index_fill(0, numbers, True)


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────


def _edge_list(path: Path, nodes: Path | None, directed: bool) -> Graph:
    columns = read_csv(path)
    weight = "weight" if "weight" in columns else None
    try:
        graph = Graph.from_csv(path, weight=weight, directed=directed)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
    return graph if nodes is None else _with_nodes(graph, path, nodes)


def _with_nodes(graph: Graph, edges: Path, path: Path) -> Graph:
    """The graph with its nodes in the order of the file of nodes, those without edges among them."""
    columns = read_csv(path, words=("node",))
    if "node" not in columns:
        raise InputError(f"{str(path)!r} has the columns {', '.join(columns)}: it needs one called node")
    names: list[str] = columns["node"].tolist()
    if "" in names:
        raise InputError(f"{str(path)!r} line {names.index('') + 2} has no node: each needs a name")
    place = {name: number for number, name in enumerate(names)}
    if len(place) < len(names):
        twice = next(name for number, name in enumerate(names) if place[name] != number)
        raise InputError(f"{str(path)!r} has node {twice!r} twice")
    assert graph.names is not None
    unknown = [str(name) for name in graph.names if str(name) not in place]
    if unknown:
        raise InputError(
            f"{str(edges)!r} has node {unknown[0]!r}, which {str(path)!r} does not have ({len(unknown)} such): "
            "give every node a line"
        )
    moved = torch.tensor([place[str(name)] for name in graph.names], dtype=torch.long)
    return Graph(
        moved[graph.senders],
        moved[graph.receivers],
        len(names),
        edge_weight=graph.edge_weight,
        node_features=_numbers(columns, path, names),
        labels=_labels(columns, path),
        masks=_split(columns, path),
        names=tuple(names),
    )


def _numbers(columns: Mapping[str, Any], path: Path, names: Sequence[str]) -> Tensor | None:
    taken = []
    for name, column in columns.items():
        if name in ("node", "label", "split"):
            continue
        if column.dtype.kind not in "if":
            _refuse_gaps(name, column, path, names)
            continue
        with np.errstate(over="ignore"):
            numbers = column.astype(np.float32)
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            raise InputError(
                f"{str(path)!r} has {column[wrong[0]]} in the column {name!r} of node {names[wrong[0]]!r}: features "
                "are finite numbers (float32)"
            )
        taken.append(torch.from_numpy(numbers))
    return torch.stack(taken, 1) if taken else None


def _refuse_gaps(name: str, column: Any, path: Path, names: Sequence[str]) -> None:
    """A column of words is no feature; one with a number anywhere was meant to be one."""
    if not any(_is_number(value) for value in column):
        return
    node, value = next((node, value) for node, value in zip(names, column, strict=True) if not _is_number(value))
    given = f"{value!r}, no number," if value else "no number"
    raise InputError(
        f"{str(path)!r} has {given} in the column {name!r} of node {node!r}: every feature is one, and a column of "
        "words has none"
    )


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _labels(columns: Mapping[str, Any], path: Path) -> Tensor | None:
    """Classes numbered in the order of their names; whole numbers keep theirs, -1 and an empty one are not known."""
    if "label" not in columns:
        return None
    words = [str(word) for word in columns["label"]]
    known = sorted({word for word in words if word})
    if not known:
        raise InputError(f"{str(path)!r} has no label on any line")
    try:
        return torch.from_numpy(np.asarray([word or "-1" for word in words]).astype(np.int64))
    except (ValueError, OverflowError):
        number = {word: place for place, word in enumerate(known)}
        return torch.tensor([number.get(word, -1) for word in words])


def _split(columns: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    if "split" not in columns:
        return {}
    words = [str(word).strip() for word in columns["split"]]
    strange = sorted(set(words) - {*_MASKS, ""})
    if strange:
        raise InputError(f"{str(path)!r} has the split {strange[0]!r}: {', '.join(_MASKS)}, or nothing, would do")
    return {name: torch.tensor([word == name for word in words]) for name in _MASKS}

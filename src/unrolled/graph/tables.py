"""Edge lists: a table or a CSV file with a row an edge, whatever nodes are called in it."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unrolled.errors import InputError, StorageError, UnknownName

if TYPE_CHECKING:
    from unrolled.graph.value import Graph

__all__ = ["read", "read_csv", "read_edges", "write", "write_csv"]


def read_csv(path: Path, words: Collection[str] = ()) -> dict[str, Any]:
    """The columns of a file with a header, by name; a column is of numbers where every line has one.

    Tabs, semicolons and commas are told apart by the header.

    Args:
        path: the file.
        words: columns that stay as they are written, whatever is in them: names.

    Raises:
        InputError: no such file, no header, two columns of one name, or a line with another number of fields.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            mark = max("\t;,", key=header.count)
            file.seek(0)
            rows = list(csv.reader(file, delimiter=mark))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"no edge list can be read from {str(path)!r}: {error}") from error
    rows = [row for row in rows if row]
    if not rows:
        raise InputError(f"{str(path)!r} is empty; a header and a line an edge would do")
    names = [name.strip() for name in rows[0]]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{str(path)!r} has more than one column {twice!r}: each needs a name of its own")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise InputError(f"{str(path)!r} line {number} has {len(row)} fields, the header {len(rows[0])}")
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(rows[0])
    named = zip(names, columns, strict=True)
    return {name: _words(column) if name in words else _numbers(column) for name, column in named}


def _words(column: tuple[str, ...]) -> Any:
    return np.asarray([value.strip() for value in column], dtype=object)


def _numbers(column: tuple[str, ...]) -> Any:
    for kind in (np.int64, np.float64):
        try:
            return np.asarray(column).astype(kind)
        except (ValueError, OverflowError):
            continue
    return _words(column)


def read_edges(path: Path, sender: str, receiver: str) -> dict[str, Any]:
    """The columns of a file with a line an edge: nodes are called what is written, 7 and 007 two of them.

    The names are whole numbers where all of both columns are written as Python writes those, and words otherwise.

    Args:
        path: the file.
        sender: which column holds where edges start.
        receiver: which column holds where they end.

    Raises:
        InputError: as `read_csv`; an end without a name.
    """
    columns = read_csv(path, words=(sender, receiver))
    if {sender, receiver} <= columns.keys():
        for name in (sender, receiver):
            if "" in columns[name]:
                line = columns[name].tolist().index("") + 2
                raise InputError(f"{str(path)!r} line {line} has no {name}: an edge needs both its ends")
        words = np.concatenate([columns[sender], columns[receiver]]).astype(str)
        try:
            numbers = words.astype(np.int64)
        except (ValueError, OverflowError):
            return columns
        if (numbers.astype(str) == words).all():
            columns[sender], columns[receiver] = np.split(numbers, 2)
    return columns


def read(
    columns: Mapping[str, Any],
    sender: str,
    receiver: str,
    weight: str | None,
    *,
    directed: bool = True,
    num_nodes: int | None = None,
) -> dict[str, Any]:
    """A graph's fields from columns.

    Args:
        columns: name → array, all of one length.
        sender: which column holds where edges start.
        receiver: which column holds where they end.
        weight: which column holds their weights, if any.
        directed: whether a row is one edge, or also its reverse.
        num_nodes: N, if the numbers in the table are the nodes' own; by default nodes are whatever the
            table names, in their order, and keep those names.

    Raises:
        UnknownName: no such column.
        InputError: a weight that is no number; with ``num_nodes``, a node that is none.
    """
    for name in (sender, receiver, *([weight] if weight else [])):
        if name not in columns:
            raise UnknownName("column", name, list(columns))
    ends = np.concatenate([np.asarray(columns[sender]), np.asarray(columns[receiver])])
    names: tuple[Any, ...] | None = None
    if num_nodes is None:
        found, ends = np.unique(ends.astype(str) if ends.dtype == object else ends, return_inverse=True)
        names, num_nodes = tuple(found.tolist()), len(found)
    elif ends.dtype == object:
        ends = _node_numbers(ends, num_nodes)
    edges = len(ends) // 2
    senders, receivers = torch.from_numpy(ends[:edges].copy()), torch.from_numpy(ends[edges:].copy())
    others = {name: column for name, column in columns.items() if name not in (sender, receiver, weight)}
    try:
        weights = torch.as_tensor(np.asarray(columns[weight], dtype=np.float32)) if weight else None
    except (TypeError, ValueError):
        raise InputError(f"column {weight!r} is not all numbers") from None
    both = np.arange(edges)
    if not directed:
        both = np.concatenate([both, (senders != receivers).nonzero().squeeze(1).numpy()])
        senders, receivers = (
            torch.cat([senders, receivers[both[edges:]]]),
            torch.cat([receivers, senders[both[edges:]]]),
        )
        weights = weights[both] if weights is not None else None
    return {
        "senders": senders,
        "receivers": receivers,
        "num_nodes": num_nodes,
        "edge_weight": weights,
        "names": names,
        "edge_columns": {name: _column(np.asarray(column)[both]) for name, column in others.items()},
    }


def _node_numbers(ends: Any, num_nodes: int) -> Any:
    try:
        return ends.astype(np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"nodes are their numbers, 0…{num_nodes - 1}, where num_nodes is given: {error}") from error


def _column(values: Any) -> Any:
    return torch.from_numpy(values.copy()) if values.dtype.kind in "biuf" else tuple(values.tolist())


def write(graph: Graph, sender: str, receiver: str, weight: str) -> dict[str, list[Any]]:
    """Columns with a row an edge, in the graph's order: both ends by name, the weight, all edge columns.

    Nodes without edges have no row; ``num_nodes=`` or names say of them when such a table is read.

    Raises:
        InputError: an edge column of that name already.
    """
    names = graph.names or range(graph.num_nodes)
    columns: dict[str, list[Any]] = {
        sender: [names[node] for node in graph.senders.tolist()],
        receiver: [names[node] for node in graph.receivers.tolist()],
    }
    if graph.edge_weight is not None:
        columns[weight] = graph.edge_weight.detach().tolist()
    for name, column in graph.edge_columns.items():
        if name in columns:
            raise InputError(f"an edge column is called {name!r} already; another name for sender, receiver or weight")
        columns[name] = column.tolist() if isinstance(column, torch.Tensor) else list(column)
    return columns


def write_csv(path: Path, columns: Mapping[str, list[Any]]) -> None:
    """A file with a header and a line an edge.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    except OSError as error:
        raise StorageError(f"no edge list can be written to {str(path)!r}: {error}") from error

"""Readings and edges in the files that people have of them.

Readings, ``[T, N]``, an empty field or ``nan`` where one is missing:

* ``.csv`` or ``.tsv``: a header with the sensors' names, a line a step; a first column of times, if there is one.
* ``.h5``: a table that pandas wrote with ``to_hdf`` (METR-LA's and PEMS-BAY's form); needs h5py.
* ``.npy``, or ``.npz`` with one array or one called ``readings``, ``values`` or ``data``; of ``[T, N, F]`` the first
  feature.
* ``.json``: PyTorch Geometric Temporal's chickenpox (``edges``, ``node_ids``, ``FX``), which has its edges with it.

Edges:

* ``.csv`` or ``.tsv`` with two columns of ends and perhaps one of weights (``weight``) or of distances (``cost``,
  ``distance``), which a Gaussian kernel makes weights of; or with ``latitude`` and ``longitude`` of every sensor, which
  joins the nearest (`unrolled.data.sensors.places`).
* ``.npy``, or ``.npz`` with one array: a matrix ``[N, N]``, row to column.
* ``.pkl``: METR-LA's ``adj_mx.pkl`` (names, numbers, matrix), read without running anything in it.

Ends are sensors' names, or their numbers from 0 where no end is a name.
"""

from __future__ import annotations

import csv
import datetime
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from unrolled.data.array_pickles import read_plain_pickle
from unrolled.data.sensors.places import NEAREST, THRESHOLD, gaussian_weights, nearest_graph
from unrolled.data.sensors.readings import Readings, regular, seasons_of
from unrolled.errors import InputError
from unrolled.graph import Graph
from unrolled.graph.tables import read_csv

__all__ = ["EDGE_FILES", "READING_FILES", "edges_for", "read_readings", "table_of_times"]

READING_FILES: Final = (".csv", ".tsv", ".h5", ".npy", ".npz", ".json")
EDGE_FILES: Final = (".csv", ".tsv", ".npy", ".npz", ".pkl")

_MISSING: Final = ("", "nan", "na", "null", "none")
_DISTANCES: Final = ("cost", "distance", "dist", "metres", "meters", "km")
_ENDS: Final = (("source", "target"), ("from", "to"), ("a", "b"), ("sender", "receiver"), ("i", "j"))

Table = tuple[np.ndarray, tuple[str, ...] | None, "np.ndarray | None"]
"""``[T, N]`` with NaN, the sensors' names, the steps' times; None where the file does not say."""


def read_readings(path: Path, edges: Path | None = None, *, nearest: int = NEAREST, directed: bool = False) -> Readings:
    """What is in a file of readings, on the graph in a file of edges.

    Args:
        path: the readings.
        edges: the edges; not of a file that has them with it.
        nearest: neighbours of each sensor, where the edges file holds places.
        directed: whether an edge of a list goes one way; matrices and distances do anyway.

    Raises:
        InputError: no such file, or not what it should hold; readings and edges that do not match.
    """
    kind = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"no file of readings {str(path)!r}")
    if kind == ".json":
        return _chickenpox(path, edges)
    readers: dict[str, Callable[[Path], Table]] = {
        ".csv": _table,
        ".tsv": _table,
        ".h5": _hdf,
        ".hdf5": _hdf,
        ".npy": _array,
        ".npz": _array,
    }
    if kind not in readers:
        raise InputError(f"readings {path.name!r}: a file of {', '.join(READING_FILES)} would do")
    if edges is None:
        raise InputError(f"readings {path.name!r} are of sensors on a graph: give the graph's file with --edges")
    values, names, times = readers[kind](path)
    begins, seconds = None, None
    if times is not None:
        values, first, seconds = regular(values, times, path.name)
        begins = str(first)
    names = names or tuple(map(str, range(values.shape[1])))
    graph = edges_for(edges, names, nearest=nearest, directed=directed)
    return _readings(path.name, values, graph, begins, seconds)


def _readings(title: str, values: np.ndarray, graph: Graph, begins: str | None, seconds: int | None) -> Readings:
    found = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    observed = ~torch.isnan(found)
    return Readings(title, found.nan_to_num(0.0, torch.inf), observed, graph, seasons_of(seconds), begins, seconds)


# ── readings ────────────────────────────────────────────────────────────────────────────────────────────────


def table_of_times(lines: Sequence[str] | Any, title: str) -> Table:
    """A CSV of readings, line by line: names from the header, times from the first column if it holds any."""
    reader = csv.reader(lines, delimiter="\t" if title.endswith(".tsv") else ",")
    header = [name.strip() for name in next(reader, [])]
    rows = [row for row in reader if row]
    if len(header) < 1 or not rows:
        raise InputError(f"{title} is empty: a header with sensors' names and a line a step would do")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{title} line {number} has {len(row)} fields, the header {len(header)}")
    times = _times([row[0] for row in rows])
    from_column = 0 if times is None and not _is_index(header[0]) else 1
    values = np.empty((len(rows), len(header) - from_column), dtype=np.float32)
    for number, row in enumerate(rows):
        try:
            values[number] = [_number(field) for field in row[from_column:]]
        except ValueError as error:
            raise InputError(f"{title} line {number + 2}: {error}; a number, or nothing, would do") from None
    return values, tuple(header[from_column:]), times


def _number(field: str) -> float:
    return float("nan") if field.strip().lower() in _MISSING else float(field)


def _is_index(name: str) -> bool:
    return name.lower() in ("", "index", "step", "time", "timestamp", "t")


def _times(words: Sequence[str]) -> np.ndarray | None:
    """Times in ISO form, or None where the first is none; years alone and bare numbers are no times."""
    try:
        if words[0].strip().isdecimal():
            return None
        return np.array([_moment(word) for word in words], dtype="datetime64[s]")
    except ValueError:
        return None


def _moment(word: str) -> datetime.datetime:
    """Local time as it is written: an offset is left out."""
    return datetime.datetime.fromisoformat(word.strip()).replace(tzinfo=None)


def _table(path: Path) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return table_of_times(file, path.name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: no table can be read: {error}") from error


def _array(path: Path) -> Table:
    found = _only_array(path, ("readings", "values", "data"))
    if found.ndim == 3:
        found = found[:, :, 0]
    if found.ndim != 2 or found.dtype.kind not in "fiub":
        raise InputError(f"{path.name} holds {found.dtype} of shape {list(found.shape)}: numbers [T, N] would do")
    return found.astype(np.float32), None, None


def _only_array(path: Path, names: Sequence[str]) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            named = next((name for name in names if name in loaded.files), None)
            if named is None and len(loaded.files) != 1:
                raise InputError(f"{path.name} holds {', '.join(loaded.files) or 'nothing'}: one array would do")
            array: np.ndarray = loaded[named or loaded.files[0]]
            return array
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: no array can be read: {error}") from error


def _hdf(path: Path) -> Table:
    """The table of pandas' fixed HDF form: its axes and blocks, nothing unpickled."""
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"readings {path.name!r} are HDF, which h5py reads: pip install h5py (or unrolled[hdf]), "
            "or save them as .csv or .npz"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            group = next((file[name] for name in file if "axis0" in file[name] and "axis1" in file[name]), None)
            if group is None:
                raise InputError(f"{path.name} holds no table that pandas wrote in its fixed form")
            columns = [_word(name) for name in group["axis0"][()]]
            place = {name: number for number, name in enumerate(columns)}
            values = np.full((len(group["axis1"]), len(columns)), np.nan, dtype=np.float32)
            for name in group:
                if name.startswith("block") and name.endswith("_values"):
                    items = [place[_word(item)] for item in group[name.replace("_values", "_items")][()]]
                    values[:, items] = group[name][()]
            axis = group["axis1"]
            is_time = _word(axis.attrs.get("kind", "")).startswith("datetime")
            unit = _word(axis.attrs.get("kind", "")).partition("[")[2].rstrip("]") or "ns"
            times = axis[()].astype(np.int64).astype(f"datetime64[{unit}]") if is_time else None
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: no table can be read: {error}") from error
    return values, tuple(columns), times


def _word(given: Any) -> str:
    return given.decode("utf-8") if isinstance(given, bytes) else str(given)


def _chickenpox(path: Path, edges: Path | None) -> Readings:
    """PyTorch Geometric Temporal's JSON: ``FX`` is ``[T, N]``, ``edges`` pairs of numbers, ``node_ids`` the names'."""
    if edges is not None:
        raise InputError(f"{path.name} has its edges with it: leave out --edges")
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        values = np.array(held["FX"], dtype=np.float32)
        ends = torch.tensor(held["edges"], dtype=torch.long).view(-1, 2).T
        numbers: Mapping[str, int] = held["node_ids"]
        names = tuple(sorted(numbers, key=lambda name: numbers[name]))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path.name} is not in the form of chickenpox.json (edges, node_ids, FX): {type(error).__name__}: {error}"
        ) from error
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(f"{path.name}: FX is {list(values.shape)}, node_ids names {len(names)}: [T, N] would do")
    graph = Graph(ends[0], ends[1], len(names), names=names)
    return _readings(path.name, values, graph, None, None)


# ── edges ───────────────────────────────────────────────────────────────────────────────────────────────────


def edges_for(path: Path, names: Sequence[str], *, nearest: int = NEAREST, directed: bool = False) -> Graph:
    """The graph of the sensors called ``names``, in that order.

    Raises:
        InputError: no such file, another number of nodes than of names, or an end that is no sensor.
    """
    kind = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"no file of edges {str(path)!r}")
    if kind in (".csv", ".tsv"):
        return _listed(path, names, nearest, directed)
    if kind in (".npy", ".npz"):
        return _matrix(path.name, _only_array(path, ("adjacency", "weights", "data")), names)
    if kind == ".pkl":
        held = read_plain_pickle(path.read_bytes(), path.name)
        is_right = isinstance(held, list | tuple) and len(held) == 3 and isinstance(held[2], np.ndarray)
        if not is_right:
            raise InputError(f"{path.name} is not in the form of adj_mx.pkl: [names, numbers, matrix]")
        return _matrix(path.name, held[2], names, tuple(map(_word, held[0])))
    raise InputError(f"edges {path.name!r}: a file of {', '.join(EDGE_FILES)} would do")


def _matrix(title: str, matrix: np.ndarray, names: Sequence[str], of: Sequence[str] | None = None) -> Graph:
    count = len(names)
    if matrix.shape != (count, count) or matrix.dtype.kind not in "fiub" or not np.isfinite(matrix).all():
        raise InputError(
            f"{title} holds a matrix {list(matrix.shape)}, the readings are of {count} sensors: "
            f"finite numbers [{count}, {count}] would do"
        )
    if of is not None and set(of) == set(names):
        place = [list(of).index(name) for name in names]
        matrix = matrix[np.ix_(place, place)]
    elif of is not None and not all(name.isdecimal() and int(name) < count for name in names):
        strange = sorted(set(of) - set(names))[0]
        raise InputError(f"{title} names sensor {strange!r}, which the readings do not have")
    senders, receivers = np.nonzero(matrix)
    weights = torch.from_numpy(matrix[senders, receivers].astype(np.float32))
    return Graph(torch.from_numpy(senders), torch.from_numpy(receivers), count, edge_weight=weights, names=tuple(names))


def _listed(path: Path, names: Sequence[str], nearest: int, directed: bool) -> Graph:
    columns = {name.lower(): column for name, column in read_csv(path).items()}
    latitude = next((columns[name] for name in ("latitude", "lat") if name in columns), None)
    longitude = next((columns[name] for name in ("longitude", "lon", "lng") if name in columns), None)
    if latitude is not None and longitude is not None:
        return _placed(path, columns, latitude, longitude, names, nearest)
    pair = next((pair for pair in _ENDS if set(pair) <= columns.keys()), tuple(columns)[:2])
    if len(pair) < 2:
        raise InputError(f"{path.name} has the columns {', '.join(columns)}: source and target would do")
    away = next((name for name in _DISTANCES if name in columns), None)
    words = np.array([[str(end).strip() for end in columns[name]] for name in pair])
    senders, receivers = _places(path.name, words, names, are_all=away is None)
    here = (senders >= 0) & (receivers >= 0)
    if not here.any():
        raise InputError(f"{path.name} joins none of the {len(names)} sensors of the readings")
    weights: torch.Tensor | None = None
    if away is not None or "weight" in columns:
        try:
            weights = torch.from_numpy(np.asarray(columns[away or "weight"], dtype=np.float64)[here]).float()
        except (TypeError, ValueError):
            raise InputError(f"{path.name}: column {away or 'weight'!r} is not all numbers") from None
    ends = torch.from_numpy(senders[here]), torch.from_numpy(receivers[here])
    if away is not None:
        assert weights is not None
        weights = gaussian_weights(weights)
        kept = weights >= THRESHOLD
        ends, weights = (ends[0][kept], ends[1][kept]), weights[kept]
    graph = Graph(*ends, len(names), edge_weight=weights, names=tuple(names))
    return graph if directed or away is not None else graph.undirected()


def _places(title: str, words: np.ndarray, names: Sequence[str], *, are_all: bool) -> np.ndarray:
    """The number of each end, −1 of one that is no sensor."""
    known = {name: number for number, name in enumerate(names)}
    if not any(word in known for word in words.flat):
        known = {str(number): number for number in range(len(names))}
    found = np.array([[known.get(word, -1) for word in row] for row in words], dtype=np.int64)
    if are_all and (found < 0).any():
        strange = words[found < 0][0]
        raise InputError(
            f"{title} has sensor {str(strange)!r}, which the readings do not have "
            f"({', '.join(names[:3])}, …: {len(names)})"
        )
    return found


def _placed(
    path: Path,
    columns: Mapping[str, Any],
    latitude: np.ndarray,
    longitude: np.ndarray,
    names: Sequence[str],
    nearest: int,
) -> Graph:
    """The nearest neighbours among the sensors, by the places in the file: by name, or in the order of its lines."""
    words = next((column for column in columns.values() if {str(word) for word in column} >= set(names)), None)
    if words is None and len(latitude) != len(names):
        raise InputError(f"{path.name} has {len(latitude)} places and not all names of the {len(names)} sensors")
    known = {str(word): number for number, word in enumerate(words)} if words is not None else {}
    order = [known[name] for name in names] if words is not None else list(range(len(names)))
    try:
        north, east = (torch.tensor(np.asarray(column, dtype=np.float64)[order]) for column in (latitude, longitude))
    except (TypeError, ValueError):
        raise InputError(f"{path.name}: latitude or longitude is not all numbers") from None
    return nearest_graph(north, east, names, nearest)

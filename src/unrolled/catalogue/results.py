"""A file of results: the finished runs that one keeps, commits and shares, a row each, as Parquet.

The columns ``spec`` and ``result`` hold a run's spec and its ``result.json`` whole, as JSON; only these are read back.
The others say the same flat, for any program that reads Parquet. Weights and metrics stay in the folder of runs.

History of `FORMAT`: 1, the first.
"""

from __future__ import annotations

import glob
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, final

from unrolled.catalogue.columns import columns, solved_step, values
from unrolled.catalogue.database import connected, load
from unrolled.errors import InputError, RecordError
from unrolled.record import Run, held, storing, write_whole
from unrolled.spec import RunSpec, parse

__all__ = ["FORMAT", "ResultRow", "ResultsFile", "read_results", "write_results"]

FORMAT = 1
"""Version of the file; its history is in the module's docstring."""

_LEAST_SHARE = 20
"""A file that is being added to is written again no sooner than after so many times the time that it takes."""


@final
@dataclass(frozen=True)
class ResultRow:
    """A run that has come to its end, as a file of results keeps it.

    Attributes:
        spec: what it was asked to do, resolved and whole.
        result: the content of its ``result.json``.
    """

    spec: RunSpec
    result: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run) -> ResultRow:
        """The row of a run on disk.

        Raises:
            RecordError: it has no result yet, or it trained a module that no spec describes.
        """
        if run.result is None:
            raise RecordError(f"run {run.name!r} is not done: it has no result to keep")
        if run.result.get("given_model"):
            raise RecordError(f"run {run.name!r} trained a module given to train(model=...), which no spec describes")
        return cls(run.spec, run.result)

    @cached_property
    def identity(self) -> str:
        """The hash of the spec."""
        return self.spec.identity()

    @property
    def status(self) -> Literal["done", "diverged"]:
        """How it ended."""
        return "diverged" if self.result["stopped"] == "diverged" else "done"

    @property
    def accuracy(self) -> float | None:
        """On data that no step saw; None where training diverged."""
        return (self.result.get("evaluation") or {}).get("accuracy")

    @property
    def solved(self) -> bool:
        """Whether that was at least .99."""
        return bool(self.result.get("solved"))

    @property
    def solved_step(self) -> int | None:
        """After how many steps it was solved, where that is what stopped it (``stop: solved``)."""
        return solved_step(self.result)

    @property
    def steps(self) -> int:
        """Steps taken."""
        return int(self.result["steps"])

    @property
    def seconds(self) -> float:
        """Spent training."""
        return float(self.result.get("seconds", 0.0))

    @property
    def threads(self) -> int:
        """Threads of the process that trained it."""
        return int(self.result.get("threads", 1))

    @property
    def version(self) -> str | None:
        """Of unrolled, which trained it."""
        return (self.result.get("versions") or {}).get("unrolled")


def read_results(path: Path | str) -> tuple[ResultRow, ...]:
    """Every row of a file of results, each identity once, in the order of the file.

    Raises:
        RecordError: there is no such file, or it is damaged, or something else than a file of results.
    """
    import duckdb

    path = Path(path)
    if not path.is_file():
        raise RecordError(f"no file of results at {str(path)!r}")
    pattern = glob.escape(str(path))
    try:
        with connected() as connection:
            heads = "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'unrolled_results'"
            head = connection.execute(heads, [pattern]).fetchone()
            if head is None:
                raise RecordError(f"{str(path)!r} was not written by unrolled: it is no file of results")
            if head[0] != str(FORMAT):
                raise RecordError(f"{str(path)!r} has format {head[0]}; this version reads format {FORMAT}")
            found = connection.execute("SELECT spec, result FROM read_parquet(?)", [pattern]).fetchall()
    except duckdb.Error as error:
        raise RecordError(f"{str(path)!r} is damaged or no file of results: {_first_line(error)}") from None
    rows = {row.identity: row for row in (_row(path, *written) for written in found)}
    return tuple(rows.values())


def _row(path: Path, spec: str, result: str) -> ResultRow:
    try:
        row = ResultRow(parse(json.loads(spec)), json.loads(result))
    except (InputError, TypeError, ValueError, RecursionError) as error:
        raise RecordError(f"{str(path)!r} is damaged: {_first_line(error)}") from None
    if not isinstance(row.result, dict) or not {"identity", "stopped", "steps"} <= row.result.keys():
        raise RecordError(f"{str(path)!r} is damaged: a row is no result of a run")
    if row.result["identity"] != row.identity:
        raise RecordError(f"{str(path)!r} is damaged: the result of {row.result['identity']} is beside another spec")
    return row


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def write_results(path: Path | str, rows: Iterable[ResultRow]) -> None:
    """Write a file of results, whole or not at all; of rows of one identity the last counts.

    Rows are put in one order, so that a file that grows changes little.

    Raises:
        StorageError: it cannot be written there; what was there is untouched.
    """
    path = Path(path)
    kept = sorted({row.identity: row for row in rows}.values(), key=_place)
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder, connected() as connection:
        written = Path(folder) / "results.parquet"
        load(connection, "results", {**columns(), "spec": "VARCHAR", "result": "VARCHAR"}, map(_flat, kept))
        with storing(written):
            connection.execute(
                f"COPY results TO '{_quoted(written)}' "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{unrolled_results: '{FORMAT}'}})"
            )
        write_whole(path, written.read_bytes())


def _place(row: ResultRow) -> tuple[str, str, str]:
    return row.spec.task_name, row.spec.network, row.identity


def _flat(row: ResultRow) -> dict[str, Any]:
    spec, result = (json.dumps(part, ensure_ascii=False) for part in (row.spec.to_mapping(), row.result))
    return {**values(row.spec, row.result), "spec": spec, "result": result}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@final
class ResultsFile:
    """A file of results that grows as runs end, also from several processes at once.

    Each `add` brings the file up to date, unless it was written a moment ago; `close` brings in the rest. A process
    that is killed in between loses no run: what is missing here is in its folder of runs.

    Args:
        path: the file; where there is none, it is made.

    Raises:
        RecordError: there is one and it is damaged, or something else.
        StorageError: it is not there and cannot be made.

    Attributes:
        rows: what it holds, by identity.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._new: dict[str, ResultRow] = {}
        self._not_before = 0.0
        self.rows: dict[str, ResultRow] = {}
        if self._path.exists():
            self.rows = {row.identity: row for row in read_results(self._path)}
        else:
            self._write()

    def add(self, row: ResultRow) -> None:
        """Add a row, unless its run is there already.

        Raises:
            StorageError: the file cannot be written.
        """
        if row.identity in self.rows:
            return
        self._new[row.identity] = self.rows[row.identity] = row
        if time.monotonic() >= self._not_before:
            self._write()

    def close(self) -> None:
        """Bring in what is still to be written.

        Raises:
            StorageError: the file cannot be written.
        """
        if self._new:
            self._write()

    def _write(self) -> None:
        began = time.monotonic()
        with held(self._path.absolute().parent, wait=True):
            there = read_results(self._path) if self._path.exists() else ()
            self.rows = {row.identity: row for row in there} | self.rows
            write_results(self._path, self.rows.values())
        self._new.clear()
        self._not_before = time.monotonic() + _LEAST_SHARE * (time.monotonic() - began)

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

"""Questions in SQL to a folder of runs: the views ``runs``, a row a run, and ``metrics``, a row a line measured.

Everything is read afresh into a database in memory, so an answer is never stale; the query itself reads no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.catalogue.columns import columns, values
from unrolled.catalogue.database import connected, load, load_lines
from unrolled.errors import RecordError, SpecError
from unrolled.record import METRICS, Run, damaged_runs, list_runs

__all__ = ["Answer", "ask"]

_RUN = {"name": "VARCHAR", "path": "VARCHAR", "failure": "VARCHAR"}
_METRICS = {
    "run": "VARCHAR",
    "step": "BIGINT",
    "kind": "VARCHAR",
    "loss_nats": "DOUBLE",
    "accuracy": "DOUBLE",
    "gradient_norm": "DOUBLE",
    "clipped_share": "DOUBLE",
    "learning_rate": "DOUBLE",
    "count": "BIGINT",
    "carried_accuracy": "DOUBLE",
    "carried_loss_nats": "DOUBLE",
    "seconds": "DOUBLE",
}


@dataclass(frozen=True)
class Answer:
    """A table.

    Attributes:
        columns: their names.
        rows: a tuple each.
        damaged: why runs of the folder are not among those asked about, a sentence each.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    damaged: tuple[str, ...] = ()


def ask(sql: str, runs: Path | str = "runs") -> Answer:
    """The answer to one SELECT, in DuckDB's SQL, over ``runs`` (its columns: `columns`, and name, path, failure) and
    ``metrics`` (``run`` is the run's name, ``kind`` train or evaluation).

    Raises:
        SpecError: no SQL, or something else than one SELECT, or a column that there is not.
        RecordError: the folder cannot be read, or a run's metrics are damaged.
    """
    import duckdb

    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise SpecError(f"no SQL: {_told(error)}") from None
    if kinds != [duckdb.StatementType.SELECT]:
        raise SpecError(f"{sql!r:.60} is no question: give one SELECT … FROM runs")
    found = list_runs(runs)
    with connected() as connection:
        load(connection, "runs", {**_RUN, **columns()}, map(_row, found))
        lines = _lines(found) if re.search(r"\bmetrics\b", sql, re.IGNORECASE) else iter(())
        try:
            load_lines(connection, "metrics", _METRICS, lines)
        except duckdb.Error as error:
            raise RecordError(f"the metrics of a run in {str(runs)!r} are damaged: {_told(error)}") from None
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            answer = connection.execute(sql)
            names = tuple(str(column[0]) for column in answer.description or ())
            return Answer(names, tuple(answer.fetchall()), tuple(damaged_runs(runs, found)))
        except duckdb.Error as error:
            raise SpecError(f"the query cannot be answered: {_told(error)}") from None


def _told(error: Exception) -> str:
    """DuckDB's own words, on one line, up to the copy of the query that it points into."""
    words = str(error).partition("\n\nLINE ")[0]
    return " ".join(words.split())


def _row(run: Run) -> dict[str, Any]:
    row = {"name": run.name, "path": str(run.path), **values(run.spec, run.result)}
    return row if run.failure is None else {**row, "status": "failed", "failure": run.failure}


def _lines(runs: list[Run]) -> Iterator[str]:
    """The metrics of all runs, each line with its run's name; a last line that is being written is left out."""
    for run in runs:
        name = json.dumps(run.name, ensure_ascii=False)
        try:
            whole, _, _ = (run.path / METRICS).read_text(encoding="utf-8").rpartition("\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise RecordError(f"{str(run.path / METRICS)!r} cannot be read: {error}") from None
        for number, line in enumerate(whole.splitlines(), start=1):
            if not (line.startswith("{") and line.endswith("}")):
                raise RecordError(f"{str(run.path / METRICS)!r} is damaged: line {number} is no JSON object")
            yield f'{{"run": {name}, {line[1:]}'

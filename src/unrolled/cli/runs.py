"""``unrolled runs``: what a folder of runs holds."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unrolled.cli.damaged import warn_of_damaged
from unrolled.cli.json_text import json_text
from unrolled.errors import InputError, RecordError

if TYPE_CHECKING:
    from unrolled.record import Run

__all__ = ["runs"]

_HEADINGS = {
    "name": "name",
    "status": "status",
    "task": "task",
    "cell": "cell",
    "steps": "steps",
    "loss": "loss_nats",
    "unseen": "accuracy",
    "stopped": "stopped",
}
_NUMBERS = ("steps", "loss", "unseen")


def runs(
    *,
    runs: Path = Path("runs"),
    sql: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    as_csv: Annotated[bool, Parameter(name="--csv", negative=())] = False,
) -> None:
    """List the runs of a folder, or ask about them in SQL.

    Args:
        runs: the folder.
        sql: one SELECT in DuckDB's SQL, over the tables runs (every option and result of a run) and metrics.
        as_json: as JSON, for programs.
        as_csv: the answer to --sql as CSV.
    """
    if sql is not None:
        _answer(sql, runs, as_json, as_csv)
        return
    if as_csv:
        raise InputError("--csv is for the answer to --sql; the list of runs comes as --json")
    from unrolled.record import damaged_runs, list_runs

    listed, found = list_runs(runs), []
    damaged = damaged_runs(runs, listed)
    for run in listed:
        try:
            found.append(_row(run))
        except RecordError as error:
            damaged.append(str(error))
    warn_of_damaged(damaged)
    if as_json:
        print(json_text(found, indent=1))
    elif not found:
        print(f"no runs in {runs}; make one with: unrolled train palindromes")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in _HEADINGS:
            table.add_column(heading, justify="right" if heading in _NUMBERS else "left")
        for row in found:
            table.add_row(*(Text(_cell(row[key])) for key in _HEADINGS.values()))
        Console(highlight=False).print(table)


def _answer(sql: str, runs: Path, as_json: bool, as_csv: bool) -> None:
    from unrolled.catalogue import ask

    found = ask(sql, runs)
    warn_of_damaged(found.damaged)
    if as_json:
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        print(json_text(rows, indent=1, default=str, ensure_ascii=False))
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([found.columns, *found.rows])
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, name in enumerate(found.columns):
            numbers = all(isinstance(row[place], int | float | None) for row in found.rows)
            table.add_column(Text(name), justify="right" if numbers else "left")
        for row in found.rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        Console(highlight=False).print(table)


def _row(run: Run) -> dict[str, Any]:
    result = run.result or {}
    metrics = [] if result else run.metrics()
    return {
        "name": run.name,
        "path": str(run.path),
        "status": run.status if run.failure is None else "failed",
        "failure": run.failure,
        "task": run.spec.task_name,
        "cell": run.spec.network,
        "seed": run.spec.training.seed,
        "identity": run.spec.identity(),
        "steps": result.get("steps", metrics[-1]["step"] if metrics else 0),
        "of": run.spec.training.steps,
        "loss_nats": result.get("loss_nats", metrics[-1].get("loss_nats") if metrics else None),
        "accuracy": (result.get("evaluation") or {}).get("accuracy"),
        "solved": result.get("solved"),
        "stopped": result.get("stopped"),
    }


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)

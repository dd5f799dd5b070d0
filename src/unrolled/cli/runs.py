"""``unrolled runs``: what a folder of runs holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

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
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """List the runs of a folder.

    Args:
        runs: the folder.
        as_json: as JSON, for programs.
    """
    from unrolled.record import list_runs

    found = [_row(run) for run in list_runs(runs)]
    if as_json:
        print(json.dumps(found, indent=1))
    elif not found:
        print(f"no runs in {runs}; make one with: unrolled train palindromes")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in _HEADINGS:
            table.add_column(heading, justify="right" if heading in _NUMBERS else "left")
        for row in found:
            table.add_row(*(_cell(row[key]) for key in _HEADINGS.values()))
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

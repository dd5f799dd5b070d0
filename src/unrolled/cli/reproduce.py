"""``unrolled reproduce``: every published number beside a measured one, with live progress and a summary."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from unrolled.cli.exit_codes import FAILED, INTERRUPTED
from unrolled.errors import InputError, StorageError, UnrolledError

if TYPE_CHECKING:
    from unrolled.experiments import Budget, Claim, ClaimResult
    from unrolled.record import Run

__all__ = ["reproduce"]


def reproduce(
    *claims: str,
    budget: Literal["quick", "full"] = "quick",
    runs: Path = Path("runs"),
    out: Path = Path("report.html"),
    workers: int | None = None,
    cell: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> int:
    """Measure the published claims again and put both numbers side by side.

    What is done is not done again: after Ctrl-C or a crash the same command goes on.

    Args:
        claims: which ones (default: all).
        budget: quick takes minutes on two cores and says what it shortened; full runs the published budgets.
        runs: folder of runs.
        out: the page to write.
        workers: processes that train at the same time (default: one a processor, at most 8).
        cell: a cell that joins every claim, as path/to/file.py:MyCell; can be given several times.
    """
    from unrolled import experiments
    from unrolled.cli.board import Board
    from unrolled.cli.summary import print_summary
    from unrolled.record import list_runs
    from unrolled.report import write_report
    from unrolled.training import default_workers

    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}: at least 1")
    _require_place(out)
    events = experiments.reproduce(claims, budget=budget, runs=runs, workers=workers or default_workers(), cells=cell)
    chosen = [experiments.CLAIMS[name] for name in dict.fromkeys(claims or experiments.CLAIMS)]
    _announce_fetches(chosen, budget, cell)
    console = Console(highlight=False)
    minutes = sum(claim.minutes[budget] for claim in chosen)
    what = f"{len(chosen)} claim{'s' if len(chosen) > 1 else ''}, budget {budget}"
    console.print(f"{what}: up to {math.ceil(minutes)} min on two cores", soft_wrap=True)
    board = Board(console)
    try:
        with board, contextlib.closing(events):
            for event in events:
                board.show(event)
    except KeyboardInterrupt:
        print("stopped; the same command goes on, and does nothing twice", file=sys.stderr)
        return INTERRUPTED
    results = [board.results[claim.name] for claim in chosen if claim.name in board.results]
    if results:
        write_report(out, _behind(results, list_runs(runs)), results)
        print_summary(results, console)
        console.print(Text(f"{out}  open it in a browser"), soft_wrap=True)
    for claim, error in board.failures:
        print(f"error: claim {claim.name!r} was not measured: {error}", file=sys.stderr)
    return FAILED if board.failures else 0


def _require_place(out: Path) -> None:
    """Refuse a page that could not be written before the work is done, not after it."""
    if out.is_dir():
        raise StorageError(f"cannot write {str(out)!r}: it is a folder; give a file, such as report.html")
    if not out.parent.is_dir():
        raise StorageError(f"cannot write {str(out)!r}: there is no folder {str(out.parent)!r}")
    if not os.access(out.parent, os.W_OK):
        raise StorageError(f"cannot write {str(out)!r}: the folder is read-only")


def _announce_fetches(claims: Sequence[Claim], budget: Budget, cells: tuple[str, ...]) -> None:
    from unrolled.cli.data import announce, needed

    sources: set[str] = set()
    for claim in claims:
        with contextlib.suppress(UnrolledError):  # reproduce will say so, claim by claim
            sources |= {name for spec in claim.specs(budget, cells) if (name := needed(spec)) is not None}
    for source in sorted(sources):
        announce(source)


def _behind(results: Sequence[ClaimResult], runs: Sequence[Run]) -> list[Run]:
    """The runs that the results were read from."""
    names = {name for result in results for name in result.runs}
    return [run for run in runs if run.name in names]

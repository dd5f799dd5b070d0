"""The runs behind a memory curve or a search: trained with bars, a line a run where nobody watches, and counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from unrolled.catalogue import ResultRow, ResultsFile
from unrolled.cli.names import default_name
from unrolled.cli.run_rows import RunRows
from unrolled.record import list_runs
from unrolled.spec import RunSpec, resolve
from unrolled.training import Failure, Progress, sweep

__all__ = ["Collected", "found_rows", "resolved"]


def found_rows(specs: Sequence[RunSpec], results: Path | None, runs: Path) -> list[ResultRow]:
    """The rows of specs (resolved) that are done already; the folder's join the file of results."""
    wanted = {spec.identity() for spec in specs}
    rows: dict[str, ResultRow] = {}
    for run in list_runs(runs):
        if run.result is not None and not run.result.get("given_model") and run.spec.identity() in wanted:
            rows[run.spec.identity()] = ResultRow.of(run)
    if results is not None:
        with ResultsFile(results) as file:
            for row in rows.values():
                file.add(row)
            rows = file.rows | rows
    return [row for identity, row in rows.items() if identity in wanted]


class Collected:
    """Rows as they come in, drawn while they do.

    Attributes:
        rows: of the runs that have ended.
        failed: how many did not.
    """

    def __init__(self, console: Console) -> None:
        self.rows: list[ResultRow] = []
        self.failed = 0
        self._console = console
        self._bars = RunRows(console)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """While entered, bars are drawn in a terminal."""
        self._bars.start()
        try:
            yield
        finally:
            self._bars.stop()

    def train(self, specs: Sequence[RunSpec], *, results: Path | None, runs: Path, workers: int) -> bool:
        """Train what is missing of the specs; whether it was interrupted."""
        news = sweep(specs, results=results, runs=runs, workers=workers)
        try:
            with self.drawing(), contextlib.closing(news):
                for spec, told in news:
                    self.show(spec, told, len(specs))
        except KeyboardInterrupt:
            return True
        return False

    def show(self, spec: RunSpec, told: Progress | ResultRow | Failure, planned: int) -> None:
        """What a sweep said of a run."""
        if isinstance(told, Progress):
            self._bars.draw(spec, told)
            return
        self._bars.end(spec, max(0, planned - self._bars.done - 1))
        if isinstance(told, Failure):
            self.failed += 1
            self._console.print(Text(f"{default_name(spec)} failed: {told.error}", style="red"), soft_wrap=True)
            return
        self.rows.append(told)
        if not self._console.is_terminal:
            how = "solved" if told.solved else "not solved"
            line = f"{default_name(spec)}  {how} after {told.steps} steps, accuracy {told.accuracy or 0:.3f}"
            self._console.print(Text(line), soft_wrap=True)


def resolved(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Specs with the hash of a user's own cell filled in, as their runs have it."""
    return [resolve(spec) if spec.user_cell is not None else spec for spec in specs]

"""The runs behind a memory curve or a search: trained before one's eyes, a line a run where nobody watches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from unrolled.catalogue import ResultRow, ResultsFile
from unrolled.cli.names import default_name
from unrolled.cli.run_rows import RunRows
from unrolled.cli.signs import one_line
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

    def __init__(self, console: Console, label: Callable[[RunSpec], str] = default_name) -> None:
        self.rows: list[ResultRow] = []
        self.failed = 0
        self._console = console
        self._table = RunRows(console, label)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """While entered, a table is drawn in a terminal."""
        self._table.start()
        try:
            yield
        finally:
            self._table.stop()

    def expect(self, specs: Sequence[RunSpec]) -> None:
        """These are to come."""
        self._table.expect(specs)

    def train(self, specs: Sequence[RunSpec], *, results: Path | None, runs: Path, workers: int) -> bool:
        """Train what is missing of the specs; whether it was interrupted."""
        self.expect(specs)
        news = sweep(specs, results=results, runs=runs, workers=workers)
        try:
            with self.drawing(), contextlib.closing(news):
                for spec, told in news:
                    self.show(spec, told)
        except KeyboardInterrupt:
            return True
        return False

    def show(self, spec: RunSpec, told: Progress | ResultRow | Failure) -> None:
        """What a sweep said of a run."""
        label = self._table.label(spec)
        if isinstance(told, Progress):
            self._table.draw(spec, told)
            return
        if isinstance(told, Failure):
            self.failed += 1
            self._table.end(spec)
            self._console.print(Text(f"{label} failed: {one_line(told.error)}", style="red"), soft_wrap=True)
            return
        self.rows.append(told)
        self._table.end(spec, steps=told.steps, accuracy=told.accuracy)
        if not self._console.is_terminal:
            how = "solved" if told.solved else "not solved"
            line = f"{label}  {how} after {told.steps} steps, accuracy {told.accuracy or 0:.3f}"
            self._console.print(Text(line), soft_wrap=True)


def resolved(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Specs with the hash of a user's own cell filled in, as their runs have it."""
    return [resolve(spec) if spec.user_cell is not None else spec for spec in specs]

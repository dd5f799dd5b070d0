"""What a reproduction is doing, as it does it: bars in a terminal, a line an event anywhere else."""

from __future__ import annotations

from types import TracebackType

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from unrolled.cli.names import default_name
from unrolled.cli.progress import figures
from unrolled.errors import UnrolledError
from unrolled.experiments import (
    Claim,
    ClaimFailed,
    ClaimFinished,
    ClaimResult,
    ClaimStarted,
    Event,
    RunFailed,
    RunFinished,
    RunProgressed,
)
from unrolled.spec import RunSpec
from unrolled.training import Progress

__all__ = ["Board"]


class Board:
    """Draws events, and keeps what the claims came to.

    Attributes:
        results: by claim.
        failures: claims that could not be measured, each with why.
    """

    def __init__(self, console: Console) -> None:
        self.results: dict[str, ClaimResult] = {}
        self.failures: list[tuple[Claim, UnrolledError]] = []
        self._console = console
        self._done = 0
        self._rows: dict[str, bars.TaskID] = {}
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=20),
            bars.TextColumn("{task.completed}/{task.total}"),
            bars.TextColumn("{task.fields[figures]}", style="cyan"),
            bars.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._all = self._bars.add_task("all runs", total=None, figures="")

    def __enter__(self) -> Board:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case ClaimStarted(claim=claim, runs=count):
                self._say(f"{claim.name}: {claim.question} ({count} run{'s' if count != 1 else ''})")
            case RunProgressed(spec=spec, progress=progress):
                self._draw(spec, progress)
            case RunFinished(run=run, reused=reused, left=left):
                self._count(run.spec, left)
                if not (self._console.is_terminal or reused):
                    self._say(f"  {self._done}/{self._done + left}  {default_name(run.spec)}  {run.name}")
            case RunFailed(spec=spec, error=error, left=left):
                self._count(spec, left)
                self._say(f"  {default_name(spec)} failed: {error}", style="red")
            case ClaimFinished(result=result):
                self.results[result.claim] = result
                self._say(f"{result.claim}: {result.answer}", style="bold")
            case ClaimFailed(claim=claim, error=error):
                self.failures.append((claim, error))

    def _draw(self, spec: RunSpec, progress: Progress) -> None:
        identity = spec.identity()
        if identity not in self._rows:
            self._rows[identity] = self._bars.add_task(default_name(spec), total=progress.steps, figures="")
        self._bars.update(self._rows[identity], completed=progress.step, figures=figures(progress, spec))

    def _count(self, spec: RunSpec, left: int) -> None:
        self._done += 1
        self._bars.update(self._all, completed=self._done, total=self._done + left)
        row = self._rows.pop(spec.identity(), None)
        if row is not None:
            self._bars.remove_task(row)

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), soft_wrap=True)

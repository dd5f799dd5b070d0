"""Many runs as bars in a terminal: one for all of them, one for each that trains."""

from __future__ import annotations

from rich import progress as bars
from rich.console import Console

from unrolled.cli.names import default_name
from unrolled.cli.progress import figures
from unrolled.spec import RunSpec
from unrolled.training import Progress

__all__ = ["RunRows"]


class RunRows:
    """The bars; they show in a terminal only.

    Attributes:
        done: runs that have ended.
    """

    def __init__(self, console: Console) -> None:
        self.done = 0
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

    def start(self) -> None:
        """Begin to draw."""
        self._bars.start()

    def stop(self) -> None:
        """Take the bars away."""
        self._bars.stop()

    def draw(self, spec: RunSpec, progress: Progress) -> None:
        """A run has come this far."""
        identity = spec.identity()
        if identity not in self._rows:
            self._rows[identity] = self._bars.add_task(default_name(spec), total=progress.steps, figures="")
        self._bars.update(self._rows[identity], completed=progress.step, figures=figures(progress, spec))

    def end(self, spec: RunSpec, left: int, summary: str = "") -> None:
        """A run has ended, and so many are left; `summary` stands beside the bar of all."""
        self.done += 1
        self._bars.update(self._all, completed=self.done, total=self.done + left, figures=summary)
        row = self._rows.pop(spec.identity(), None)
        if row is not None:
            self._bars.remove_task(row)

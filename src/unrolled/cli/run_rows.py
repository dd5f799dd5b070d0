"""Many runs in a terminal: how many are done, train, failed; the time left; the best; a row for each that trains."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from unrolled.cli.names import default_name
from unrolled.cli.progress import duration
from unrolled.spec import TASKS, RunSpec
from unrolled.training import Progress, cost

__all__ = ["RunRows"]

_PATIENCE_SECONDS = 2.0
"""Before that no time left is told."""

_BAR = 8
"""Columns of the bar of a row."""

_CURSOR = 2
"""Lines of a terminal that are left to what is printed above."""


@dataclass
class _Row:
    """A run that trains."""

    spec: RunSpec
    first: int
    progress: Progress

    @property
    def share(self) -> float:
        """Of all its steps, those that were taken under our eyes."""
        return self.share_of(self.progress.step)

    def share_of(self, step: int) -> float:
        """Likewise, were it at that step."""
        return max(0, step - self.first) / self.progress.steps


class RunRows:
    """The table; it shows in a terminal only, and is gone when it is stopped.

    Args:
        console: the terminal.
        label: what a run is called in it.

    Attributes:
        ended: how many runs have come to an end.
        failed: how many have not, and will not.
    """

    def __init__(self, console: Console, label: Callable[[RunSpec], str] = default_name) -> None:
        self.ended = self.failed = 0
        self.label = label
        self._console = console
        self._rows: dict[str, _Row] = {}
        self._costs: dict[str, float] = {}
        self._stops = False
        self._done = self._left = 0.0
        self._began: float | None = None
        self._best: tuple[float, RunSpec] | None = None
        self._live = Live(console=console, get_renderable=self.table, transient=True, refresh_per_second=4)

    def expect(self, specs: Iterable[RunSpec]) -> None:
        """These are to come; what is expected twice is one run."""
        for spec in specs:
            if (identity := spec.identity()) not in self._costs:
                self._costs[identity] = cost(spec)
                self._left += self._costs[identity]
                self._stops = self._stops or spec.training.stop != "never"

    def start(self) -> None:
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()

    def stop(self) -> None:
        """Take the table away."""
        self._live.stop()

    def draw(self, spec: RunSpec, progress: Progress) -> None:
        """A run has come this far."""
        self._began = time.monotonic() if self._began is None else self._began
        row = self._rows.setdefault(spec.identity(), _Row(spec, progress.step, progress))
        row.progress = progress

    def end(self, spec: RunSpec, *, steps: int | None = None, accuracy: float | None = None) -> None:
        """A run has come to its end after so many steps; without them, it has failed."""
        self.ended, self.failed = self.ended + (steps is not None), self.failed + (steps is None)
        row, whole = self._rows.pop(spec.identity(), None), self._costs.pop(spec.identity(), 0.0)
        self._left -= whole
        if row is not None:
            self._done += whole * (row.share if steps is None else row.share_of(steps))
        if accuracy is not None and (self._best is None or accuracy > self._best[0]):
            self._best = (accuracy, spec)

    def seconds_left(self) -> float | None:
        """If the runs that are left take all their steps, at the speed of all so far; None before that can be told."""
        if self._began is None or not self._costs:
            return None
        elapsed, done, left = time.monotonic() - self._began, self._done, self._left
        for identity, row in self._rows.items():
            whole = self._costs.get(identity, 0.0)
            done += whole * row.share
            left -= whole * row.progress.step / row.progress.steps
        return elapsed * left / done if done > 0 and elapsed > _PATIENCE_SECONDS else None

    def table(self) -> RenderableType:
        """As it is at this moment."""
        lines: list[RenderableType] = [self._sum()]
        if self._best is not None:
            accuracy, spec = self._best
            head = f"best {accuracy:.3f}  "
            lines.append(Text(head + _shortened(self.label(spec), spec, self._console.width - len(head)), no_wrap=True))
        room = max(1, self._console.height - len(lines) - _CURSOR)
        shown = list(self._rows.values())[: room if len(self._rows) <= room else room - 1]
        if shown:
            lines.append(self._training(shown))
        if len(self._rows) > len(shown):
            lines.append(Text(f"… and {len(self._rows) - len(shown)} more", style="dim"))
        return Group(*lines)

    def _sum(self) -> Table:
        over = self.ended + self.failed
        total = over + len(self._costs)
        parts = [f"{self.ended} of {total} runs done", f"{len(self._rows)} running"]
        parts += [f"{self.failed} failed"] if self.failed else []
        seconds = self.seconds_left()
        if seconds is not None:
            parts.append(f"{'at most' if self._stops else 'about'} {duration(seconds)} left")
        sums = Table.grid(padding=(0, 1))
        sums.add_row(ProgressBar(total=max(total, 1), completed=over, width=12), Text(", ".join(parts)))
        return sums

    def _training(self, rows: Sequence[_Row]) -> Table:
        told = [
            (
                f"{row.progress.step}/{row.progress.steps}",
                _figure(row.progress, row.spec),
                _time(row.progress, row.spec),
            )
            for row in rows
        ]
        beside = sum(max(map(len, column)) + 1 for column in zip(*told, strict=True)) + _BAR + 1
        grid = Table.grid(padding=(0, 1))
        for row, (steps, figure, left) in zip(rows, told, strict=True):
            grid.add_row(
                Text(_shortened(self.label(row.spec), row.spec, self._console.width - beside), no_wrap=True),
                ProgressBar(total=row.progress.steps, completed=row.progress.step, width=_BAR),
                Text(steps, justify="right"),
                Text(figure, style="cyan"),
                Text(left),
            )
        return grid


def _shortened(name: str, spec: RunSpec, width: int) -> str:
    """Without its task and then its middle, where it is too long: a seed stands at its end."""
    width = max(width, 16)
    if len(name) > width:
        name = name.removeprefix(f"{spec.task_name}-")
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def _figure(progress: Progress, spec: RunSpec) -> str:
    parts = [] if progress.size is None else [f"{TASKS[spec.task_name].size} {progress.size}"]
    if not math.isnan(progress.accuracy):
        parts.append(f"accuracy {progress.accuracy:.3f}")
    if not math.isnan(progress.mae):
        parts.append(f"mean error {progress.mae:.3g}")
    return "  ".join(parts)


def _time(progress: Progress, spec: RunSpec) -> str:
    if progress.elsewhere:
        return "elsewhere"
    if progress.seconds_left is None:
        return ""
    return f"{'≤ ' if spec.training.stop != 'never' else ''}{duration(progress.seconds_left)}"

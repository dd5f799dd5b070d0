"""Training as it is seen in a terminal: a line an evaluation, and a bar below while it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from unrolled.analysis.forecast_evaluation import ForecastEvaluation
from unrolled.spec import TASKS, RunSpec
from unrolled.training import Progress

__all__ = ["Display", "duration", "figures"]

_LONGEST = 1e6 * 365.25 * 86400


def duration(seconds: float) -> str:
    """``0:01:07``, up to a million years."""
    return str(timedelta(seconds=round(min(seconds, _LONGEST))))


def figures(progress: Progress, spec: RunSpec) -> str:
    """Loss, accuracy and speed on one line, with what fresh data say where they were asked, and the time left."""
    parts = [] if progress.size is None else [f"{TASKS[spec.task_name].size} {progress.size}"]
    if not math.isnan(progress.loss_nats):
        parts += [f"loss {progress.loss_nats:.4f}", f"accuracy {progress.accuracy:.3f}"]
    if not math.isnan(progress.loss):
        parts += [f"loss {progress.loss:.4f}", f"mean error {progress.mae:.3g}"]
    if isinstance(progress.evaluation, ForecastEvaluation):
        found = progress.evaluation
        words = ", ".join(f"{rmse:.3g}" for rmse in found.errors.rmse)
        parts.append(f"unseen {words} at {', '.join(map(str, found.horizons))}")
    elif progress.evaluation is not None:
        parts.append(f"unseen {progress.evaluation.accuracy:.3f}")
        if progress.evaluation.carried_bits is not None:
            parts.append(
                f"carried on {progress.evaluation.carried_accuracy:.3f}, {progress.evaluation.carried_bits:.3f} bits"
            )
    if progress.step > 0:
        parts.append(f"{progress.steps_per_second:,.0f} steps/s")
    if progress.seconds_left is not None:
        most = "" if spec.training.stop == "never" else "at most "
        parts.append(f"{most}{duration(progress.seconds_left)} left")
    return "  ".join(parts)


SPARSE_LINES = 20
"""Evaluations to a lasting line, where every step is evaluated."""


def is_lasting(progress: Progress, spec: RunSpec) -> bool:
    """Whether an evaluation is worth a line that stays."""
    if progress.evaluation is None:
        return False
    return spec.training.evaluate_every > 1 or progress.stopped is not None or progress.step % SPARSE_LINES == 0


class Display:
    """Where progress goes: a bar that is redrawn in a terminal, plain lines anywhere else."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=24),
            bars.TextColumn("{task.completed}/{task.total}"),
            bars.TextColumn("{task.fields[figures]}", style="cyan"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    @contextmanager
    def training(self, name: str, spec: RunSpec) -> Iterator[None]:
        """While entered, `show` draws the run ``name``."""
        self._task = self._bar.add_task(name, total=spec.training.steps, figures="")
        self._spec = spec
        self._sample: str | None = None
        with self._bar:
            yield

    def show(self, progress: Progress) -> None:
        """Draw one value: the bar always, a lasting line and the last sample where there is an evaluation."""
        self._bar.update(
            self._task,
            completed=progress.step,
            figures=figures(progress, self._spec),
        )
        self._sample = progress.sample or self._sample
        if not is_lasting(progress, self._spec):
            return
        width = len(str(progress.steps))
        line = f"step {progress.step:>{width}}/{progress.steps}  {figures(progress, self._spec)}"
        self.console.print(Text(line), soft_wrap=True)
        if self._sample is not None:
            self.console.print(Text(f"  {self._sample!r}"), style="dim", soft_wrap=True)
            self._sample = None

"""What engines on other machines share: an order as plain words, and progress as it is read from the record."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, final

import torch

from unrolled.errors import RecordError
from unrolled.record import METRICS, Run, open_run
from unrolled.spec import parse
from unrolled.training.engines.engine import Ended, Order, carry_out
from unrolled.training.progress import Progress

__all__ = ["Watch", "begin", "obey", "plain"]


def plain(order: Order, threads: int) -> dict[str, Any]:
    """An order as `begin` takes it: the spec in words, and where the run is written; nothing else travels."""
    return {
        "spec": order.spec.to_mapping(),
        "name": order.name,
        "root": str(order.root),
        "folder": str(Path.cwd()),
        "threads": threads,
    }


def begin(words: dict[str, Any]) -> Generator[Progress, None, Ended]:
    """Carry an order out in this process, which does nothing else, step by step."""
    with contextlib.suppress(OSError):
        os.chdir(words["folder"])  # files that a spec names by a relative path are found from there
    torch.set_num_threads(words["threads"])
    torch.set_flush_denormal(True)
    return carry_out(Order(parse(words["spec"]), words["name"], Path(words["root"])))


def obey(words: dict[str, Any]) -> Ended:
    """Carry an order out in this process, to its end."""
    steps = begin(words)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ended: Ended = end.value
            return ended


@final
class Watch:
    """Progress of runs that other processes train, read from their metrics."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}

    def look(self, path: Path) -> Progress | None:
        """Where the run in ``path`` stands, if that is news."""
        try:
            length = (path / METRICS).stat().st_size
            if length == self._seen.get(path, 0):
                return None
            self._seen[path] = length
            return _progress(open_run(path))
        except (OSError, RecordError):
            return None


def _progress(run: Run) -> Progress | None:
    lines = run.metrics("train")
    if not lines or run.result is not None:
        return None
    last = lines[-1]
    speed = last["step"] / max(last["seconds"], 1e-9)
    return Progress(
        step=last["step"],
        steps=run.spec.training.steps,
        loss_nats=last.get("loss_nats", math.nan),
        accuracy=last.get("accuracy", math.nan),
        evaluation=None,
        gradient_norm=last.get("gradient_norm", math.nan),
        clipped_share=last.get("clipped_share", 0.0),
        learning_rate=last.get("learning_rate", run.spec.training.learning_rate),
        seconds=last["seconds"],
        steps_per_second=speed,
        seconds_left=(run.spec.training.steps - last["step"]) / speed if speed > 0 else None,
    )

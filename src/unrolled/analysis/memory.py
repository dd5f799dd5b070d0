"""The memory curve: what runs of one network at many sizes of a task come to, by size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from unrolled.analysis.wilson import wilson
from unrolled.catalogue import ResultRow

__all__ = ["MemoryCurve", "SizeReading", "memory_curve"]


@dataclass(frozen=True)
class SizeReading:
    """The seeds of one network at one size.

    Attributes:
        size: of the task: its length, digits ….
        seeds: which.
        accuracies: of each, at its end; a run that diverged counts as 0.
        solved: how many reached .99 on 2000 fresh samples.
        steps: those that the solved ones took, where they stopped for it.
        seconds: those that the same took.
    """

    size: int
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    solved: int
    steps: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def count(self) -> int:
        """n, how many seeds there are."""
        return len(self.seeds)

    @property
    def rate(self) -> float:
        """k/n."""
        return self.solved / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the rate at which seeds solve it."""
        return wilson(self.solved, self.count)

    @property
    def median_steps(self) -> float | None:
        """To the solution, of those that found it."""
        return median(self.steps) if self.steps else None

    @property
    def median_seconds(self) -> float | None:
        """The same in seconds."""
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True)
class MemoryCurve:
    """One network's readings.

    Attributes:
        label: what the network is called.
        readings: by size, ascending.
    """

    label: str
    readings: tuple[SizeReading, ...]

    @property
    def runs(self) -> int:
        """How many runs it was read from."""
        return sum(reading.count for reading in self.readings)

    def longest(self, need: int) -> int | None:
        """The largest size that at least ``need`` seeds solved; None where there is none."""
        sizes = [reading.size for reading in self.readings if reading.solved >= need]
        return max(sizes, default=None)


def memory_curve(label: str, rows: Iterable[ResultRow]) -> MemoryCurve:
    """The curve of runs that differ in size and seed alone; of one size and seed the last counts."""
    by_place = {(row.spec.size or 0, row.spec.training.seed): row for row in rows}
    sizes = sorted({size for size, _ in by_place})
    return MemoryCurve(
        label,
        tuple(_read(size, [by_place[place] for place in sorted(by_place) if place[0] == size]) for size in sizes),
    )


def _read(size: int, rows: list[ResultRow]) -> SizeReading:
    stopped = [row for row in rows if row.solved_step is not None]
    return SizeReading(
        size=size,
        seeds=tuple(row.spec.training.seed for row in rows),
        accuracies=tuple(row.accuracy or 0.0 for row in rows),
        solved=sum(row.solved for row in rows),
        steps=tuple(row.steps for row in stopped),
        seconds=tuple(row.seconds for row in stopped),
    )

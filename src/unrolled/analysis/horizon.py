"""The longest size that a network still solves, found by doubling and halving in place of a full grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from unrolled.analysis.memory import SizeReading

__all__ = ["Horizon", "Search"]


@dataclass(frozen=True)
class Horizon:
    """What is known of where a network's memory ends.

    Attributes:
        need: k, how many seeds have to solve a size for it to count as solved.
        below: the longest size that they solved; None: none yet.
        above: the shortest longer one that they did not; None: none yet.
        tried: every size that was tried, ascending.
        next_size: the size to try next; None: it has been found.
    """

    need: int
    below: SizeReading | None
    above: SizeReading | None
    tried: tuple[SizeReading, ...]
    next_size: int | None

    @property
    def gaps(self) -> tuple[int, ...]:
        """Sizes below the longest solved one that were not solved: where there are any, there is no sharp end."""
        longest = 0 if self.below is None else self.below.size
        return tuple(reading.size for reading in self.tried if reading.size < longest and reading.solved < self.need)


@dataclass(frozen=True)
class Search:
    """Which size to try next, from nothing but what was tried: a search that is begun again goes on where it was.

    Doubling from the first size until one is not solved (or halving until one is), then halving the gap between the
    longest solved size and the shortest unsolved one above it, until it is no wider than asked for.

    Attributes:
        first: the size to begin with.
        least: the smallest size there is.
        most: the largest to try.
        need: k, how many seeds have to solve a size.
        precision: how wide the last gap may be, as a share of the size below it; it is at least 1 wide.
    """

    first: int
    least: int
    most: int
    need: int
    precision: float = 0.1

    def look(self, tried: Mapping[int, SizeReading]) -> Horizon:
        """Where the search stands."""
        solved = [size for size, reading in tried.items() if reading.solved >= self.need]
        below = max(solved, default=None)
        above = min((size for size in tried if size not in solved and size > (below or 0)), default=None)
        return Horizon(
            need=self.need,
            below=None if below is None else tried[below],
            above=None if above is None else tried[above],
            tried=tuple(tried[size] for size in sorted(tried)),
            next_size=self._next(below, above),
        )

    def _next(self, below: int | None, above: int | None) -> int | None:
        if above is None:
            following = self.first if below is None else min(2 * below, self.most)
            return following if following != below else None
        if below is None:
            return max(above // 2, self.least) if above > self.least else None
        if above - below <= max(1, math.floor(self.precision * below)):
            return None
        return (below + above) // 2

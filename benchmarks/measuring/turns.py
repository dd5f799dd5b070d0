"""Times taken in turns, so that all meet the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int, uncounted: int = 2) -> dict[str, list[float]]:
    """Seconds of each run in each of so many turns; the first turns are not counted."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + uncounted):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if turn >= uncounted:
                taken[name].append(time.perf_counter() - began)
    return taken


def middle(times: list[float]) -> tuple[float, float]:
    """The median and its spread: half the distance between the quartiles, of fewer than three half the range."""
    if len(times) < 3:
        return statistics.median(times), (max(times) - min(times)) / 2
    low, median, high = statistics.quantiles(times, n=4)
    return median, (high - low) / 2

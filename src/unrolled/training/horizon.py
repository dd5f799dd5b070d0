"""How far a network remembers, found by training only where it is not known yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from unrolled.analysis.horizon import Horizon, Search
from unrolled.analysis.memory import SizeReading, memory_curve
from unrolled.catalogue import ResultRow
from unrolled.spec import RunSpec
from unrolled.training.many import Failure
from unrolled.training.progress import Progress
from unrolled.training.sweep import sweep

__all__ = ["find_horizon"]


def find_horizon(
    search: Search,
    specs: Callable[[int], Sequence[RunSpec]],
    *,
    results: Path | str | None = None,
    runs: Path | str = "runs",
    workers: int = 2,
) -> Generator[tuple[RunSpec, Progress | ResultRow | Failure] | Horizon, None, None]:
    """Train size after size until the last solved and the first unsolved one stand close enough.

    Yields where the search stands, at its beginning and after every size, and between these what `sweep` says of the
    size's runs. Every run is an ordinary run, so a search that was stopped, or one with another precision, does
    nothing twice. A run that fails counts as not solved; a size of which none came to an end ends the search there.

    Args:
        search: where to begin, and how close is close enough.
        specs: the seeds of a size.
        results: a file of results, as of `sweep`.
        runs: the folder of runs.
        workers: processes.

    Raises:
        RecordError, StorageError: as `sweep`.
    """
    tried: dict[int, SizeReading] = {}
    while True:
        horizon = search.look(tried)
        yield horizon
        if horizon.next_size is None:
            return
        rows: list[ResultRow] = []
        news = sweep(specs(horizon.next_size), results=results, runs=runs, workers=workers)
        with contextlib.closing(news):
            for spec, told in news:
                if isinstance(told, ResultRow):
                    rows.append(told)
                yield spec, told
        if not rows:
            return
        tried[horizon.next_size] = memory_curve("", rows).readings[0]

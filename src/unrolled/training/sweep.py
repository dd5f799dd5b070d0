"""Many runs as rows: those that a file of results has are taken from it, and what ends is added to it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path

from unrolled.catalogue import ResultRow, ResultsFile, read_results
from unrolled.record import list_runs
from unrolled.spec import RunSpec
from unrolled.training.engines import Engine
from unrolled.training.many import Failure, resolve_all, run_all
from unrolled.training.progress import Progress

__all__ = ["missing", "sweep"]


def sweep(
    specs: Sequence[RunSpec],
    *,
    results: Path | str | None = None,
    runs: Path | str = "runs",
    workers: int = 2,
    threads: int = 1,
    retry: bool = True,
    engine: Engine | None = None,
) -> Generator[tuple[RunSpec, Progress | ResultRow | Failure], None, None]:
    """As `run_all`, with a row for each run that has come to its end, wherever it was made.

    Args:
        specs: what to train, in this order.
        results: a file of results (`unrolled.catalogue`): its rows count as done, and a row is added to it for every
            run that ends or is found done; it is made where it is not there. None: no such file.
        runs: the folder of runs.
        workers: processes.
        threads: of each.
        retry: try again what failed earlier; if not, that counts as failed still.
        engine: where to train; None: on this machine, by so many workers of so many threads.

    Raises:
        RecordError: the file of results is damaged or something else.
        StorageError: it cannot be written; the runs themselves are kept.
    """
    with contextlib.ExitStack() as stack:
        file = None if results is None else stack.enter_context(ResultsFile(results))
        left = []
        for spec, resolved in zip(specs, resolve_all(specs), strict=True):
            row = None if file is None else file.rows.get(resolved.identity())
            if row is None:
                left.append(spec)
            else:
                yield spec, row
        news = run_all(left, runs=runs, workers=workers, threads=threads, retry=retry, engine=engine)
        stack.callback(news.close)
        for spec, told in news:
            if isinstance(told, Progress | Failure):
                yield spec, told
                continue
            row = ResultRow.of(told)
            if file is not None:
                file.add(row)
            yield spec, row


def missing(
    specs: Sequence[RunSpec], *, results: Path | str | None = None, runs: Path | str = "runs", retry: bool = True
) -> list[RunSpec]:
    """The specs that `sweep` would train, given the same; nothing is written.

    Raises:
        RecordError: the file of results is damaged or something else.
    """
    there = {
        run.spec.identity()
        for run in list_runs(runs)
        if (run.result is not None and not run.result.get("given_model")) or (run.failure is not None and not retry)
    }
    if results is not None and Path(results).exists():
        there |= {row.identity for row in read_results(results)}
    return [spec for spec, whole in zip(specs, resolve_all(specs), strict=True) if whole.identity() not in there]

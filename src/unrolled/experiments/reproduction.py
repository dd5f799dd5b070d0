"""From claims to results: one pool of workers for all their runs, every claim measured as soon as its runs
are there.

Nothing is done twice: a run whose identity is on disk is not trained again, one that was cut short goes on,
and a claim whose stored result was made from the same specs is read, not measured. So `reproduce` after a
kill just goes on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from unrolled.data import Question
from unrolled.errors import RecordError, SpecError, UnknownName, UnrolledError
from unrolled.experiments.claim import Budget, Claim, ClaimResult, read_result, result_path, write_result
from unrolled.experiments.events import (
    ClaimFailed,
    ClaimFinished,
    ClaimStarted,
    Event,
    RunFailed,
    RunFinished,
    RunProgressed,
)
from unrolled.experiments.table import CLAIMS
from unrolled.record import Run, list_runs
from unrolled.spec import RunSpec, build_layer, build_task, default_spec, resolve
from unrolled.training import Failure, Progress, cost, run_all
from unrolled.version import __version__

__all__ = ["reproduce"]


def reproduce(
    names: Sequence[str] = (),
    *,
    budget: Budget = "quick",
    runs: Path | str = "runs",
    workers: int = 2,
    cells: Sequence[str] = (),
) -> Generator[Event, None, None]:
    """Train what the claims need and measure them; yields what happens, as it happens.

    Closing the iterator, or Ctrl-C, stops all workers, each after a checkpoint.

    Args:
        names: claims by name (default: all), in any order.
        budget: quick or full.
        runs: the folder of runs.
        workers: processes of one thread each.
        cells: further cells that join every claim that trains any: path/to/file.py:MyCell, or a name of the
        table.

    Raises:
        UnknownName: no such claim or cell.
        SpecError: no such budget.
        UserCodeError: a cell's file or class that cannot be used.
    """
    if budget not in ("quick", "full"):
        raise SpecError(f"budget is {budget!r}: quick or full")
    for name in names:
        if name not in CLAIMS:
            raise UnknownName("claim", name, CLAIMS)
    joining = tuple(dict.fromkeys(cells))
    for cell in joining:
        build_layer(default_spec("palindromes", cell=cell, hidden=8).recurrent, 10)
    return _reproduce([CLAIMS[name] for name in dict.fromkeys(names or CLAIMS)], budget, Path(runs), workers, joining)


@dataclass
class _Open:
    """A claim on its way: what it needs and what has come."""

    claim: Claim
    specs: tuple[RunSpec, ...]
    waiting: set[str]
    runs: list[Run] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    measuring: Future[ClaimResult] | None = None


def _reproduce(
    claims: Sequence[Claim], budget: Budget, root: Path, workers: int, cells: tuple[str, ...]
) -> Generator[Event, None, None]:
    opened: list[_Open] = []
    there = {run.name for run in list_runs(root) if run.result is not None}
    for claim in claims:
        try:
            specs = _resolved(claim.specs(budget, cells))
        except UnrolledError as error:
            yield ClaimFailed(claim, error)
            continue
        stored = _stored(result_path(root, claim.name, budget), cells, specs, there)
        if stored is not None:
            yield ClaimFinished(stored, reused=True)
            continue
        opened.append(_Open(claim, specs, {spec.identity() for spec in specs}))
        yield ClaimStarted(claim, tuple({spec.identity(): spec for spec in specs}.values()))
    queue = _queue(opened)
    left = {spec.identity() for spec in queue}
    trained: set[str] = set()
    with ThreadPoolExecutor(1, "measuring") as thread, contextlib.ExitStack() as stack:
        # Measuring in a thread of its own keeps the workers heard, and so at work.
        stack.callback(thread.shutdown, wait=False, cancel_futures=True)
        yield from _measured(opened, thread, budget, root, cells)
        news = run_all(queue, runs=root, workers=workers)
        assert isinstance(news, Generator)
        stack.callback(news.close)
        for spec, told in news:
            identity = spec.identity()
            needing = tuple(each.claim.name for each in opened if identity in each.waiting)
            if isinstance(told, Progress):
                trained.add(identity)
                yield RunProgressed(needing, spec, told)
            else:
                left.discard(identity)
                for each in opened:
                    if identity in each.waiting:
                        each.waiting.discard(identity)
                        _take(each, spec, told)
                if isinstance(told, Run):
                    yield RunFinished(needing, told, identity not in trained, len(left))
                else:
                    yield RunFailed(needing, spec, told.error, len(left))
            yield from _measured(opened, thread, budget, root, cells)
        yield from _measured(opened, thread, budget, root, cells, to_the_end=True)


def _resolved(specs: Sequence[RunSpec]) -> tuple[RunSpec, ...]:
    """The specs with the hashes of what they name, each text read once."""
    tasks: dict[object, Question] = {}
    for spec in specs:
        if spec.task not in tasks:
            tasks[spec.task] = build_task(spec)
    return tuple(resolve(spec, tasks[spec.task]) for spec in specs)


def _stored(path: Path, cells: tuple[str, ...], specs: Sequence[RunSpec], there: set[str]) -> ClaimResult | None:
    """A claim's result on disk, if it is whole, and this version made it from these specs and runs."""
    if not path.exists():
        return None
    try:
        result = read_result(path)
    except RecordError:
        return None
    is_same = (
        set(result.identities) == {spec.identity() for spec in specs}
        and result.cells == cells
        and result.version == __version__
        and not result.failed
        and set(result.runs) <= there
    )
    return result if is_same else None


def _queue(opened: Sequence[_Open]) -> list[RunSpec]:
    """Every run once: the claim with the longest run first, and in each claim the longest runs first.

    Workers take runs in this order, so none of them is left with a long run when the others have finished.
    """
    by_length = sorted(opened, key=lambda each: -max(map(cost, each.specs), default=0.0))
    ordered = [spec for each in by_length for spec in sorted(each.specs, key=cost, reverse=True)]
    return list({spec.identity(): spec for spec in ordered}.values())


def _take(each: _Open, spec: RunSpec, told: Run | Failure) -> None:
    if isinstance(told, Run):
        each.runs.append(told)
        if told.status == "diverged":
            each.failed.append(f"{told.name} diverged after {(told.result or {}).get('steps', '?')} steps")
    else:
        each.failed.append(f"{spec.task_name}, {spec.network}, seed {spec.training.seed}: {told.error}")


def _measured(
    opened: list[_Open],
    thread: ThreadPoolExecutor,
    budget: Budget,
    root: Path,
    cells: tuple[str, ...],
    *,
    to_the_end: bool = False,
) -> Iterator[Event]:
    """Begin to measure the claims that have all their runs; hand out the results that are ready."""
    for each in opened:
        if each.measuring is None and not each.waiting:
            each.measuring = thread.submit(_measure, each, budget, cells)
    for each in list(opened):
        if each.measuring is None or not (to_the_end or each.measuring.done()):
            continue
        opened.remove(each)
        try:
            result = each.measuring.result()
        except UnrolledError as error:
            yield ClaimFailed(each.claim, error)
            continue
        write_result(root, result)
        yield ClaimFinished(result, reused=False)


def _measure(each: _Open, budget: Budget, cells: tuple[str, ...]) -> ClaimResult:
    began = time.perf_counter()
    claim = each.claim
    order = {spec.identity(): place for place, spec in enumerate(each.specs)}
    runs = sorted(each.runs, key=lambda run: order[run.spec.identity()])
    findings = claim.measure([run for run in runs if run.status == "done"], budget, cells)
    trained = sum(float((run.result or {}).get("seconds", 0.0)) for run in runs)
    return ClaimResult(
        claim=claim.name,
        budget=budget,
        title=claim.title,
        question=claim.question,
        command=claim.command(budget),
        answer=findings.answer,
        rows=findings.rows,
        figures=findings.figures,
        tables=findings.tables,
        texts=findings.texts,
        runs=tuple(run.name for run in runs),
        identities=tuple(spec.identity() for spec in each.specs),
        cells=cells,
        shortened=claim.shortened(budget),
        failed=tuple(each.failed),
        seconds=trained + time.perf_counter() - began,
        version=__version__,
    )

"""Many runs at once, on any engine: each once, whatever dies, and whoever else is at the same folder."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from unrolled.errors import HeldError, StorageError, UnrolledError
from unrolled.record import FAILURE, Run, list_runs, open_run, storing, write_whole
from unrolled.spec import RunSpec, build_task, is_user_cell, resolve
from unrolled.training.engines import Ended, Engine, LocalProcesses, Order
from unrolled.training.engines.far import Watch
from unrolled.training.ledger import is_held
from unrolled.training.progress import Progress

__all__ = ["Failure", "resolve_all", "run_all", "run_name"]

_LOOK_SECONDS = 1.0
"""Between two looks at runs that somebody else trains."""


@dataclass(frozen=True)
class Failure:
    """A run that did not come to its end; the others go on.

    Attributes:
        error: why; a foreign error, or the death of the worker, is told by an `UnrolledError`.
        run: what there is of it on disk, if it can be opened.
    """

    error: UnrolledError
    run: Run | None


def run_name(spec: RunSpec) -> str:
    """The name `run_all` gives a run: task, cell or layer, and identity."""
    network = spec.network
    return f"{spec.task_name}-{network.rpartition(':')[2] if is_user_cell(network) else network}-{spec.identity()}"


def run_all(
    specs: Sequence[RunSpec],
    *,
    runs: Path | str = "runs",
    workers: int = 2,
    threads: int = 1,
    retry: bool = True,
    engine: Engine | None = None,
) -> Generator[tuple[RunSpec, Progress | Run | Failure], None, None]:
    """Train every spec, several at once; what is done already is not done again, what was begun is resumed.

    Yields, as it happens, a spec and what there is to say of it: a `Progress` while it trains, then the finished `Run`,
    or a `Failure`. A run that diverged comes to an end too: its run has the status "diverged". A spec given twice is
    trained once. A run that another process is training is waited for, and taken over should that process die.
    Closing the iterator, or Ctrl-C, stops all workers, each after a checkpoint.

    A script that calls this needs ``if __name__ == "__main__":`` around it, for the workers import it again.

    Args:
        specs: what to train, in this order.
        runs: the folder of runs; any run there of the same identity counts as done.
        workers: processes on this machine.
        threads: of each.
        retry: try again what failed earlier; if not, that counts as failed still.
        engine: where to train; None: on this machine, by so many workers of so many threads.

    Raises:
        StorageError: nothing (more) can be written there; what was begun can be resumed.
    """
    root = Path(runs).absolute()
    waiting: dict[str, _Work] = {}
    for spec, resolved in zip(specs, resolve_all(specs), strict=True):
        order = Order(resolved, run_name(resolved), root)
        waiting.setdefault(resolved.identity(), _Work(order)).asked.append(spec)
    for run in list_runs(runs):
        identity = run.spec.identity()
        if run.result is not None and not run.result.get("given_model") and identity in waiting:
            yield from ((spec, run) for spec in waiting.pop(identity).asked)
        elif run.failure is not None and not retry and identity in waiting:
            failure = Failure(UnrolledError(run.failure), run)
            yield from ((spec, failure) for spec in waiting.pop(identity).asked)
    if waiting:
        with storing(root):
            root.mkdir(parents=True, exist_ok=True)
        yield from _train_all(waiting.values(), Path(runs), engine or LocalProcesses(workers, threads))


def resolve_all(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Specs with their hashes filled in, each text read once."""
    tasks = {spec.task: build_task(spec) for spec in specs}
    return [resolve(spec, tasks[spec.task]) for spec in specs]


@dataclass
class _Work:
    """One run to train, for everybody who asked for it."""

    order: Order
    asked: list[RunSpec] = field(default_factory=list)


def _train_all(
    works: Iterable[_Work], root: Path, engine: Engine
) -> Generator[tuple[RunSpec, Progress | Run | Failure], None, None]:
    by_name = {work.order.name: work for work in works}
    mine = list(by_name)
    heard: set[str] = set()
    elsewhere: list[str] = []
    watch = Watch()
    while mine or elsewhere:
        with contextlib.closing(engine.train([by_name[name].order for name in mine])) as news:
            for order, told in news:
                if isinstance(told, Ended) and isinstance(told.error, HeldError):
                    elsewhere.append(order.name)
                else:
                    answer = _tell(told, root / order.name)
                    if isinstance(answer, Run) and order.name not in heard:  # over before anybody looked
                        yield from ((spec, Progress.of(answer)) for spec in by_name[order.name].asked)
                    heard.add(order.name)
                    yield from ((spec, answer) for spec in by_name[order.name].asked)
        mine = []
        while elsewhere and not mine:
            time.sleep(_LOOK_SECONDS)
            for name in tuple(elsewhere):
                told_there = _look(root / name, watch)
                if told_there is None:
                    continue
                if not isinstance(told_there, Progress):
                    elsewhere.remove(name)
                if isinstance(told_there, Progress | Run):
                    yield from ((spec, told_there) for spec in by_name[name].asked)
                else:
                    mine.append(name)


@dataclass(frozen=True)
class _Left:
    """Whoever trained the run is gone, and it is not done."""


def _look(path: Path, watch: Watch) -> Progress | Run | _Left | None:
    """What has become of a run that somebody else trains, if that is news."""
    held = is_held(path)  # asked before the result is looked for, which is written while the run is held
    run = open_run(path)
    if run.result is not None:
        return run
    if not held:
        return _Left()
    progress = watch.look(path)
    return None if progress is None else replace(progress, elsewhere=True)


def _tell(told: Progress | Ended, path: Path) -> Progress | Run | Failure:
    if isinstance(told, Progress):
        return told
    try:
        run = open_run(path)
        if run.result is not None:
            return run
    except UnrolledError as unread:
        if isinstance(told.error, StorageError):
            raise told.error from None
        return Failure(told.error or unread, None)
    if isinstance(told.error, StorageError):  # and so it would be for every run
        raise told.error
    error = told.error or UnrolledError(f"run {path.name!r} has no result, though its worker says that it is done")
    note = {"error": str(error), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    with contextlib.suppress(StorageError):
        write_whole(path / FAILURE, json.dumps(note, ensure_ascii=False) + "\n")
    return Failure(error, run)

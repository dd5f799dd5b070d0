"""Many runs at once: reused worker processes of one thread each, which do twice the work of one with two threads."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, final

import torch

from unrolled.errors import UnrolledError
from unrolled.record import FAILURE, Run, list_runs, open_run, write_whole
from unrolled.spec import RunSpec, build_task, is_user_cell, resolve
from unrolled.training.loop import train
from unrolled.training.progress import Progress

__all__ = ["Failure", "default_workers", "resolve_all", "run_all", "run_name"]

_FAREWELL_SECONDS = 30.0
"""How long workers that were told to stop may take over their checkpoints."""

_MOST_WORKERS = 8

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A run that did not come to its end; the others go on.

    Attributes:
        error: why; a foreign error, or the death of the worker, is told by an `UnrolledError`.
        run: what there is of it on disk, if it can be opened.
    """

    error: UnrolledError
    run: Run | None


def default_workers() -> int:
    """One a processor that this process may use, at most 8."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(mine, _MOST_WORKERS)


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
) -> Generator[tuple[RunSpec, Progress | Run | Failure], None, None]:
    """Train every spec, several at once; what is done already is not done again, what was begun is resumed.

    Yields, as it happens, a spec and what there is to say of it: a `Progress` while it trains, then the finished `Run`,
    or a `Failure`. A run that diverged comes to an end too: its run has the status "diverged". A spec given twice is
    trained once. Closing the iterator, or Ctrl-C, stops all workers, each after a checkpoint.

    A script that calls this needs ``if __name__ == "__main__":`` around it, for the workers import it again.

    Args:
        specs: what to train, in this order.
        runs: the folder of runs; any run there of the same identity counts as done.
        workers: processes.
        threads: of each.
        retry: try again what failed earlier; if not, that counts as failed still.
    """
    root = Path(runs)
    waiting: dict[str, _Work] = {}
    for spec, resolved in zip(specs, resolve_all(specs), strict=True):
        waiting.setdefault(resolved.identity(), _Work(resolved)).asked.append(spec)
    for run in list_runs(root):
        identity = run.spec.identity()
        if run.result is not None and not run.result.get("given_model") and identity in waiting:
            yield from ((spec, run) for spec in waiting.pop(identity).asked)
        elif run.failure is not None and not retry and identity in waiting:
            failure = Failure(UnrolledError(run.failure), run)
            yield from ((spec, failure) for spec in waiting.pop(identity).asked)
    if waiting:
        yield from _train_all(list(waiting.values()), root, min(workers, len(waiting)), threads)


def resolve_all(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """Specs with their hashes filled in, each text read once."""
    tasks = {spec.task: build_task(spec) for spec in specs}
    return [resolve(spec, tasks[spec.task]) for spec in specs]


# ── the house that holds the workers ─────────────────────────────────────────────────────────────────────────────


@dataclass
class _Work:
    """One run to train, for everybody who asked for it."""

    spec: RunSpec
    asked: list[RunSpec] = field(default_factory=list)


_Message = tuple[Literal["progress", "done", "failed"], Progress | UnrolledError | None]


def _train_all(
    queue: list[_Work], root: Path, workers: int, threads: int
) -> Iterator[tuple[RunSpec, Progress | Run | Failure]]:
    staff = [_Worker(threads) for _ in range(workers)]
    try:
        for worker in staff:
            worker.give(queue.pop(0), root)
        while any(worker.work for worker in staff):
            ready = wait([worker.line for worker in staff if worker.work])
            for place, worker in enumerate(staff):
                if worker.line not in ready or worker.work is None:
                    continue
                work = worker.work
                kind, content = worker.hear()
                told = _tell(kind, content, root / run_name(work.spec))
                if kind != "progress":
                    worker.work = None
                    if not worker.process.is_alive() and queue:
                        staff[place] = worker = _Worker(threads)
                    if queue:
                        worker.give(queue.pop(0), root)
                yield from ((spec, told) for spec in work.asked)
    finally:
        for worker in staff:
            worker.dismiss()
        for worker in staff:
            worker.part()


def _tell(kind: str, content: Progress | UnrolledError | None, path: Path) -> Progress | Run | Failure:
    if isinstance(content, Progress):
        return content
    try:
        run = open_run(path)
        if content is None or run.result is not None:
            return run
        note = {"error": str(content), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        write_whole(path / FAILURE, json.dumps(note, ensure_ascii=False) + "\n")
    except UnrolledError as error:
        return Failure(content or error, None)
    return Failure(content, run)


@final
class _Worker:
    """One process and the line to it."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        with _environment(threads):
            self.process.start()
        theirs.close()
        self.work: _Work | None = None

    def give(self, work: _Work, root: Path) -> None:
        """Hand over a run to train."""
        self.work = work
        with contextlib.suppress(OSError):  # a worker that is dead is found so when it is heard
            self.line.send((work.spec, run_name(work.spec), root))

    def hear(self) -> _Message:
        """What the worker says; that it died is also said."""
        assert self.work is not None
        try:
            message: _Message = self.line.recv()
        except (EOFError, OSError):
            self.process.join(_FAREWELL_SECONDS)
            name, code = run_name(self.work.spec), self.process.exitcode
            return "failed", UnrolledError(
                f"the worker that trained {name!r} died with exit code {code}; it can be resumed"
            )
        return message

    def dismiss(self) -> None:
        """Ask the worker to stop."""
        self.line.close()

    def part(self) -> None:
        """Wait for the worker to be gone."""
        self.process.join(_FAREWELL_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextlib.contextmanager
def _environment(threads: int) -> Iterator[None]:
    """The number of threads as a new process reads it when it imports torch."""
    before = {key: os.environ.get(key) for key in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


# ── inside a worker ──────────────────────────────────────────────────────────────────────────────────────────────


class _Dismissed(Exception):
    """The line was closed at the other end."""


def _serve(line: Connection, threads: int) -> None:
    """Train what comes down the line until it is closed; Ctrl-C is for the house to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    with contextlib.suppress(_Dismissed):
        while True:
            spec, name, root = _listen(line)
            _say(line, _train_one(line, spec, name, root))


def _train_one(line: Connection, spec: RunSpec, name: str, root: Path) -> _Message:
    try:
        with contextlib.suppress(OSError):
            (root / name / FAILURE).unlink()
        with contextlib.closing(train(spec, name=name, runs=root, resume=True)) as steps:
            for progress in steps:
                if progress.stopped is None:
                    _say(line, ("progress", progress))
                    if line.poll():  # nothing is sent while a run trains, so the line was closed
                        raise _Dismissed
    except UnrolledError as error:
        return "failed", error
    except _Dismissed:
        raise
    except Exception as error:
        return "failed", UnrolledError(f"run {name!r} failed: {type(error).__name__}: {error}")
    return "done", None


def _listen(line: Connection) -> tuple[RunSpec, str, Path]:
    try:
        task: tuple[RunSpec, str, Path] = line.recv()
    except (EOFError, OSError):
        raise _Dismissed from None
    return task


def _say(line: Connection, message: _Message) -> None:
    try:
        line.send(message)
    except OSError:
        raise _Dismissed from None

"""On this machine: reused worker processes of one thread each, which do twice the work of one with two threads."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import final

import torch

from unrolled.errors import UnrolledError
from unrolled.training.engines.engine import Ended, Engine, Order, carry_out
from unrolled.training.progress import Progress

__all__ = ["LocalProcesses", "default_workers"]

_FAREWELL_SECONDS = 30.0
"""How long workers that were told to stop may take over their checkpoints."""

_MOST_WORKERS = 8

_MOST_DEATHS = 2
"""Of workers at one order, before it counts as failed."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def default_workers() -> int:
    """One a processor that this process may use, at most 8."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(mine, _MOST_WORKERS)


@final
@dataclass(frozen=True)
class LocalProcesses(Engine):
    """Worker processes on this machine, each of which trains one run after another.

    A script that uses it needs ``if __name__ == "__main__":`` around that, for the workers import it again.

    Attributes:
        workers: how many.
        threads: of each.
    """

    workers: int = 2
    threads: int = 1

    def train(self, orders: Sequence[Order]) -> Generator[tuple[Order, Progress | Ended], None, None]:
        """As `Engine.train`; every run's progress comes as it trains."""
        queue, deaths = deque(orders), Counter[str]()
        staff = [_Worker(self.threads) for _ in range(min(self.workers, len(queue)))]
        try:
            for worker in staff:
                worker.give(queue.popleft())
            while any(worker.order for worker in staff):
                ready = wait([worker.line for worker in staff if worker.order])
                for place, worker in enumerate(staff):
                    if worker.line not in ready or worker.order is None:
                        continue
                    order, told = worker.order, worker.hear()
                    if isinstance(told, _Death):
                        deaths[order.name] += 1
                        again = deaths[order.name] < _MOST_DEATHS
                        if again:
                            queue.appendleft(order)
                        if queue:
                            staff[place] = _Worker(self.threads)
                            staff[place].give(queue.popleft())
                        if not again:
                            yield order, Ended(told.error(order))
                        continue
                    if isinstance(told, Ended) and queue:
                        worker.give(queue.popleft())
                    yield order, told
        finally:
            for worker in staff:
                worker.dismiss()
            for worker in staff:
                worker.part()


@dataclass(frozen=True)
class _Death:
    """A worker is gone."""

    code: int | None

    def error(self, order: Order) -> UnrolledError:
        return UnrolledError(
            f"{_MOST_DEATHS} workers that trained {order.name!r} died, the last with exit code {self.code}; "
            "it can be resumed"
        )


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
        self.order: Order | None = None

    def give(self, order: Order) -> None:
        """Hand over a run to train."""
        self.order = order
        with contextlib.suppress(OSError):  # a worker that is dead is found so when it is heard
            self.line.send(order)

    def hear(self) -> Progress | Ended | _Death:
        """What the worker says; that it died is also said."""
        try:
            message: Progress | Ended = self.line.recv()
        except (EOFError, OSError):
            self.order = None
            self.process.join(_FAREWELL_SECONDS)
            return _Death(self.process.exitcode)
        if isinstance(message, Ended):
            self.order = None
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


class _Dismissed(BaseException):
    """The line was closed at the other end."""


def _serve(line: Connection, threads: int) -> None:
    """Train what comes down the line until it is closed; Ctrl-C is for the house to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    with contextlib.suppress(_Dismissed):
        while True:
            _obey(line, _listen(line))


def _obey(line: Connection, order: Order) -> None:
    with contextlib.closing(carry_out(order)) as steps:
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                _say(line, end.value)
                return
            _say(line, progress)
            if line.poll():  # nothing is sent while a run trains, so the line was closed
                raise _Dismissed


def _listen(line: Connection) -> Order:
    try:
        order: Order = line.recv()
    except (EOFError, OSError):
        raise _Dismissed from None
    return order


def _say(line: Connection, message: Progress | Ended) -> None:
    try:
        line.send(message)
    except OSError:
        raise _Dismissed from None

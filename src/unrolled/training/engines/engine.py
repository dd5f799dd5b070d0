"""The interface of all engines: orders in, what happens to them out; and the one way to carry an order out."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unrolled.errors import UnrolledError
from unrolled.record import FAILURE
from unrolled.spec import RunSpec
from unrolled.training.loop import train
from unrolled.training.progress import Progress

__all__ = ["Ended", "Engine", "Order", "carry_out"]


@dataclass(frozen=True)
class Order:
    """A run to train.

    Attributes:
        spec: resolved.
        name: of the run.
        root: the folder of runs; every worker sees it under this path.
    """

    spec: RunSpec
    name: str
    root: Path

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.root / self.name


@dataclass(frozen=True)
class Ended:
    """Nobody is at work on an order any more.

    Attributes:
        error: why its run did not come to its end; None where it did.
    """

    error: UnrolledError | None = None


class Engine(ABC):
    """Trains runs, many at once. What they come to stands in the record; an engine only tells when to look."""

    @property
    @abstractmethod
    def workers(self) -> int | None:
        """How many runs it trains at once; None where that is not known before."""

    @abstractmethod
    def train(self, orders: Sequence[Order]) -> Generator[tuple[Order, Progress | Ended], None, None]:
        """Train every order, each by one worker at a time, and go on with what was begun.

        Yields progress now and then and, of each order once, that it has ended. A worker that dies takes nothing with
        it: its order is given to another, from the last checkpoint, before it counts as failed. Closing the generator
        stops all workers, each after a checkpoint.
        """


def carry_out(order: Order) -> Generator[Progress, None, Ended]:
    """Train one order in this process; what goes wrong, foreign errors too, is told as one of ours."""
    try:
        with contextlib.suppress(OSError):
            (order.path / FAILURE).unlink()
        with contextlib.closing(train(order.spec, name=order.name, runs=order.root, resume=True)) as steps:
            for progress in steps:
                if progress.stopped is None:
                    yield progress
    except UnrolledError as error:
        return Ended(error)
    except Exception as error:
        return Ended(UnrolledError(f"run {order.name!r} failed: {type(error).__name__}: {error}"))
    return Ended()

"""What a task is: batches of symbols from a seeded generator, and the baselines to read a result against.

A task gives whole symbols, never vectors: one-hot, embedding and scalar coding belong to the model. Axes are
T time and B batch, time first.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

from torch import Generator, Tensor

from unrolled.data.question import Choice
from unrolled.errors import SpecError

__all__ = ["IGNORED", "Batch", "Task", "require_whole_number"]

IGNORED: Final = -100
"""The target where nothing is asked; torch's cross-entropy passes over it."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Symbols and the right answers to them.

    Attributes:
        inputs: int64 ``[T, B]``, symbols ``0 … symbols − 1``.
        targets: int64 classes ``0 … classes − 1``: ``[B]`` where one answer follows the sequence, ``[T, B]``
            where every step has one. `IGNORED` where nothing is asked.
        fresh: bool ``[B]``, the rows that begin from a zero state where the others go on from the batch before;
            None: all do.
    """

    inputs: Tensor
    targets: Tensor
    fresh: Tensor | None = None

    def rows(self, rows: slice) -> Batch:
        """Some of its sequences."""
        return Batch(self.inputs[:, rows], self.targets[..., rows], None if self.fresh is None else self.fresh[rows])


class Task(Choice):
    """A distribution over sequences with an answer.

    A task holds its parameters only: all randomness comes from the generator given to `sample`, so one seed
    gives one stream of batches.
    """

    @property
    @abstractmethod
    def symbols(self) -> int:
        """How many different symbols the inputs have."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """T, the length of every input sequence."""

    @abstractmethod
    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw ``batch`` sequences.

        Args:
            batch: B.
            generator: a CPU generator; it is advanced, so the next call draws other sequences.
        """


def require_whole_number(task: str, parameter: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse a parameter that is no whole number or out of range.

    Raises:
        SpecError: naming the task, the parameter, what was given and what would do.
    """
    range_ = f"{least} or more" if most is None else f"{least} to {most}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(f"{task}: {parameter} must be a whole number, {range_}; got {value!r}")
    if value < least or (most is not None and value > most):
        raise SpecError(f"{task}: {parameter} must be {range_}; got {value}")

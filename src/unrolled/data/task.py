"""What a task is: batches of symbols from a seeded generator, and the baselines to read a result against.

A task gives whole symbols, never vectors: one-hot, embedding and scalar coding belong to the model. One that asks
about numbers gives them as they are. Axes are T time, B batch and F numbers, time first.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from unrolled.data.marking import IGNORED
from unrolled.data.question import Choice
from unrolled.errors import SpecError

__all__ = ["IGNORED", "Batch", "Task", "require_whole_number"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Symbols and the right answers to them.

    Attributes:
        inputs: int64 ``[T, B]``, symbols ``0 … symbols − 1``; of a task of numbers float32 ``[T, B, F]``.
        targets: int64 classes ``0 … classes − 1``: ``[B]`` where one answer follows the sequence, ``[A, B]``
            where each of the last A steps has one. `IGNORED` where nothing is asked. Of a task whose answer is a
            number, float32.
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

    counted: ClassVar[str] = "sequences"
    """What is right or wrong, in the plural."""

    @property
    @abstractmethod
    def symbols(self) -> int:
        """How many different symbols the inputs have; 0 where they are numbers."""

    @property
    def numbers(self) -> int:
        """F, how many numbers a step of the inputs carries; 0 where they are symbols."""
        return 0

    @property
    def answers(self) -> int:
        """A, how many steps at the end are asked about, one answer each; 1: one answer follows the sequence."""
        return 1

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

"""The adding problem: two numbers of a long row are marked; what is their sum?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

import torch
from torch import Generator, Tensor

from unrolled.data.marking import Marking, Near
from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["Adding"]

_TOLERANCE: Final = 0.08


@final
@dataclass(frozen=True, slots=True)
class Adding(Task):
    """Add the two marked numbers of T.

    ::

        x_1 … x_T ~ uniform on [0, 1)
        i ~ uniform on 1 … ⌊T/2⌋,  j ~ uniform on ⌊T/2⌋ + 1 … T
        inputs_t = (x_t, 1 if t is i or j, else 0)       target = x_i + x_j

    The numbers .5, .25, .125, .75, of which the first and the last are marked:

    >>> numbers = torch.tensor([[0.5], [0.25], [0.125], [0.75]])
    >>> batch = Adding(length=4).marked(numbers, torch.tensor([0]), torch.tensor([3]))
    >>> batch.inputs[:, 0].tolist(), batch.targets[0].item()
    ([[0.5, 1.0], [0.25, 0.0], [0.125, 0.0], [0.75, 1.0]], 1.25)

    Always answering 1 has a mean squared error of 1/6 = .1667. An answer is right within .08 of the sum, and the
    best constant answer is so in 1 − (1 − .08)² = .1536 of the cases; an answer drawn from [0, 2] in .0799.

    Source: Hochreiter & Schmidhuber 1997, in the form of Le, Jaitly & Hinton, *A Simple Way to Initialize
    Recurrent Networks of Rectified Linear Units*, 2015 (numbers from [0, 1), one mark in each half, the squared
    error as the loss). The tolerance is that of 1997: .04 on a scale on which the sums fill [0, 1], where ours fill
    [0, 2]. It is stricter than the squared error of .01 that is often read as solved: with .99 of the answers right
    a normal error has a standard deviation of .031 and a square of .001.

    Args:
        length: T, 2 or more.

    Raises:
        SpecError: a length that is no whole number or below 2.
    """

    name = "adding"
    counted: ClassVar[str] = "sums"
    marking: ClassVar[Marking] = Near(_TOLERANCE)
    length: int = 50

    def __post_init__(self) -> None:
        require_whole_number(self.name, "length", self.length, least=2)

    @property
    def symbols(self) -> int:
        """None: the inputs are numbers."""
        return 0

    @property
    def numbers(self) -> int:
        """A number and its mark."""
        return 2

    @property
    def classes(self) -> int:
        """One: the answer is a number."""
        return 1

    @property
    def steps(self) -> int:
        """T."""
        return self.length

    @property
    def chance(self) -> float:
        """P(|u − x − y| ≤ .08) for u uniform on [0, 2], x and y on [0, 1]: .08 − .08³/6, as answers end at 0 and 2."""
        return float(_TOLERANCE - _TOLERANCE**3 / 6)

    @property
    def majority(self) -> float:
        """P(|1 − x − y| ≤ .08) = 1 − (1 − .08)²."""
        return float(1 - (1 - _TOLERANCE) ** 2)

    def marked(self, numbers: Tensor, first: Tensor, second: Tensor) -> Batch:
        """``numbers``, float32 ``[T, B]``, with marks at the steps ``first`` and ``second``, int64 ``[B]``."""
        places = torch.stack([first, second])
        marks = torch.zeros_like(numbers).scatter_(0, places, 1.0)
        return Batch(inputs=torch.stack([numbers, marks], -1), targets=numbers.gather(0, places).sum(0))

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw numbers and marks."""
        half = self.length // 2
        numbers = torch.rand(self.length, batch, generator=generator)
        first = torch.randint(0, half, (batch,), generator=generator)
        second = torch.randint(half, self.length, (batch,), generator=generator)
        return self.marked(numbers, first, second)

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"the adding problem: {self.length} numbers in, of which two are marked, their sum asked to within "
            f"{_TOLERANCE}; always answering 1 scores {self.majority:.3f} (squared error .1667)"
        )

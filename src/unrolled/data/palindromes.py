"""Decimal palindromes: remember the first digit to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["DecimalPalindromes"]


@final
@dataclass(frozen=True, slots=True)
class DecimalPalindromes(Task):
    """Predict the last digit of a decimal palindrome of length L from the L − 1 before it.

    ::

        d_1 … d_⌈L/2⌉ ~ uniform on 0 … 9        (a leading 0 is allowed)
        d_t = d_{L+1−t}                          (odd L: the middle digit is shared)
        inputs = d_1 … d_{L−1}      target = d_L = d_1

    Digits 3, 1, 4 at L = 5 are the palindrome 3 1 4 1 3:

    >>> batch = DecimalPalindromes(length=5).mirror(torch.tensor([[3], [1], [4]]))
    >>> batch.inputs[:, 0].tolist(), batch.targets[0].item()
    ([3, 1, 4, 1], 3)

    At L = 2 the answer is the digit just seen. Chance and majority are both 0.10, a loss of ln 10 = 2.3026
    nats.

    Source: the course's ``palindrome`` data set. Its ``input_length`` is L − 1 and reports disagree on which
    of the two they call T, so the length here is always L, the palindrome's. The course draws each sequence
    alone in a Dataset; here a batch is one draw.

    Args:
        length: L, 2 or more.

    Raises:
        SpecError: a length that is no whole number or below 2.
    """

    name = "palindromes"
    length: int = 10

    def __post_init__(self) -> None:
        require_whole_number(self.name, "length", self.length, least=2)

    @property
    def symbols(self) -> int:
        """The ten digits."""
        return 10

    @property
    def classes(self) -> int:
        """The ten digits."""
        return 10

    @property
    def steps(self) -> int:
        """L − 1."""
        return self.length - 1

    @property
    def majority(self) -> float:
        """One in ten: the last digit is uniform."""
        return 1 / 10

    def mirror(self, digits: Tensor) -> Batch:
        """The palindromes whose first halves are ``digits``, ``[⌈L/2⌉, B]``."""
        second_half = digits[1 : self.length // 2].flip(0)
        return Batch(inputs=torch.cat([digits, second_half]), targets=digits[0])

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw first halves and mirror them."""
        return self.mirror(torch.randint(0, 10, ((self.length + 1) // 2, batch), generator=generator))

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"decimal palindromes of length {self.length}: {self.steps} digits in, the last one asked; "
            "guessing scores 0.100"
        )

"""Binary palindromes: small numbers in binary, mirrored and left-padded; remember the first bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Generator, Tensor

from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["BinaryPalindromes"]

_NUMBERS: Final = 9  # the integers 0 … 8
_SPELLINGS: Final = tuple(f"{n:b}" for n in range(_NUMBERS))
_WIDEST: Final = max(map(len, _SPELLINGS))  # 4 bits, for 8 = 1000
# row n: the symbols of n (1 = bit 0, 2 = bit 1), then 0 where n has no more bits
_SYMBOLS: Final = torch.tensor([[1 + int(bit) for bit in bits] + [0] * (_WIDEST - len(bits)) for bits in _SPELLINGS])


@final
@dataclass(frozen=True, slots=True)
class BinaryPalindromes(Task):
    """Predict the last bit of a left-padded binary palindrome.

    ::

        n_1 … n_k ~ uniform on 0 … 8,   k = ⌈T/2⌉
        s = bin(n_1) ‖ … ‖ bin(n_k)             each without fixed width: 0, 1, 10, 11, … 1000
        s ← reverse(s) with probability 1/2
        palindrome = s ‖ reverse(s), left-padded with symbol 0 to the width W = 8⌈T/2⌉ + 2
        bit b is symbol 1 + b
        inputs = the first W − 1 symbols      target = the last bit, as class 0 or 1

    The numbers 2 and 1 at T = 4, not reversed, give s = 101 and the palindrome 101101, right-aligned in W =
    18:

    >>> batch = BinaryPalindromes(length=4).mirror(torch.tensor([[2], [1]]), torch.tensor([False]))
    >>> batch.inputs[:, 0].tolist(), batch.targets[0].item()
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 2, 1], 1)

    Chance is 1/2, but the last bit is the first bit of s: the leading bit of n_1 (1 for eight of the nine
    numbers) or, reversed, the lowest bit of n_k (1 for four of nine). P(label 1) = ½·8/9 + ½·4/9 = **2/3, so
    the constant answer 1 scores .667.**

    Source: the course's ``binary palindrome`` data set. Two differences. It pads to 4T + 2, which for odd T
    is too narrow for k = (T + 1)/2 wide numbers, so its code breaks there; W above is 4T + 2 for even T and
    4T + 6 for odd T, wide enough always. It sets the number of classes to T, so an untrained model may score
    0; here there are two.

    Args:
        length: T, 1 or more. The inputs have 8⌈T/2⌉ + 1 symbols: 4T + 1 for even T.

    Raises:
        SpecError: a length that is no whole number or below 1.
    """

    name = "binary-palindromes"
    length: int = 10

    def __post_init__(self) -> None:
        require_whole_number(self.name, "length", self.length, least=1)

    @property
    def count(self) -> int:
        """k, how many numbers are drawn."""
        return (self.length + 1) // 2

    @property
    def symbols(self) -> int:
        """Pad, bit 0, bit 1."""
        return 3

    @property
    def classes(self) -> int:
        """Bit 0 or bit 1."""
        return 2

    @property
    def steps(self) -> int:
        """W − 1 = 8⌈T/2⌉ + 1."""
        return 2 * _WIDEST * self.count + 1

    @property
    def majority(self) -> float:
        """P(label 1) = 2/3, from the nine bit strings."""
        leading_ones = sum(bits[0] == "1" for bits in _SPELLINGS) / _NUMBERS
        lowest_ones = sum(bits[-1] == "1" for bits in _SPELLINGS) / _NUMBERS
        label_one = (leading_ones + lowest_ones) / 2
        return max(label_one, 1 - label_one)

    def mirror(self, numbers: Tensor, reverse: Tensor) -> Batch:
        """The palindromes of ``numbers``, int64 ``[k, B]``, turned round where ``reverse``, bool ``[B]``."""
        k, batch = numbers.shape
        symbols = _SYMBOLS[numbers].permute(0, 2, 1).reshape(k * _WIDEST, batch)  # with gaps of 0
        rank = (symbols > 0).cumsum(0) - 1  # place in s
        size = rank[-1] + 1  # bits in s
        rank = torch.where(reverse, size - 1 - rank, rank)
        width = self.steps + 1
        gap = symbols == 0
        padded = torch.zeros(width + 1, batch, dtype=torch.int64)  # the row beyond the width takes the gaps
        padded.scatter_(0, torch.where(gap, width, width - 2 * size + rank), symbols)
        padded.scatter_(0, torch.where(gap, width, width - 1 - rank), symbols)
        return Batch(inputs=padded[: self.steps], targets=padded[self.steps] - 1)

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw numbers and turns and mirror them."""
        numbers = torch.randint(0, _NUMBERS, (self.count, batch), generator=generator)
        reverse = torch.randint(0, 2, (batch,), generator=generator) == 1
        return self.mirror(numbers, reverse)

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"binary palindromes, T = {self.length}: {self.steps} symbols (pad, 0, 1) in, "
            f"the last bit asked; always answering 1 scores {self.majority:.3f}"
        )

"""The Baum–Sweet sequence: are all blocks of zeros of even length?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Generator, Tensor

from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["KEEP_ZERO", "BaumSweet", "baum_sweet", "count_ones"]

KEEP_ZERO: Final = 0.016724
"""The probability with which a number of label 0 is kept."""

_EVEN_BITS: Final = 0x5555_5555_5555_5555
_MOST_DIGITS: Final = 18  # 10¹⁸ < 2⁶⁰: sums of two such numbers stay inside int64


def baum_sweet(numbers: Tensor) -> Tensor:
    """b_n: true where the binary form of n ≥ 1 has no block of zeros of odd length.

    b_1 = 1, b_2 = b_{10} = 0, b_4 = b_{100} = 1, b_9 = b_{1001} = 1. All bits at once: adding a block's first
    bit to the block carries into the bit just above it, so a block that starts on an even bit is odd if the
    carry lands on an odd bit, and the other way round (the trick is simdjson's for odd runs of backslashes).

    Args:
        numbers: int64, 1 … 2⁶⁰.
    """
    below_top = numbers
    for shift in (1, 2, 4, 8, 16, 32):
        below_top = below_top | (below_top >> shift)
    zeros = ~numbers & below_top
    first = zeros & ~(zeros << 1)
    first_even = first & _EVEN_BITS
    after_even = (zeros + first_even) & ~zeros
    after_odd = (zeros + (first ^ first_even)) & ~zeros
    # ~zeros hides the blocks that a sum left in place; what is left is the bit above each block that carried
    odd_blocks = (after_even & ~_EVEN_BITS) | (after_odd & _EVEN_BITS)
    return odd_blocks == 0


def count_ones(limit: int) -> int:
    """How many of 1 … limit have b_n = 1.

    Such a binary form is a leading 1, then any row of the tiles ``1`` and ``00``; rows of n bits are counted
    by Fibonacci numbers, so walking down the bits of the limit counts exactly without visiting any number.
    """
    if limit < 1:
        return 0
    bits = f"{limit:b}"
    rows = [1, 1]  # rows[n]: tilings of n bits
    while len(rows) < len(bits):
        rows.append(rows[-1] + rows[-2])
    total = sum(rows[: len(bits) - 1])  # every shorter form
    pending_zero = False  # an odd block of zeros is open
    for place, bit in enumerate(bits[1:], start=2):
        rest = len(bits) - place
        if bit == "1":
            # the forms below the limit put 0 here: it closes an open pair, or opens one for the next place
            total += rows[rest] if pending_zero else (rows[rest - 1] if rest else 0)
            if pending_zero:
                return total
        else:
            pending_zero = not pending_zero
    return total + (not pending_zero)


@final
@dataclass(frozen=True, slots=True)
class BaumSweet(Task):
    """Tell whether a number's binary form has no block of zeros of odd length.

    ::

        n ~ uniform on the integers 10 … 10^m
        label = b_n = 1 iff no maximal block of zeros in bin(n) has odd length
        keep n if label = 1, and with probability .016724 if label = 0; otherwise draw again
        inputs = bin(n), bits as symbols 1 + b, left-padded with symbol 0 to 4m      target = label

    At m = 2, 12 = 1100 (one block, of two) has label 1 and 10 = 1010 (two blocks, of one) label 0:

    >>> batch = BaumSweet(digits=2).spell(torch.tensor([12, 10]))
    >>> batch.inputs.T.tolist(), batch.targets.tolist()
    ([[0, 0, 0, 0, 2, 2, 1, 1], [0, 0, 0, 0, 2, 1, 2, 1]], [1, 0])

    Chance is 1/2. Numbers of label 1 thin out by the golden ratio over two with every bit, so the keeping
    rule balances the labels near m = 6 only: P(label 1) = .823, .671, .504 for m = 4, 5, 6, and from m = 7
    the majority is label 0.

    Source: the course's ``Baum-Sweet`` data set (after Baum & Sweet 1976). It draws and labels number by
    number in Python; here whole rounds of numbers are drawn and labelled at once, and the majority is counted
    exactly, where the figures published for m = 4, 5, 6 (.83, .67, .515) are shares of a finite draw.

    Args:
        digits: m, 2 … 18.

    Raises:
        SpecError: digits that are no whole number or outside 2 … 18.
    """

    name = "baum-sweet"
    digits: int = 4

    def __post_init__(self) -> None:
        require_whole_number(self.name, "digits", self.digits, least=2, most=_MOST_DIGITS)

    @property
    def symbols(self) -> int:
        """Pad, bit 0, bit 1."""
        return 3

    @property
    def classes(self) -> int:
        """Label 0 or 1."""
        return 2

    @property
    def steps(self) -> int:
        """4m, room for the bits of 10^m."""
        return 4 * self.digits

    @property
    def label_one(self) -> float:
        """P(label 1) among the kept numbers, counted exactly."""
        ones, zeros = self._counts()
        return ones / (ones + KEEP_ZERO * zeros)

    @property
    def majority(self) -> float:
        """The larger of P(label 1) and P(label 0)."""
        return max(self.label_one, 1 - self.label_one)

    def _counts(self) -> tuple[int, int]:
        """How many numbers of 10 … 10^m have label 1 and label 0."""
        ones = count_ones(10**self.digits) - count_ones(9)
        return ones, 10**self.digits - 9 - ones

    def spell(self, numbers: Tensor) -> Batch:
        """Numbers, int64 ``[B]``, as padded bits, highest first, with their labels."""
        shifts = torch.arange(self.steps - 1, -1, -1).unsqueeze(1)
        rest = numbers >> shifts
        return Batch(inputs=torch.where(rest > 0, 1 + (rest & 1), 0), targets=baum_sweet(numbers).to(torch.int64))

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw rounds of numbers until enough are kept, and spell them."""
        ones, zeros = self._counts()
        kept_share = (ones + KEEP_ZERO * zeros) / (ones + zeros)
        kept: list[Tensor] = []
        missing = batch
        while missing > 0:
            round_ = int(1.2 * missing / kept_share) + 16
            numbers = torch.randint(10, 10**self.digits + 1, (round_,), generator=generator)
            lucky = torch.rand(round_, dtype=torch.float64, generator=generator) < KEEP_ZERO
            kept.append(numbers[baum_sweet(numbers) | lucky])
            missing -= len(kept[-1])
        return self.spell(torch.cat(kept)[:batch] if kept else torch.empty(0, dtype=torch.int64))

    def describe(self) -> str:
        """See `Task.describe`."""
        answer = int(self.label_one >= 0.5)
        return (
            f"Baum-Sweet, numbers of up to {self.digits} digits: {self.steps} symbols (pad, 0, 1) in, "
            f"asked whether no block of zeros is odd; always answering {answer} scores {self.majority:.3f}"
        )

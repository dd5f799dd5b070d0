"""Every n-gram of a text up to a length, numbered and counted: what back-off and Kneser–Ney both read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from unrolled.errors import InputError

__all__ = ["NGrams"]

Whole = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class NGrams:
    """The distinct n-grams of a text, n = 1 … longest, each length numbered apart.

    ::

        key(x_1 … x_n) = number(x_1 … x_{n−1})·V + x_n
        number = the key's place among the sorted keys of its length, 0 for the empty n-gram

    so numbers are exact at any length (nothing is hashed), the n-grams that share a context x_1 … x_{n−1} are
    neighbours, and a number's context is its key over V. Index n of every tuple is for n-grams of length n;
    index 0 is the empty n-gram's.

    Attributes:
        symbols: V.
        longest: the greatest n.
        keys: sorted, int64.
        counts: how often each n-gram occurs.
        first: where each n-gram occurs first.
        suffixes: the number, at length n − 1, of each n-gram without its first symbol.
    """

    symbols: int
    longest: int
    keys: tuple[Whole, ...] = field(repr=False)
    counts: tuple[Whole, ...] = field(repr=False)
    first: tuple[Whole, ...] = field(repr=False)
    suffixes: tuple[Whole, ...] = field(repr=False)

    @classmethod
    def of(cls, codes: Tensor, symbols: int, longest: int) -> NGrams:
        """Number and count a text's n-grams, in one sort a length.

        Args:
            codes: the text, integers 0 … V − 1, ``[N]``.
            symbols: V.
            longest: 1 or more; an order-k model, k characters of context, needs k + 1.

        Raises:
            InputError: a length below 1, or a text shorter than it.
        """
        text = codes.numpy().astype(np.int64)
        if not 1 <= longest <= len(text):
            raise InputError(f"n-grams of length {longest} cannot be counted in a text of {len(text)} symbols")
        nothing = np.zeros(1, dtype=np.int64)
        keys, counts, first, suffixes = [nothing], [np.array([len(text)])], [nothing], [nothing]
        numbers = np.zeros(len(text) + 1, dtype=np.int64)  # of the n-gram that starts at each place
        for n in range(1, longest + 1):
            distinct, first_n, numbers_n, counts_n = np.unique(
                numbers[: len(text) - n + 1] * symbols + text[n - 1 :],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            keys.append(distinct)
            counts.append(counts_n)
            first.append(first_n)
            suffixes.append(numbers[first_n + 1])
            numbers = numbers_n
        return cls(symbols, longest, tuple(keys), tuple(counts), tuple(first), tuple(suffixes))

    def size(self, n: int) -> int:
        """How many distinct n-grams there are."""
        return len(self.keys[n])

    def contexts(self, n: int) -> Whole:
        """The number, at length n − 1, of each n-gram without its last symbol."""
        return self.keys[n] // self.symbols

    def find(self, text: Whole, n: int, contexts: Whole) -> Whole:
        """The number of the n-gram that starts at each place of another text, −1 where it was never seen.

        Args:
            text: codes, ``[M]``.
            n: the length, 1 or more.
            contexts: what this returned for n − 1 (zeros ``[M + 1]`` for n = 1).

        Returns:
            ``[M − n + 1]``.
        """
        places = max(len(text) - n + 1, 0)
        wanted = contexts[:places] * self.symbols + text[n - 1 :][:places]
        numbers = np.searchsorted(self.keys[n], wanted).clip(max=self.size(n) - 1)
        # an unseen context, −1, wants a key below 0, which is nobody's
        return np.where(self.keys[n][numbers] == wanted, numbers, -1)

"""How much of a sample is copied from the training text."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt

from unrolled.errors import InputError

__all__ = ["Copying", "TrainingText"]

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copying:
    """What a sample has in common with the training text.

    Attributes:
        longest: the sample's longest substring that the training text has too; of several, the first.
        begins_at: where it begins in the sample.
        found_at: a place where it begins in the training text.
        gram: n.
        seen_share: the share of the sample's n-grams that the training text has; None for a sample shorter
            than n.
    """

    longest: str
    begins_at: int
    found_at: int
    gram: int
    seen_share: float | None


@final
@dataclass(frozen=True, eq=False)
class TrainingText:
    """A text with its suffixes in order, so that any sample is looked up in it in milliseconds.

    ::

        match_i = the longest prefix of sample[i:] that occurs in the text (bisection of the ordered suffixes)
        longest = the longest of the match_i
        seen_share = the share of the i = 0 … M − n with |match_i| ≥ n

    Sorting is by prefix doubling (Manber & Myers 1993; only what is still tied is sorted again, Larsson &
    Sadakane 2007), begun from as many characters as one 64-bit key holds.
    """

    text: str = field(repr=False)
    order: Whole = field(repr=False)

    @classmethod
    def of(cls, text: str) -> TrainingText:
        """Put a text's suffixes in order.

        Raises:
            InputError: an empty text.
        """
        if not text:
            raise InputError("nothing can be copied from an empty training text")
        return cls(text, _suffix_order(text))

    def compare(self, sample: str, gram: int = 8) -> Copying:
        """Look a sample up.

        Args:
            sample: any text; characters that the training text lacks match nothing.
            gram: n, the length whose share is asked.

        Raises:
            InputError: a length below 1.
        """
        if gram < 1:
            raise InputError(f"the length of the n-grams to look up must be 1 or more; got {gram}")
        longest, begins_at, found_at, seen = 0, 0, 0, 0
        for i in range(len(sample)):
            length, place = self._match(sample[i:])
            if length > longest:
                longest, begins_at, found_at = length, i, place
            seen += length >= gram
        grams = len(sample) - gram + 1
        return Copying(
            longest=sample[begins_at : begins_at + longest],
            begins_at=begins_at,
            found_at=found_at,
            gram=gram,
            seen_share=seen / grams if grams > 0 else None,
        )

    def _match(self, query: str) -> tuple[int, int]:
        """Length and place of the longest prefix of the query that occurs, found beside the query's rank."""
        rank = bisect_left(self.order, query, key=lambda start: self.text[start : start + len(query)])
        places = [int(start) for start in self.order[max(rank - 1, 0) : rank + 1]]
        return max((_common(query, self.text[p : p + len(query)]), p) for p in places)


def _common(left: str, right: str) -> int:
    for i, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return i
    return min(len(left), len(right))


def _suffix_order(text: str) -> Whole:
    """Where the suffixes of a text begin, in the order of the suffixes."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    alphabet, codes = np.unique(points, return_inverse=True)
    depth = max(int(62 / np.log2(len(alphabet) + 1)), 1)
    padded = np.concatenate([codes + 1, np.zeros(depth, dtype=np.int64)])  # 0: past the end
    keys = np.zeros(len(text), dtype=np.int64)
    for offset in range(depth):
        keys = keys * (len(alphabet) + 1) + padded[offset : offset + len(text)]
    order = np.argsort(keys, kind="stable")
    slots = np.arange(len(text))
    begins = np.diff(keys[order], prepend=-1) != 0
    rank = np.empty(len(text), dtype=np.int64)  # the slot where a suffix's group of ties begins
    rank[order] = np.maximum.accumulate(np.where(begins, slots, 0))
    while True:
        tied = _tied(rank[order[slots]])
        slots = slots[tied]
        if not len(slots):
            return order
        suffixes = order[slots]
        beyond = suffixes + depth
        second = np.where(beyond < len(text), rank[np.minimum(beyond, len(text) - 1)], -1)
        first = rank[suffixes]
        resort = np.lexsort((second, first))
        suffixes, first, second = suffixes[resort], first[resort], second[resort]
        order[slots] = suffixes
        begins = (np.diff(first, prepend=-1) != 0) | (np.diff(second, prepend=-2) != 0)
        rank[suffixes] = np.maximum.accumulate(np.where(begins, slots, 0))
        depth *= 2


def _tied(ranks: Whole) -> npt.NDArray[np.bool_]:
    """Which of the ascending ranks are shared with a neighbour."""
    tied = np.zeros(len(ranks), dtype=np.bool_)
    same = ranks[1:] == ranks[:-1]
    tied[1:] |= same
    tied[:-1] |= same
    return tied

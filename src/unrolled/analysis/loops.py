"""Loops: greedy text that has begun to repeat itself, as it must once a state comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Loop", "find_loop"]

TURNS = 3
"""How often a unit must stand at the end, one after the other, to be a loop."""

LEAST = 20
"""Characters that a loop has at least; three dots are none."""


@dataclass(frozen=True)
class Loop:
    """A text's end that is one unit again and again.

    Attributes:
        unit: what is repeated, as it stands where the repetition begins; the shortest that will do.
        begins_at: where the first unit begins in the text.
        turns: how often it stands there, the last one perhaps in part.
    """

    unit: str
    begins_at: int
    turns: float


def find_loop(text: str) -> Loop | None:
    """The loop that a text ends in, if it does.

    ::

        period(p) = the longest end of the text with x_i = x_{i−p}
        a loop of period p: that end, with the unit before it, is at least 3p and 20 long; the smallest p is taken

    >>> find_loop("and the fox said to the fox said to the fox said to the fo")
    Loop(unit='the fox said to ', begins_at=4, turns=3.375)

    Args:
        text: any.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    for period in range(1, len(codes) // TURNS + 1):
        differs = np.flatnonzero(codes[period:] != codes[:-period])
        begins_at = int(differs[-1]) + 1 if len(differs) else 0
        length = len(codes) - begins_at
        if length >= max(TURNS * period, LEAST):
            return Loop(text[begins_at : begins_at + period], begins_at, length / period)
    return None

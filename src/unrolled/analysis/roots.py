"""Numbers of the form ±√(p/q), exactly: the entries of a symmetrically normalised matrix and of its powers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Root"]


@dataclass(frozen=True)
class Root:
    """``±√square``, written as one would on paper.

    >>> print(Root(Fraction(1, 12)), Root(Fraction(1, 16)), Root(Fraction(3, 2), is_negative=True))
    1/√12 1/4 −√(3/2)

    Attributes:
        square: 0 or more.
        is_negative: whether it is −√square.
    """

    square: Fraction
    is_negative: bool = False

    @classmethod
    def of(cls, value: Fraction, radicand: Fraction = Fraction(1)) -> Root:
        """``value · √radicand``."""
        return cls(value * value * radicand, value < 0)

    def __float__(self) -> float:
        magnitude = math.sqrt(self.square.numerator / self.square.denominator)
        return -magnitude if self.is_negative else magnitude

    def __str__(self) -> str:
        return self.text()

    def text(self, times: int = 1) -> str:
        """``times`` of it, as 2/√12 for twice 1/√12."""
        sign = "−" if self.is_negative else ""
        over, under = self.square.numerator, self.square.denominator
        top, bottom = _whole_root(over), _whole_root(under)
        if top is not None and bottom is not None:
            return sign + str(Fraction(times * top, bottom))
        if top is not None:
            return f"{sign}{times * top}/√{under}"
        factor = "" if times == 1 else f"{times}·"
        if bottom is not None:
            return f"{sign}{factor}√{over}" + ("" if bottom == 1 else f"/{bottom}")
        return f"{sign}{factor}√({over}/{under})"


def _whole_root(number: int) -> int | None:
    root = math.isqrt(number)
    return root if root * root == number else None

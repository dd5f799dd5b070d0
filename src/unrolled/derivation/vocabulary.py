"""The words that formulas may use: functions for all, and the quantities of one model."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from unrolled.errors import FormulaError

__all__ = ["FUNCTIONS", "Vocabulary", "no_quantity"]

FUNCTIONS = {
    **dict.fromkeys(("diag", "transpose", "tanh", "sigma", "relu", "step", "exp", "log", "softmax", "ones"), 1),
    **dict.fromkeys(("dtanh", "dsigma", "drelu", "entries"), 1),
    **dict.fromkeys(("outer", "kron"), 2),
}
"""Every function and how many arguments it takes; `evaluation` says what each does."""


@dataclass(frozen=True)
class Vocabulary:
    """The names that formulas about a model may use.

    Attributes:
        sequences: quantities with a value at every step.
        plain: the others.
        constants: whole numbers, such as T.
        spellings: other words for them.
    """

    sequences: frozenset[str]
    plain: frozenset[str]
    constants: frozenset[str]
    spellings: dict[str, str]

    @property
    def names(self) -> frozenset[str]:
        """All of them, as they are written here."""
        return self.sequences | self.plain | self.constants

    def unknown(self, name: str) -> FormulaError:
        """What to say of a name that is none of them."""
        return no_quantity(name, self.names)


def no_quantity(name: str, names: Iterable[str]) -> FormulaError:
    """A name that is none of these, with the nearest that is."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return FormulaError(f"no quantity {name!r}{hint} quantities: {', '.join(known)}")

"""Looks for the slip that explains a wrong formula: one, or two if they are found in time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Literal

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import Target
from unrolled.derivation.edits import Edit, edits
from unrolled.derivation.models import Model
from unrolled.errors import FormulaError

__all__ = ["repair"]

SEARCH_SECONDS = 3.0
"""How long two slips at once are looked for; one slip always is."""


def repair(formula: e.Node, target: Target, model: Model, most: Literal[1, 2] = 2) -> tuple[Edit, ...] | None:
    """The slips, at most so many, that lead from the formula to a right one, or None."""
    single = _right_among(itertools.chain(edits(formula, model), _in_place_of_p(formula, target)), target)
    if single is not None:
        return (single,)
    if most == 1:
        return None
    until = time.monotonic() + SEARCH_SECONDS
    for first in edits(formula, model):
        second = _right_among(edits(first.formula, model), target, lambda: time.monotonic() > until)
        if second is not None:
            return (first, second)
        if time.monotonic() > until:
            return None
    return None


def _in_place_of_p(formula: e.Node, target: Target) -> Iterator[Edit]:
    """The formula with ŷ - y in the place of any run of its factors: whatever stands there for ∂L/∂p is the fault."""
    factors: tuple[e.Node, ...] = formula.factors if isinstance(formula, e.Product) else (formula,)
    hats: list[e.Node] = [e.Add((e.Symbol("yhat"), e.Negative(e.Symbol("y"))))]
    hats += [e.Add((e.At("yhat", (e.Symbol(name),)), e.Negative(e.At("y", (e.Symbol(name),))))) for name in target.free]
    runs = itertools.combinations(range(len(factors) + 1), 2)
    for first, last in sorted(runs, key=lambda run: run[0] - run[1]):
        before = e.product(factors[first:last])
        for hat in hats:
            after = e.product((*factors[:first], hat, *factors[last:]))
            cause = "that is ∂L/∂p of softmax and cross-entropy, and what stands there is not"
            yield Edit(after, before, hat, cause)


def _right_among(candidates: Iterator[Edit], target: Target, late: Callable[[], bool] = lambda: False) -> Edit | None:
    for edit in candidates:
        if late():
            return None
        if e.holds(edit.formula, target.left) or _is_other_name(edit.formula, target.left):
            continue
        try:
            if target.compare(edit.formula, 1).equal and target.compare(edit.formula).equal:
                return edit
        except FormulaError:
            continue
    return None


def _is_other_name(formula: e.Node, left: e.Node) -> bool:
    """Whether a candidate is nothing but another name of what is asked, such as delta[t] for ∂L/∂h[t]."""
    return isinstance(formula, e.At | e.Symbol) and isinstance(left, e.Derivative)

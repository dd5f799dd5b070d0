"""A formula term by term over time, beside each step's own share of the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import TOLERANCE, Comparison, Target
from unrolled.derivation.evaluation import Evaluator, Mismatch, OutOfRange
from unrolled.derivation.instance import Array

__all__ = ["Term", "shares_held", "shares_of", "step_name", "steps_of", "terms_of"]


@dataclass(frozen=True)
class Term:
    """One step's part.

    Attributes:
        step: t.
        mine: ‖the formula's term‖; None where it has none for this step.
        right: ‖autograd's share of this step‖, or ‖the gradient‖ at this step.
        relative_error: ‖difference‖ / the largest ‖right‖ of all steps.
        state: what to think of it.
    """

    step: int
    mine: float | None
    right: float
    relative_error: float
    state: Literal["equal", "wrong", "missing", "too much"]


def terms_of(formula: e.Node, target: Target) -> tuple[Term, ...]:
    """The terms of a sum over time beside the shares of the weight, on the first instance.

    Empty where the left side is no weight that every step uses, or the formula is no sum over one variable.
    """
    shares = shares_of(target)
    if not shares:
        return ()
    mine = _split(formula, target)
    if mine is None or any(value.shape != next(iter(shares.values())).shape for value in mine.values()):
        return ()
    scale = max(float(np.linalg.norm(share)) for share in shares.values())
    found = []
    for step in sorted({*shares, *mine}):
        right = shares.get(step, np.zeros_like(next(iter(shares.values()))))
        value = mine.get(step)
        error = float(np.linalg.norm(right if value is None else value - right)) / scale
        state: Literal["equal", "wrong", "missing", "too much"] = "equal"
        if error >= TOLERANCE:
            state = "missing" if value is None else "too much" if step not in shares else "wrong"
        norm = None if value is None else float(np.linalg.norm(value))
        found.append(Term(step, norm, float(np.linalg.norm(right)), error, state))
    return tuple(found)


def steps_of(comparison: Comparison, variable: str) -> tuple[Term, ...]:
    """The same for a left side with one free step, such as ∂L/∂h[t]."""
    cases = comparison.cases[0]
    scale = max(float(np.linalg.norm(case.right)) for case in cases) or 1.0
    found = []
    for case in cases:
        error = float(np.linalg.norm(case.mine - case.right)) / scale
        state: Literal["equal", "wrong"] = "equal" if error < TOLERANCE else "wrong"
        norms = float(np.linalg.norm(case.mine)), float(np.linalg.norm(case.right))
        found.append(Term(case.bound[variable], *norms, error, state))
    return tuple(found)


def shares_held(target: Target, comparison: Comparison) -> tuple[int, ...] | None:
    """The run of steps whose shares alone add up to what the formula gives; None: none does, or it is all of them."""
    shares = shares_of(target)
    if not shares or not comparison.fits:
        return None
    mine, steps = comparison.cases[0][0].mine, sorted(shares)
    if not np.any(mine):
        return None
    scale = max(float(np.linalg.norm(share)) for share in shares.values())
    for first in range(len(steps)):
        for last in range(first, len(steps)):
            run = steps[first : last + 1]
            total = sum((shares[step] for step in run), np.zeros_like(mine))
            if len(run) < len(steps) and float(np.linalg.norm(mine - total)) < TOLERANCE * scale:
                return tuple(run)
    return None


def step_name(step: int, T: int) -> str:
    """A step as one says it: T for the last."""
    return {T: "T", T - 1: "T-1"}.get(step, str(step)) if step > 1 else str(step)


def shares_of(target: Target) -> dict[int, Array]:
    """Each step's share of what is asked, on the first instance; empty where it is no weight that every step uses."""
    left = target.left
    if isinstance(left, e.Derivative) and left.above == e.Symbol("L") and isinstance(left.below, e.Symbol):
        return target.instances[0].shares(left.below.name)
    return {}


def _split(formula: e.Node, target: Target) -> dict[int, Array] | None:
    """The value for each step of the one sum that the formula is linear in."""
    found = next(_linear_sums(formula), None)
    if found is None:
        return None
    whole, over = found
    evaluator = Evaluator(target.instances[0], target.definitions)
    try:
        first, last = (int(evaluator.value(bound)) for bound in (over.first, over.last))
        return {step: evaluator.value(whole, {over.variable: step}) for step in range(first, last + 1)}
    except (Mismatch, OutOfRange):
        return None


def _linear_sums(node: e.Node) -> Iterator[tuple[e.Node, e.Over]]:
    """(the formula with a sum's body in the sum's place, the sum), for every sum that the rest only scales."""
    match node:
        case e.Over("sum", _, _, _, body):
            yield body, node
        case e.Negative() | e.Transpose() | e.Product() | e.Elementwise():
            parts = e.children(node)
            for place, part in enumerate(parts):
                for whole, over in _linear_sums(part):
                    yield e.with_children(node, (*parts[:place], whole, *parts[place + 1 :])), over

"""What is wrong with a formula: what its values look like beside the right ones, and the slip that explains them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import TOLERANCE, Case, Comparison, Target
from unrolled.derivation.evaluation import Evaluator, OutOfRange
from unrolled.derivation.grammar import parse
from unrolled.derivation.models import Model
from unrolled.derivation.repair import repair
from unrolled.derivation.right_forms import right_form
from unrolled.derivation.terms import Term, shares_held, shares_of, step_name
from unrolled.errors import FormulaError

__all__ = ["findings_of"]


def findings_of(
    formula: e.Node, target: Target, comparison: Comparison, terms: tuple[Term, ...], model: Model
) -> Iterator[str]:
    """Every finding in a sentence, most telling first."""
    explained = False
    if comparison.problem is not None:
        yield comparison.problem
    elif not comparison.fits:
        yield from _shapes(comparison, target)
    else:
        yield from _zeros(formula, target, comparison)
        yield from _patterns(comparison, target)
        causes = [*_scales(comparison), *_transposed(comparison), *_missing_terms(target, comparison, model)]
        explained = bool(causes)
        yield from causes
    yield from _missing(formula, target, comparison, terms)
    if comparison.fits and not _anything(comparison):
        return  # too many slips make nothing of it to blame one
    for edit in repair(formula, target, model, most=1 if explained else 2) or ():
        yield f"{e.write(edit.before)} should be {e.write(edit.after)}: {edit.cause}"


def _shapes(comparison: Comparison, target: Target) -> Iterator[str]:
    case = next(case for cases in comparison.cases for case in cases if case.mine.shape != case.right.shape)
    mine, right = ("a number" if not s else "×".join(map(str, s)) for s in (case.mine.shape, case.right.shape))
    yield f"the formula gives {mine} where {e.write(target.left)} is {right}"
    yield from _transposed(comparison)


def _transposed(comparison: Comparison) -> Iterator[str]:
    turned = tuple(tuple(Case(case.bound, case.mine.T, case.right) for case in cases) for cases in comparison.cases)
    if Comparison(turned).equal:
        yield "it is transposed as a whole, and right otherwise"


def _missing_terms(target: Target, comparison: Comparison, model: Model) -> Iterator[str]:
    """Whether it is some of the terms of the right form, without the others."""
    right = right_form(target, model)
    if right is None:
        return
    (statement,) = parse(right, model.vocabulary)
    if not isinstance(statement.right, e.Add) or statement.left != target.left or len(statement.right.terms) > 5:
        return
    terms = statement.right.terms
    for count in range(1, len(terms)):
        for chosen in combinations(terms, count):
            part = chosen[0] if count == 1 else e.Add(chosen)
            values = target.compare(part, 1)
            if values.fits and len(values.cases[0]) == len(comparison.cases[0]):
                pairs = zip(values.cases[0], comparison.cases[0], strict=True)
                if all(np.allclose(theirs.mine, mine.mine, TOLERANCE, 1e-12) for theirs, mine in pairs):
                    left_out = " and ".join(e.write(term) for term in terms if term not in chosen)
                    yield f"the term {left_out} is missing"
                    return


def _zeros(formula: e.Node, target: Target, comparison: Comparison) -> Iterator[str]:
    if _anything(comparison):
        return
    evaluator = Evaluator(target.instances[0], target.definitions)
    for part in e.parts(formula):
        if isinstance(part, e.At | e.Symbol):
            try:
                value = evaluator.value(part)
            except (FormulaError, OutOfRange):
                continue
            if value.ndim and not np.any(value):
                name = e.write(part)
                yield f"it is identically zero, whatever the weights: it has the factor {name}, and {name} = 0"
                return
    yield "it is identically zero, whatever the weights"


def _anything(comparison: Comparison) -> bool:
    """Whether the formula gives anything but zeros."""
    return any(np.any(case.mine) for cases in comparison.cases for case in cases)


def _scales(comparison: Comparison) -> Iterator[str]:
    factors = set()
    for cases in comparison.cases:
        mine, right = (np.concatenate([getattr(case, side).ravel() for case in cases]) for side in ("mine", "right"))
        power = float(right @ right)
        factor = float(mine @ right) / power if power else 0.0
        if not factor or np.linalg.norm(mine - factor * right) > TOLERANCE * np.linalg.norm(mine):
            return
        factors.add(round(factor, 9))
    if len(factors) == 1:
        (factor,) = factors
        yield (
            "the sign is wrong, all else is right"
            if factor == -1
            else f"it is {factor:g} times what it should be, all else is right"
        )
    else:
        yield "it is right but for a number that depends on the sizes"


def _patterns(comparison: Comparison, target: Target) -> Iterator[str]:
    """What an error looks like over two components or one."""
    cases = [case for cases in comparison.cases for case in cases]
    scalars = all(case.mine.ndim == 0 for case in cases)
    if len(target.free) == 2 and scalars:
        first, second = target.free
        off = [case for case in cases if case.bound[first] != case.bound[second]]
        if off and all(abs(case.mine - case.right) < TOLERANCE for case in off):
            yield f"it is wrong only where {first} = {second}: the Kronecker delta is missing or wrong"
    for name in target.free if scalars else ():
        if not _varies(comparison, name, "mine") and _varies(comparison, name, "right"):
            yield f"it does not depend on {name}: it gives every component the same number"


def _varies(comparison: Comparison, name: str, side: str) -> bool:
    """Whether a side changes with one free variable while the others stay."""
    for cases in comparison.cases:
        seen: dict[tuple[tuple[str, int], ...], list[float]] = {}
        for case in cases:
            others = tuple(item for item in case.bound.items() if item[0] != name)
            seen.setdefault(others, []).append(float(getattr(case, side)))
        if any(np.ptp(values) > TOLERANCE for values in seen.values()):
            return True
    return False


def _missing(formula: e.Node, target: Target, comparison: Comparison, terms: tuple[Term, ...]) -> Iterator[str]:
    """Whether what every step gives to a weight's gradient is there, step by step."""
    if not shares_of(target):
        return
    held = shares_held(target, comparison)
    T = target.instances[0].constants["T"]
    if held is not None:
        steps = f"k = {'..'.join(step_name(step, T) for step in sorted({held[0], held[-1]}))}"
        yield f"it is the share of {steps} alone; those of the other steps are missing, and they add up"
    elif not any(isinstance(part, e.Over) and part.kind == "sum" for part in e.parts(formula)):
        yield (
            "the sum over the steps is missing: every step uses the weight, so the gradient is the sum of their shares"
        )
    elif terms:
        for state in ("missing", "too much", "wrong"):
            named = [step_name(term.step, T) for term in terms if term.state == state]
            if named and len(named) < len(terms):
                yield f"the terms {', '.join(named)} of the sum are {state}, the others right"

"""A formula beside autograd, on every instance and for every step or component that its left side leaves free."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.derivation import expression as e
from unrolled.derivation.evaluation import Evaluator, Mismatch, OutOfRange
from unrolled.derivation.grammar import Statement
from unrolled.derivation.instance import Array, Instance
from unrolled.errors import FormulaError

__all__ = ["TOLERANCE", "Case", "Comparison", "Target", "free_variables"]

TOLERANCE = 1e-9
"""Of the largest norm: both sides are float64 sums of few terms, right formulas come within 1e-14."""


@dataclass(frozen=True, eq=False)
class Case:
    """One instance, one choice of the free variables: what the formula gives and what is right."""

    bound: dict[str, int]
    mine: Array
    right: Array


@dataclass(frozen=True, eq=False)
class Comparison:
    """All cases of one formula.

    Attributes:
        cases: one list for each instance.
        problem: why it has no value at all, where it has none.
        skipped: the choices of free variables at which it speaks of steps that do not exist, or where a recurrence
            between two steps has come to its end: it says nothing there.
    """

    cases: tuple[tuple[Case, ...], ...]
    problem: str | None = None
    skipped: tuple[dict[str, int], ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it has a value of the right shape everywhere."""
        return self.problem is None and all(c.mine.shape == c.right.shape for cases in self.cases for c in cases)

    @property
    def relative_error(self) -> float:
        """The largest ‖mine - right‖ over the largest ‖right‖ of an instance; infinite where shapes differ."""
        if not self.fits:
            return float("inf")
        worst = 0.0
        for cases in self.cases:
            scale = max(float(np.linalg.norm(case.right)) for case in cases)
            error = max(float(np.linalg.norm(case.mine - case.right)) for case in cases)
            worst = max(worst, error / scale if scale else error)
        return worst if np.isfinite(worst) else float("inf")

    @property
    def equal(self) -> bool:
        """Whether it is right."""
        return self.relative_error < TOLERANCE


class Target:
    """What a formula should give.

    Args:
        left: its left side.
        instances: of the model.
        definitions: names that the formulas define themselves.

    Of ∂h[t]/∂h[k], as of every derivative between two steps, only the pairs count where the one is computed from the
    other: t ≥ k. What is always 0 has no formula that is not 0.
    """

    def __init__(
        self, left: e.Derivative | e.Symbol | e.At, instances: Sequence[Instance], definitions: Sequence[Statement] = ()
    ) -> None:
        self.left = left
        self.instances = instances
        self.definitions = definitions
        self.free = free_variables(left, instances[0].constants)
        self.two_steps = _two_steps(left, instances[0])
        self._right = [self._rights(instance) for instance in instances]
        if not all(self._right):
            raise FormulaError(f"{e.write(left)} does not exist for any step: see the model's equations")

    @property
    def choices(self) -> tuple[tuple[dict[str, int], ...], ...]:
        """What the free variables may be, for each instance."""
        return tuple(tuple(bound for bound, _ in rights) for rights in self._right)

    def gap(self, bound: dict[str, int], instance: Instance) -> int:
        """How many steps lie between the two of ∂h[t]/∂h[k]: t - k."""
        if self.two_steps is None:
            return 0
        above, below = (int(Evaluator(instance).value(index, bound)) for index in self.two_steps)
        return above - below

    def _rights(self, instance: Instance) -> list[tuple[dict[str, int], Array]]:
        found = list(self._existing(instance))
        related = [(bound, right) for bound, right, beyond in found if not beyond]
        if self.two_steps is not None and related:
            return related
        return [(bound, right) for bound, right, _ in found]

    def _existing(self, instance: Instance) -> Iterator[tuple[dict[str, int], Array, bool]]:
        largest = max(instance.constants.values()) + 1
        evaluator = Evaluator(instance)
        for values in itertools.product(range(largest + 1), repeat=len(self.free)):
            bound = dict(zip(self.free, values, strict=True))
            try:
                yield bound, evaluator.value(self.left, bound), evaluator.beyond
            except OutOfRange:
                continue

    def compare(self, formula: e.Node, instances: int | None = None) -> Comparison:
        """The formula beside what is right, on the first so many instances.

        Raises:
            FormulaError: it cannot be judged.
        """
        found: list[tuple[Case, ...]] = []
        skipped: list[dict[str, int]] = []
        for instance, rights in list(zip(self.instances, self._right, strict=True))[:instances]:
            evaluator = Evaluator(instance, self.definitions)
            cases, ended, missing = [], [], None
            for bound, right in rights:
                try:
                    mine = evaluator.value(formula, bound)
                except Mismatch as problem:
                    return Comparison((), str(problem))
                except OutOfRange as problem:
                    missing = str(problem)
                    skipped.append(bound)
                else:
                    cases.append(Case(bound, _as_identity(mine, right), right))
                    ended.append(evaluator.beyond)
            if not cases:
                return Comparison((), missing)
            kept = self._before_the_end(cases, ended, instance)
            if len(kept) < len(cases):
                skipped += [case.bound for case in set(cases).difference(kept)]
            found.append(tuple(kept))
        return Comparison(tuple(found), None, tuple(skipped))

    def _before_the_end(self, cases: list[Case], ended: list[bool], instance: Instance) -> list[Case]:
        """Without the cases nearer than any of which a recurrence speaks: t = k of one that holds for t > k."""
        if self.two_steps is None or not any(ended) or all(ended):
            return cases
        gaps = [self.gap(case.bound, instance) for case in cases]
        nearest = min(gap for gap, end in zip(gaps, ended, strict=True) if not end)
        return [case for case, gap, end in zip(cases, gaps, ended, strict=True) if not end or gap >= nearest]


def free_variables(left: e.Derivative | e.Symbol | e.At, constants: Mapping[str, int]) -> tuple[str, ...]:
    """The variables of a left side, in their order: t of ∂L/∂h[t], i and j of ∂yhat[i]/∂p[j]."""
    places = [left.above, left.below] if isinstance(left, e.Derivative) else [left]
    found: list[str] = []
    waiting: list[e.Node] = [index for place in places if isinstance(place, e.At) for index in place.indices]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, e.Symbol) and node.name not in constants and node.name not in found:
            found.append(node.name)
        waiting += e.children(node)
    return tuple(found)


def _two_steps(left: e.Derivative | e.Symbol | e.At, case: Instance) -> tuple[e.Node, e.Node] | None:
    """The steps t and k of ∂h[t]/∂h[k]; None of what is no derivative between two steps."""
    if not isinstance(left, e.Derivative) or not isinstance(left.above, e.At) or not isinstance(left.below, e.At):
        return None
    two = case.steps(left.above.name) and case.steps(left.below.name)
    return (left.above.indices[0], left.below.indices[0]) if two else None


def _as_identity(mine: Array, right: Array) -> Array:
    """A number where a square matrix belongs is that number times the identity: an empty product, say."""
    square = right.ndim == 2 and right.shape[0] == right.shape[1] > 1
    return mine * np.eye(len(right)) if square and mine.ndim == 0 else mine

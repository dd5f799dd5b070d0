"""Is a derivation right, and if not, what is wrong with it?"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import Comparison, Target, free_variables
from unrolled.derivation.directions import Directed, directed, directed_definition
from unrolled.derivation.findings import findings_of
from unrolled.derivation.grammar import Statement, parse
from unrolled.derivation.models import MODELS, Model
from unrolled.derivation.right_forms import right_form
from unrolled.derivation.terms import Term, step_name, steps_of, terms_of
from unrolled.errors import FormulaError, UnknownName

__all__ = ["Check", "Verdict", "check"]


@dataclass(frozen=True)
class Check:
    """One line of a derivation.

    Attributes:
        formula: the line, as it was understood.
        left: what it should give.
        equal: whether it does, on every instance.
        relative_error: the largest, over the largest norm; infinite where it has no value or another shape.
        where: the steps or components it was checked for, in words; empty where the left side has none.
        findings: what is wrong, most telling first; empty for a right one.
        terms: step by step on the first instance, where the gradient is a sum over steps or has a free step.
        right: a right form of the same, where one is known.
    """

    formula: str
    left: str
    equal: bool
    relative_error: float
    where: str = ""
    findings: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    right: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the checker thinks of a derivation.

    Attributes:
        model: the network it is about.
        equations: the network's equations.
        checks: one for each line that states a gradient or a quantity of the model.
        instances: how many drawn cases each was held to.
    """

    model: str
    equations: tuple[str, ...]
    checks: tuple[Check, ...]
    instances: int = field(default=3)

    @property
    def equal(self) -> bool:
        """Whether every line is right."""
        return all(check.equal for check in self.checks)


def check(text: str, model: str = "rnn", *, of: str | None = None, seed: int = 0) -> Verdict:
    """Compare a derivation with autograd, line by line.

        >>> check("dL/dW_ph = (yhat - y) h[T]^T").equal
        True
        >>> check("dL/dW_hh = sum(k=1..T, diag(1 - h[k]) delta[k] h[k-1]^T)").checks[0].findings[0]
        '1 - h[k] should be 1 - h[k]^2: the derivative of tanh is 1 - h², not 1 - h'

    Args:
        text: formulas, one a line, in the language of `grammar` or the usual LaTeX. A line may define a name for
            the next ones; one that defines a quantity of the model (delta, say) is checked as well.
        model: a key of `MODELS`.
        of: the left side of a text that is a bare expression, such as "dL/dW_hh".
        seed: draws the instances; from 0 to below 2^63.

    Raises:
        FormulaError: it cannot be read or judged.
        InputError: no such seed.
        UnknownName: no such model.
    """
    if model not in MODELS:
        raise UnknownName("model", model, MODELS)
    about = MODELS[model]
    statements = parse(text, about.vocabulary)
    if of is not None:
        statements = _with_left(statements, of, about)
    instances = about.instances(seed)
    named = [s for s in statements if isinstance(s.left, e.Symbol | e.At)]
    read = [directed_definition(statement, instances) for statement in named]
    definitions = [Statement(s.left, way.formula) for s, way in zip(named, read, strict=True)]
    unsure = [_undecided(over) for way in read for over in way.undecided]
    checks = []
    for statement in statements:
        if statement.left is None:
            raise FormulaError(
                f"{e.write(statement.right)[:60]!r} has no left side: give what it is of, such as dL/dW_hh = …"
            )
        if isinstance(statement.left, e.Derivative) or statement.left.name in about.vocabulary.names:
            usable = _usable(definitions, statement.left)
            checks.append(_check(statement, Target(statement.left, instances, usable), about, unsure))
    if not checks:
        raise FormulaError("there is no gradient to check: give a line such as dL/dW_hh = …")
    return Verdict(model, about.equations, tuple(checks), len(instances))


def _usable(definitions: Sequence[Statement], left: e.Derivative | e.Symbol | e.At) -> list[Statement]:
    """The definitions that a line may use: a definition's own recursion is held to the model's values instead."""
    own = None if isinstance(left, e.Derivative) else left.name
    return [d for d in definitions if not isinstance(d.left, e.Symbol | e.At) or d.left.name != own]


def _with_left(statements: tuple[Statement, ...], of: str, model: Model) -> tuple[Statement, ...]:
    (left,) = parse(of, model.vocabulary)
    if left.left is not None or not isinstance(left.right, e.Derivative):
        raise FormulaError(f"{of!r} is no gradient: give one like dL/dW_hh")
    last = statements[-1]
    if last.left is not None:
        raise FormulaError(f"the formula has the left side {e.write(last.left)} already: leave out {of!r}")
    return (*statements[:-1], Statement(left.right, last.right))


def _check(statement: Statement, target: Target, model: Model, unsure: Sequence[str]) -> Check:
    left = statement.left
    assert left is not None
    if e.holds(statement.right, left):
        raise FormulaError(f"{e.write(left)} stands on both sides: a formula has to do without what it gives")
    read = directed(statement.right, target)
    formula, comparison = _best(read, target)
    written = f"{e.write(left)} = {e.write(formula)}"
    terms = _terms(formula, target, comparison)
    where = _where(target, comparison)
    if comparison.equal:
        return Check(written, e.write(left), True, comparison.relative_error, where, (), terms)
    right = right_form(target, model)
    blamed = _blamed_on(formula, target, model)
    if blamed:
        findings: tuple[str, ...] = (f"this line is right once {blamed} is",)
    else:
        ways = [f"{_undecided(over)}, and is not right the other way" for over in read.undecided]
        said = [way for way in unsure if not any(other.startswith(way) for other in ways)]
        findings = tuple(dict.fromkeys([*findings_of(formula, target, comparison, terms, model), *ways, *said]))
    return Check(written, e.write(left), False, comparison.relative_error, where, findings, terms, right)


def _best(read: Directed, target: Target) -> tuple[e.Node, Comparison]:
    """The first reading that is right, or else the first."""
    first = target.compare(read.formula)
    for formula in read.readings() if read.undecided and not first.equal else ():
        with contextlib.suppress(FormulaError):
            comparison = target.compare(formula)
            if comparison.equal:
                return formula, comparison
    return read.formula, first


def _undecided(over: e.Over) -> str:
    way = "downwards" if over.descending else "upwards"
    return f"the bounds of {e.write(over)} do not tell which way it runs: it was read {way}"


def _blamed_on(formula: e.Node, target: Target, model: Model) -> str:
    """The model's quantities that the derivation defines anew, if with the model's own the formula is right."""
    names = {d.left.name for d in target.definitions if isinstance(d.left, e.Symbol | e.At)} & model.vocabulary.names
    others = [d for d in target.definitions if isinstance(d.left, e.Symbol | e.At) and d.left.name not in names]
    right = names and Target(target.left, target.instances, others).compare(formula).equal
    return " and ".join(sorted(names)) if right else ""


def _terms(formula: e.Node, target: Target, comparison: Comparison) -> tuple[Term, ...]:
    left = target.left
    below = left.below if isinstance(left, e.Derivative) else left
    one_step = isinstance(below, e.At) and len(target.free) == 1 and bool(target.instances[0].steps(below.name))
    if one_step and comparison.fits:
        return steps_of(comparison, target.free[0])
    return terms_of(formula, target)


def _where(target: Target, comparison: Comparison) -> str:
    """The range of each free variable on the first instance, with T for its last step."""
    if not target.free or not comparison.cases:
        return ""
    T = target.instances[0].constants["T"]
    steps = _step_variables(target)
    found = []
    for name in target.free:
        values = sorted({case.bound[name] for case in comparison.cases[0]})
        last = step_name(values[-1], T) if name in steps else str(values[-1])
        found.append(f"{name} = {values[0]}..{last}" if len(values) > 1 else f"{name} = {last}")
    if target.two_steps is not None and len(steps) > 1:
        nearest = min(target.gap(case.bound, target.instances[0]) for case in comparison.cases[0])
        above, below = (e.write(index) for index in target.two_steps)
        found.append(f"{above} > {below}" if nearest == 1 else f"{above} ≥ {below}{f'+{nearest}' if nearest else ''}")
    return ", ".join(found)


def _step_variables(target: Target) -> set[str]:
    """The free variables that are steps, not components."""
    left, case = target.left, target.instances[0]
    places = [left.above, left.below] if isinstance(left, e.Derivative) else [left]
    return {
        name
        for place in places
        if isinstance(place, e.At) and case.steps(place.name)
        for name in free_variables(e.At(place.name, place.indices[:1]), case.constants)
    }

"""Which way a range runs: k+1..t upwards, t..k+1 downwards, and both are empty where t = k.

One choice of t and k does not tell: 3..2 is empty upwards and two steps downwards. So a range is read one way for all
choices of the variables that a formula may meet. With last - first, as they are written, over all of them:

    upwards is possible    where last - first ≥ -1 everywhere (-1: empty)
    downwards is possible  where last - first ≤ 1 everywhere (1: empty)

Where neither is, the one that fails by less is taken. t..t-1 would be empty everywhere if it went upwards, so it goes
down. Where the choices do not tell, such as 2..k+1 for k = 0..2, both readings are tried.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import Target, free_variables
from unrolled.derivation.evaluation import Evaluator, Mismatch, OutOfRange
from unrolled.derivation.grammar import Statement
from unrolled.derivation.instance import Instance
from unrolled.errors import FormulaError

__all__ = ["Directed", "directed", "directed_definition"]

MOST_PLACES, MOST_READINGS = 2000, 8

_Place = tuple[Evaluator, dict[str, int]]


@dataclass(frozen=True)
class Directed:
    """A formula whose ranges run one way each.

    Attributes:
        formula: as it is read.
        undecided: its ranges that may run either way.
    """

    formula: e.Node
    undecided: tuple[e.Over, ...] = ()

    def readings(self) -> Iterator[e.Node]:
        """The formula, and then as it reads where undecided ranges run the other way."""
        chosen = itertools.product((False, True), repeat=len(self.undecided))
        for turned in itertools.islice(chosen, MOST_READINGS):
            yield _turned(self.formula, frozenset(itertools.compress(self.undecided, turned)))


def directed(formula: e.Node, target: Target) -> Directed:
    """The right side of a left side, over the choices of variables that this one is compared at."""
    evaluators = [Evaluator(instance, target.definitions) for instance in target.instances]
    pairs = zip(evaluators, target.choices, strict=True)
    return _directed(formula, [(evaluator, bound) for evaluator, choices in pairs for bound in choices])


def directed_definition(statement: Statement, instances: Sequence[Instance]) -> Directed:
    """The right side of a definition, over the steps 0..T of what it defines: of e[k-1] over k = 1..T+1."""
    places = [(Evaluator(instance), bound) for instance in instances for bound in _steps(statement.left, instance)]
    return _directed(statement.right, places)


def _steps(left: e.Derivative | e.Symbol | e.At | None, instance: Instance) -> Iterator[dict[str, int]]:
    free = free_variables(left, instance.constants) if isinstance(left, e.At) else ()
    if not isinstance(left, e.At) or len(free) != 1:
        yield {}
        return
    T = instance.constants.get("T", max(instance.constants.values()))
    for value in range(-4, T + 5):
        step = _number(left.indices[0], (Evaluator(instance), {free[0]: value}))
        if step is not None and 0 <= step <= T:
            yield {free[0]: value}


def _directed(formula: e.Node, places: Iterable[_Place]) -> Directed:
    ranges = [part for part in e.parts(formula) if isinstance(part, e.Over)]
    if not ranges:
        return Directed(formula)
    named = {part.name for over in ranges for end in (over.first, over.last) for part in _symbols(end)}
    undecided: list[e.Over] = []
    read = _read(formula, _fewest(places, named), undecided)
    return Directed(read, tuple(dict.fromkeys(undecided)))


def _read(node: e.Node, places: Sequence[_Place], undecided: list[e.Over]) -> e.Node:
    if not isinstance(node, e.Over):
        return e.with_children(node, tuple(_read(part, places, undecided) for part in e.children(node)))
    ends = [(place, _number(node.first, place), _number(node.last, place)) for place in places]
    spans = [(place, first, last) for place, first, last in ends if first is not None and last is not None]
    down, sure = _way({last - first for _, first, last in spans})
    inside: list[_Place] = []
    for (evaluator, bound), first, last in spans:
        if (first >= last) if down else (first <= last):
            inside += [(evaluator, {**bound, node.variable: step}) for step in (first, last)]
    body = _read(node.body, _fewest(inside), undecided)
    found = _other_way(dataclasses.replace(node, body=body)) if down else dataclasses.replace(node, body=body)
    if not sure:
        undecided.append(found)
    return found


def _way(spans: set[int]) -> tuple[bool, bool]:
    """(whether it runs down, whether that is sure), from every last - first."""
    if not spans or spans == {0} or spans == {1}:
        return False, True
    if spans == {-1}:
        return True, False
    up_fails, down_fails = max(0, -1 - min(spans)), max(0, max(spans) - 1)
    return down_fails < up_fails, up_fails != down_fails


def _other_way(node: e.Over) -> e.Over:
    """The same as it is written, run the other way."""
    return dataclasses.replace(node, first=node.last, last=node.first, descending=not node.descending)


def _turned(node: e.Node, turned: frozenset[e.Over]) -> e.Node:
    read = _other_way(node) if isinstance(node, e.Over) and node in turned else node
    return e.with_children(read, tuple(_turned(part, turned) for part in e.children(read)))


def _number(node: e.Node, place: _Place) -> int | None:
    """A bound's value; None where it has none, which the comparison will tell."""
    evaluator, bound = place
    try:
        value = evaluator.value(node, bound)
    except (FormulaError, Mismatch, OutOfRange):
        return None
    return None if value.ndim or not np.isfinite(value) else int(value)


def _symbols(node: e.Node) -> Iterator[e.Symbol]:
    return (part for part in e.parts(node) if isinstance(part, e.Symbol))


def _fewest(places: Iterable[_Place], named: set[str] | None = None) -> list[_Place]:
    """The places that differ in the variables named, and not too many."""
    kept: dict[tuple[int, tuple[tuple[str, int], ...]], _Place] = {}
    for evaluator, bound in places:
        few: Mapping[str, int] = {name: at for name, at in bound.items() if named is None or name in named}
        kept.setdefault((id(evaluator.instance), tuple(few.items())), (evaluator, dict(few)))
    found = list(kept.values())
    return found[:: 1 + len(found) // MOST_PLACES]

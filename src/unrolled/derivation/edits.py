"""Formulas that differ from a given one by a single slip, each with the slip's name.

The checker looks among them for the right one: where it is found, the slip is the fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from unrolled.derivation import expression as e
from unrolled.derivation.grammar import parse
from unrolled.derivation.models import Model

__all__ = ["Edit", "edits", "put_in"]

ONE, TWO = e.Number(1), e.Number(2)


@dataclass(frozen=True)
class Edit:
    """One slip put right.

    Attributes:
        formula: the whole formula after it.
        before: the part as it was.
        after: the part as it is.
        cause: what the slip is, in words.
    """

    formula: e.Node
    before: e.Node
    after: e.Node
    cause: str


def edits(formula: e.Node, model: Model) -> Iterator[Edit]:
    """Every single slip, the likely ones first."""
    found = list(_everywhere(formula, model))
    found.sort(key=lambda edit: edit[0])
    for _, edit in found:
        yield edit


def _everywhere(formula: e.Node, model: Model) -> Iterator[tuple[int, Edit]]:
    for rank, after, cause in _here(formula, model):
        if after != formula:
            yield rank, Edit(after, formula, after, cause)
    parts = e.children(formula)
    for place in _inside(formula):
        part = parts[place]
        for rank, edit in _everywhere(part, model):
            rebuilt = e.with_children(formula, (*parts[:place], edit.formula, *parts[place + 1 :]))
            yield rank, dataclasses.replace(edit, formula=rebuilt)


def _inside(node: e.Node) -> range:
    """The places of the parts that are no steps, bounds or powers: those have slips of their own."""
    match node:
        case e.At() | e.Call("kron"):
            return range(0)
        case e.Power():
            return range(1)
        case e.Over():
            return range(2, 3)
    return range(len(e.children(node)))


def _here(node: e.Node, model: Model) -> Iterator[tuple[int, e.Node, str]]:
    """(how unlikely, what belongs there, the slip)."""
    yield from _slopes(node)
    yield from _softmax(node)
    yield from _left_out(node, model)
    match node:
        case e.Transpose(body):
            yield 1, body, "transposed where it should not be"
        case e.Power(e.Transpose(body), exponent):
            yield 2, e.Power(body, exponent), "transposed where it should not be"
        case e.At(name, indices) if name in model.vocabulary.sequences:
            for by in (1, -1):
                yield 1, e.At(name, (_shift(indices[0], by), *indices[1:])), "one step off"
            yield from _confused(node, model)
        case e.Symbol():
            yield from _confused(node, model)
        case e.Add(terms):
            yield from _additions(terms)
        case e.Product(factors):
            yield from _products(factors)
        case e.Elementwise(factors):
            for place in range(len(factors)):
                yield (
                    3,
                    _joined(e.Elementwise, _without(factors, place)),
                    f"the factor {e.write(factors[place])} is too much",
                )
            yield 3, e.Product(factors), "⊙ where a matrix product belongs"
        case e.Call("outer", (first, second)):
            yield 1, e.Call("outer", (second, first)), "the outer product the wrong way round: it is transposed"
        case e.Call(function, arguments) if function in ("tanh", "sigma", "dtanh", "dsigma"):
            other = {"tanh": "sigma", "sigma": "tanh", "dtanh": "dsigma", "dsigma": "dtanh"}[function]
            yield 2, e.Call(other, arguments), f"{function} where {other} belongs"
            if function in ("tanh", "sigma"):
                yield 1, e.Call(f"d{function}", arguments), f"{function} where its derivative belongs"
        case e.Over():
            yield from _ranges(node)
    if isinstance(node, e.Symbol | e.At | e.Derivative) or (isinstance(node, e.Product) and len(node.factors) == 2):
        yield 1, e.Transpose(node), "not transposed"
    if isinstance(node, e.Negative):
        yield 2, node.body, "the sign is wrong"


def _slopes(node: e.Node) -> Iterator[tuple[int, e.Node, str]]:
    match node:
        case e.Add((e.Number(1), e.Negative(e.Power(body, e.Number(2))))):
            yield (
                0,
                e.Elementwise((body, _one_minus(body))),
                "the slope of tanh, 1 - a², where the logistic function's a (1 - a) belongs",
            )
        case e.Add((e.Number(1), e.Negative(body))) if not isinstance(body, e.Power):
            yield 0, _one_minus(e.Power(body, TWO)), "the derivative of tanh is 1 - h², not 1 - h"
            yield (
                0,
                e.Elementwise((body, node)),
                "the derivative of the logistic function is a (1 - a): the factor a is missing",
            )
            yield 2, body, "1 - a where a belongs"
        case e.Elementwise((*before, first, e.Add((e.Number(1), e.Negative(second))))) if first == second:
            slope = _one_minus(e.Power(first, TWO))
            yield (
                0,
                _joined(e.Elementwise, (*before, slope)),
                "the logistic function's slope a (1 - a) where tanh's 1 - a² belongs",
            )
        case e.Add((e.Number(1), e.Power(body, e.Number(2)))):
            yield 0, _one_minus(e.Power(body, TWO)), "the derivative of tanh is 1 - h², not 1 + h²"
        case e.At():
            yield 3, _one_minus(node), "a where 1 - a belongs"
            yield 2, e.Call("tanh", (node,)), f"{e.write(node)} where its tanh belongs"
        case e.Call("tanh", (body,)):
            yield 2, body, "the tanh is too much"


def _left_out(node: e.Node, model: Model) -> Iterator[tuple[int, e.Node, str]]:
    """Factors that should stand beside a part and do not: slopes, gates, matrices."""
    if isinstance(node, e.At) and node.name in model.vocabulary.sequences:
        for slope in _slopes_at(model, node.indices[0]):
            yield 1, e.Elementwise((node, slope)), f"the slope {e.write(slope)} is missing"
        for name in sorted(model.vocabulary.sequences):
            for by in (0, 1, -1):
                factor = e.At(name, (_shift(node.indices[0], by),))
                yield 4, e.Elementwise((factor, node)), f"the factor {e.write(factor)} is missing"
    elif isinstance(node, e.Derivative) and isinstance(node.below, e.At):
        for slope in _slopes_at(model, node.below.indices[0]):
            after = e.Product((node, e.Call("diag", (slope,))))
            yield 1, e.Elementwise((node, slope)), f"the slope {e.write(slope)} is missing"
            yield 1, after, f"the slope {e.write(slope)} is missing"
    elif isinstance(node, e.Over) and node.kind == "prod":
        for slope in _slopes_at(model, e.Symbol(node.variable)):
            for pair in ((e.Call("diag", (slope,)), node.body), (node.body, e.Call("diag", (slope,)))):
                yield 1, dataclasses.replace(node, body=e.Product(pair)), f"the slope {e.write(slope)} is missing"
    elif isinstance(node, e.Product):
        for slope in _slopes_at(model, None):
            yield 1, e.Elementwise((node, slope)), f"the slope {e.write(slope)} is missing"
        for name in sorted(model.vocabulary.plain - {"L", "y", "yhat", "p", "b_h", "b_p"}):
            for matrix in (e.Symbol(name), e.Transpose(e.Symbol(name))):
                for place in range(len(node.factors) + 1):
                    longer = (*node.factors[:place], matrix, *node.factors[place:])
                    yield 4, e.Product(longer), f"the factor {e.write(matrix)} is missing"


def _slopes_at(model: Model, step: e.Node | None) -> Iterator[e.Node]:
    """The model's slopes at a step; those that have none where there is no step."""
    for text in model.slopes:
        (statement,) = parse(text, model.vocabulary)
        has_step = "[t]" in text
        if has_step and step is not None:
            yield put_in(statement.right, "t", step)
        elif not has_step and step is None:
            yield statement.right


def _softmax(node: e.Node) -> Iterator[tuple[int, e.Node, str]]:
    """Slips in the gradient of softmax and cross-entropy."""
    for hat, plain in (("yhat", "y"), ("Yhat", "Y")):
        if node == e.Symbol(hat):
            yield (
                0,
                e.Add((node, e.Negative(e.Symbol(plain)))),
                (
                    f"{hat} where {hat} - {plain} belongs: "
                    "the Kronecker delta of ∂ŷ_i/∂p_j = ŷ_i (δ_ij - ŷ_j) was dropped"
                ),
            )
        if node == e.Symbol(plain):
            yield 1, e.Add((e.Symbol(hat), e.Negative(node))), f"{plain} where {hat} - {plain} belongs"
        match node:
            case e.At(name, indices) if name == hat:
                yield 1, e.Add((node, e.Negative(e.At(plain, indices)))), f"{hat} where {hat} - {plain} belongs"
        match node:
            case e.Negative(e.Product((e.At(a, (i,)), e.At(b, (j,))))) if a == b == hat:
                right = e.Product((e.At(hat, (i,)), e.Add((e.Call("kron", (i, j)), e.Negative(e.At(hat, (j,)))))))
                yield 0, right, "the Kronecker delta is missing: ∂ŷ_i/∂p_j = ŷ_i (δ_ij - ŷ_j)"


def _confused(node: e.Symbol | e.At, model: Model) -> Iterator[tuple[int, e.Node, str]]:
    for group in model.groups:
        if node.name in group:
            for other in group:
                if other != node.name:
                    yield 2, dataclasses.replace(node, name=other), f"{node.name} where {other} belongs"


def _additions(terms: tuple[e.Node, ...]) -> Iterator[tuple[int, e.Node, str]]:
    for place, term in enumerate(terms):
        flipped = term.body if isinstance(term, e.Negative) else e.Negative(term)
        yield 1, e.Add((*terms[:place], flipped, *terms[place + 1 :])), f"the sign of {e.write(_bare(term))} is wrong"
        yield 2, _joined(e.Add, _without(terms, place)), f"the term {e.write(_bare(term))} is too much"


def _products(factors: tuple[e.Node, ...]) -> Iterator[tuple[int, e.Node, str]]:
    for place, factor in enumerate(factors):
        yield 2, _joined(e.Product, _without(factors, place)), f"the factor {e.write(factor)} is too much"
        if place + 1 < len(factors):
            swapped = (*factors[:place], factors[place + 1], factor, *factors[place + 2 :])
            yield (
                1,
                e.Product(swapped),
                f"{e.write(factor)} and {e.write(factors[place + 1])} stand the wrong way round: they do not commute",
            )
            match factor, factors[place + 1]:
                case e.Power(body, _), e.Over("prod", variable, first, last, inside):
                    unfactored = e.Over("prod", variable, _shift(first, 1), last, e.Product((body, inside)))
                    begins = put_in(inside, variable, first)
                    yield (
                        0,
                        e.Product((*factors[:place], begins, unfactored, *factors[place + 2 :])),
                        (
                            f"the powers of {e.write(body)} were taken out of the product, "
                            f"but it does not commute with {e.write(inside)}"
                        ),
                    )
        pair = factors[place : place + 2]
        if len(pair) == 2:
            joined = _joined(e.Product, (*factors[:place], e.Elementwise(pair), *factors[place + 2 :]))
            yield 3, joined, "a matrix product where ⊙ belongs"


def _ranges(node: e.Over) -> Iterator[tuple[int, e.Node, str]]:
    low, high = ("ends", "begins") if node.descending else ("begins", "ends")
    for by in (1, -1):
        yield (
            1,
            dataclasses.replace(node, first=_shift(node.first, by)),
            f"the {node.kind} {low} at the wrong {node.variable}",
        )
        yield (
            1,
            dataclasses.replace(node, last=_shift(node.last, by)),
            f"the {node.kind} {high} at the wrong {node.variable}",
        )
    if node.kind == "prod":
        yield (
            1,
            dataclasses.replace(node, descending=not node.descending),
            "the product runs the wrong way: its factors do not commute",
        )


def _one_minus(node: e.Node) -> e.Node:
    return e.Add((ONE, e.Negative(node)))


def _bare(term: e.Node) -> e.Node:
    return term.body if isinstance(term, e.Negative) else term


def _without(parts: tuple[e.Node, ...], place: int) -> tuple[e.Node, ...]:
    return (*parts[:place], *parts[place + 1 :])


def _joined(kind: type[e.Add | e.Product | e.Elementwise], parts: tuple[e.Node, ...]) -> e.Node:
    return parts[0] if len(parts) == 1 else kind(parts)


def _shift(index: e.Node, by: int) -> e.Node:
    """The index so many steps further, written as one would write it."""
    base, offset = index, 0
    match index:
        case e.Number(value):
            return e.Number(value + by)
        case e.Add((first, e.Number(value))):
            base, offset = first, int(value)
        case e.Add((first, e.Negative(e.Number(value)))):
            base, offset = first, -int(value)
    offset += by
    if offset == 0:
        return base
    return e.Add((base, e.Number(offset) if offset > 0 else e.Negative(e.Number(-offset))))


def put_in(node: e.Node, variable: str, place: e.Node) -> e.Node:
    """The node with a variable's value put in."""
    if node == e.Symbol(variable):
        return place
    return e.with_children(node, tuple(put_in(part, variable, place) for part in e.children(node)))

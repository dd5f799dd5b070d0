"""What a formula is once it is read: a tree of frozen values, and how it is written again.

::

    Node
    ├── Number, Symbol, At            2, W_hh, h[k-1] (a step, a component, or a step and a component)
    ├── Derivative                    ∂L/∂W_hh, ∂yhat[i]/∂p[j]
    ├── Negative, Transpose, Power    -a, aᵀ, aⁿ
    ├── Add, Product, Elementwise     a + b, a b (matrix product), a ⊙ b
    ├── Quotient, Call                a / b, diag(a)
    └── Over                          Σ_{k=1..T} a, Π_{k=1..T} a
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "Add",
    "At",
    "Call",
    "Derivative",
    "Elementwise",
    "Negative",
    "Node",
    "Number",
    "Over",
    "Power",
    "Product",
    "Quotient",
    "Symbol",
    "Transpose",
    "children",
    "holds",
    "parts",
    "product",
    "with_children",
    "write",
]


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: float


@dataclass(frozen=True, slots=True)
class Symbol:
    """A quantity of the model, a constant such as T, or a variable that a sum or the left side binds."""

    name: str


@dataclass(frozen=True, slots=True)
class At:
    """A quantity at a step, at a component, or at both: h[k-1], p[j], W_hh[i,j]."""

    name: str
    indices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Derivative:
    """∂above/∂below: laid out like `below` for a scalar above, else a Jacobian with a row for each of above."""

    above: Symbol | At
    below: Symbol | At


@dataclass(frozen=True, slots=True)
class Negative:
    """-a."""

    body: Node


@dataclass(frozen=True, slots=True)
class Transpose:
    """aᵀ."""

    body: Node


@dataclass(frozen=True, slots=True)
class Power:
    """aⁿ: of a square matrix its n-th power, of anything else element by element."""

    body: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Add:
    """a + b + …, with Negative for what is taken away."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """a b …: the matrix product from left to right; a number scales."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Elementwise:
    """a ⊙ b ⊙ …; a column beside a matrix scales its rows."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """a / b, element by element."""

    above: Node
    below: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `evaluation.FUNCTIONS`."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Over:
    """Σ or Π over variable = first..last; `descending`: from last down to first. first > last: nothing, either way.

    `grammar` keeps the bounds in the order in which they are written; `directions` says which way they run.
    """

    kind: Literal["sum", "prod"]
    variable: str
    first: Node
    last: Node
    body: Node
    descending: bool = False


Node: TypeAlias = (
    Number
    | Symbol
    | At
    | Derivative
    | Negative
    | Transpose
    | Power
    | Add
    | Product
    | Elementwise
    | Quotient
    | Call
    | Over
)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, in the order in which `with_children` takes them."""
    match node:
        case At(_, parts) | Add(parts) | Product(parts) | Elementwise(parts) | Call(_, parts):
            return parts
        case Negative(body) | Transpose(body):
            return (body,)
        case Power(first, second) | Quotient(first, second):
            return (first, second)
        case Over(_, _, first, last, body):
            return (first, last, body)
        case _:
            return ()


def with_children(node: Node, parts: tuple[Node, ...]) -> Node:
    """The node with other parts."""
    match node:
        case At(name):
            return At(name, parts)
        case Call(function):
            return Call(function, parts)
        case Add() | Product() | Elementwise():
            return type(node)(parts)
        case Negative() | Transpose():
            return type(node)(*parts)
        case Power() | Quotient():
            return type(node)(*parts)
        case Over():
            return dataclasses.replace(node, first=parts[0], last=parts[1], body=parts[2])
        case _:
            return node


def product(factors: Sequence[Node]) -> Node:
    """The product of one factor or more."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors))


def parts(node: Node) -> Iterator[Node]:
    """The node and everything in it."""
    yield node
    for part in children(node):
        yield from parts(part)


def holds(node: Node, other: Node) -> bool:
    """Whether `other` stands in the node."""
    return any(part == other for part in parts(node))


def write(node: Node) -> str:
    """The formula in the language that `grammar.parse` reads: parse(write(node)) == node."""
    return _write(node, 0)


_ADD, _ELEMENTWISE, _PRODUCT, _UNARY, _POSTFIX, _ATOM = 1, 2, 3, 4, 5, 6


def _write(node: Node, binding: int) -> str:
    text, own = _written(node)
    return f"({text})" if own < binding else text


def _written(node: Node) -> tuple[str, int]:
    match node:
        case Number(value):
            return f"{value:g}", _ATOM
        case Symbol(name):
            return name, _ATOM
        case At(name, indices):
            return f"{name}[{', '.join(_tight(index) for index in indices)}]", _ATOM
        case Derivative(above, below):
            return f"d{write(above)}/d{write(below)}", _POSTFIX
        case Negative(body):
            return f"-{_write(body, _PRODUCT)}", _ELEMENTWISE
        case Transpose(body):
            return f"{_write(body, _ATOM)}^T", _POSTFIX
        case Power(body, exponent):
            return f"{_write(body, _ATOM)}^{_exponent(exponent)}", _POSTFIX
        case Add(terms):
            return "".join(_signed(terms)), _ADD
        case Elementwise(factors):
            return " ⊙ ".join(_write(factor, _PRODUCT) for factor in factors), _ELEMENTWISE
        case Product(factors):
            return " ".join(_write(factor, _UNARY) for factor in factors), _PRODUCT
        case Quotient(above, below):
            return f"{_write(above, _UNARY)} / {_write(below, _UNARY)}", _PRODUCT
        case Call(function, arguments):
            return f"{function}({', '.join(write(argument) for argument in arguments)})", _ATOM
        case Over(kind, variable, first, last, body, descending):
            span = f"{_tight(last)}..{_tight(first)}" if descending else f"{_tight(first)}..{_tight(last)}"
            return f"{kind}({variable}={span}, {write(body)})", _ATOM


def _tight(index: Node) -> str:
    return write(index).replace(" ", "")


def _exponent(node: Node) -> str:
    return write(node) if isinstance(node, Number) and node.value >= 0 else f"({_tight(node)})"


def _signed(terms: tuple[Node, ...]) -> Iterator[str]:
    for place, term in enumerate(terms):
        negative = isinstance(term, Negative)
        body = term.body if isinstance(term, Negative) else term
        sign = ("-" if negative else "") if place == 0 else (" - " if negative else " + ")
        yield sign + _write(body, _ELEMENTWISE)

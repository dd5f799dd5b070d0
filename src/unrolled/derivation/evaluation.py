"""A formula's value on one instance: numbers only, with a budget, and never Python's own evaluation.

A number is 0-d, a vector a column [n,1]. Three things go wrong and are told apart: `Mismatch` (sizes do not fit: the
formula is wrong), `OutOfRange` (a step that does not exist), `FormulaError` (it cannot be judged: an unknown name, say,
or too much work).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from unrolled.derivation import expression as e
from unrolled.derivation.grammar import Statement
from unrolled.derivation.instance import Array, Instance
from unrolled.derivation.vocabulary import no_quantity
from unrolled.errors import FormulaError

__all__ = ["Evaluator", "Mismatch", "OutOfRange"]

MOST_WORK, MOST_RANGE, MOST_POWER, MOST_DEEP = 200_000, 64, 64, 120


class Mismatch(Exception):
    """Sizes that do not fit together; says which."""


class OutOfRange(Exception):
    """A step or component that a quantity does not have; says which it has."""


def _sigma(a: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-a)))


def _softmax(a: Array) -> Array:
    """Down a column; along each row of a matrix."""
    axis = 0 if a.ndim == 2 and a.shape[1] == 1 else -1
    raised = np.exp(a - a.max(axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis, keepdims=True))


def _diag(a: Array) -> Array:
    if a.ndim == 2 and 1 in a.shape:
        return np.diagflat(a)
    if a.ndim == 2 and a.shape[0] == a.shape[1]:
        return np.diag(a).reshape(-1, 1)
    raise Mismatch(f"diag takes a vector, not {_shape(a)}")


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "diag": _diag,
    "tanh": np.tanh,
    "sigma": _sigma,
    "relu": lambda a: np.maximum(a, 0),
    "step": lambda a: (a > 0).astype(float),
    "exp": np.exp,
    "log": np.log,
    "softmax": _softmax,
    "ones": np.ones_like,
    "entries": lambda a: np.asarray(a.sum()),
    "dtanh": lambda a: 1 - np.tanh(a) ** 2,
    "dsigma": lambda a: _sigma(a) * (1 - _sigma(a)),
    "drelu": lambda a: (a > 0).astype(float),
}


class Evaluator:
    """Evaluates formulas on one instance.

    Args:
        instance: the numbers.
        definitions: statements whose left side is a name of the formula's own, which win over the model's.

    Attributes:
        beyond: whether the last formula, outside its sums and products, differentiated a quantity by one that it is not
            computed from (∂h[2]/∂h[3]), or had a range more than empty (3..1 upwards): where a recurrence ends.
    """

    def __init__(self, instance: Instance, definitions: Sequence[Statement] = ()) -> None:
        self.instance = instance
        self.definitions: dict[str, list[Statement]] = {}
        for statement in definitions:
            if isinstance(statement.left, e.Symbol | e.At):
                self.definitions.setdefault(statement.left.name, []).append(statement)
        self.work = self.deep = self._inside = 0
        self.beyond = False
        self._known: dict[tuple[str, int | None], Array | None] = {}

    def value(self, node: e.Node, variables: Mapping[str, int] | None = None) -> Array:
        """The value of a formula, with its free variables bound.

        Raises:
            Mismatch, OutOfRange, FormulaError: see the module.
        """
        self.work, self.beyond = 0, False
        with np.errstate(all="ignore"):
            return self._value(node, dict(variables or {}))

    def _value(self, node: e.Node, bound: dict[str, int]) -> Array:
        self.work += 1
        if self.work > MOST_WORK:
            raise FormulaError("the formula takes too long: give shorter sums, or fewer of them inside each other")
        self.deep += 1
        try:
            if self.deep > MOST_DEEP:
                raise FormulaError("the formula's definitions lead too deep: does one of them lead back to itself?")
            return self._of(node, bound)
        finally:
            self.deep -= 1

    def _of(self, node: e.Node, bound: dict[str, int]) -> Array:
        match node:
            case e.Number(value):
                return np.asarray(value)
            case e.Symbol(name):
                return self._symbol(name, bound)
            case e.At(name, indices):
                return self._at(name, [self._whole(index, bound) for index in indices])
            case e.Derivative(above, below):
                return self._derivative(above, below, bound)
            case e.Negative(body):
                return -self._value(body, bound)
            case e.Transpose(body):
                return self._value(body, bound).T
            case e.Power(body, exponent):
                return self._power(self._value(body, bound), exponent, bound)
            case e.Add(terms):
                return self._add([self._value(term, bound) for term in terms])
            case e.Product(factors):
                return self._multiply([self._value(factor, bound) for factor in factors])
            case e.Elementwise(factors):
                return self._elementwise([self._value(factor, bound) for factor in factors])
            case e.Quotient(above, below):
                return self._elementwise([self._value(above, bound), 1 / self._value(below, bound)])
            case e.Call("outer", (first, second)):
                return _outer(self._value(first, bound), self._value(second, bound))
            case e.Call("kron", (first, second)):
                return np.asarray(float(self._whole(first, bound) == self._whole(second, bound)))
            case e.Call(function, (argument,)):
                return _FUNCTIONS[function](self._value(argument, bound))
            case e.Over():
                return self._over(node, bound)
        raise FormulaError(f"{e.write(node)} cannot be evaluated")

    def _symbol(self, name: str, bound: dict[str, int]) -> Array:
        if name in bound:
            return np.asarray(float(bound[name]))
        if name in self.definitions:
            return self._defined(name, None)
        if name in self.instance.values:
            value = self.instance.values[name]
            if isinstance(value, dict):
                raise FormulaError(f"{name} has a value at every step: give {name}[t]")
            return value
        if name in self.instance.constants:
            return np.asarray(float(self.instance.constants[name]))
        raise self._unknown(name)

    def _unknown(self, name: str) -> FormulaError:
        return no_quantity(name, {*self.instance.values, *self.instance.constants, *self.definitions})

    def _at(self, name: str, indices: list[int]) -> Array:
        if name in self.definitions:
            value = self._defined(name, indices[0])
            return _component(name, value, indices[1:])
        found = self.instance.values.get(name)
        if found is None:
            raise self._unknown(name)
        if not isinstance(found, dict):
            return _component(name, found, indices)
        return _component(name, found[_existing(name, indices[0], sorted(found))], indices[1:])

    def _whole(self, index: e.Node, bound: dict[str, int]) -> int:
        value = self._value(index, bound)
        if value.ndim or value != np.round(value) or abs(value) > 1e12:
            raise FormulaError(f"{e.write(index)} is no step: give a whole number, such as t-1")
        return int(value)

    def _derivative(self, above: e.Symbol | e.At, below: e.Symbol | e.At, bound: dict[str, int]) -> Array:
        name, step, components = self._place(below, bound)
        if above == e.Symbol("L"):
            return _component(name, self.instance.gradient(name, step), components)
        top, top_step, top_components = self._place(above, bound)
        jacobian = self.instance.jacobian(top, top_step, name, step)
        if not self._inside and not self.instance.related(top, top_step, name, step):
            self.beyond = True
        if top_components:
            jacobian = jacobian[[_inside(top, top_components[0], len(jacobian))], :]
        if components:
            jacobian = jacobian[:, [_inside(name, components[0], jacobian.shape[1])]]
        return np.asarray(jacobian[0, 0]) if top_components and components else jacobian

    def _place(self, quantity: e.Symbol | e.At, bound: dict[str, int]) -> tuple[str, int | None, list[int]]:
        """Its name, its step (None where it has none), its components."""
        indices = [self._whole(index, bound) for index in quantity.indices] if isinstance(quantity, e.At) else []
        name = quantity.name
        if not self.instance.differentiable(name):
            raise FormulaError(
                f"{name} is nothing to differentiate with or by; there are {', '.join(self.instance.leaves)}"
            )
        steps = self.instance.steps(name)
        if not steps:
            return name, None, indices
        if not indices:
            raise FormulaError(f"{name} has a value at every step: give {name}[t]")
        return name, _existing(name, indices[0], steps), indices[1:]

    def _power(self, base: Array, exponent: e.Node, bound: dict[str, int]) -> Array:
        power = self._whole(exponent, bound)
        if abs(power) > MOST_POWER:
            raise FormulaError(f"a power of {power}: give at most {MOST_POWER}")
        if base.ndim == 2 and base.shape[0] == base.shape[1] > 1:
            if power < 0:
                raise FormulaError("there are no inverses here: give a power from 0 on")
            return np.linalg.matrix_power(base, power)
        return np.asarray(base**power)

    def _add(self, values: list[Array]) -> Array:
        shaped = [value for value in values if value.ndim]
        if any(value.shape != shaped[0].shape for value in shaped[1:]):
            other = next(value for value in shaped[1:] if value.shape != shaped[0].shape)
            raise Mismatch(f"{_shape(shaped[0])} and {_shape(other)} cannot be added")
        return np.asarray(sum(values[1:], values[0]))

    def _multiply(self, values: list[Array]) -> Array:
        product = values[0]
        for value in values[1:]:
            if product.ndim == 0 or value.ndim == 0:
                product = np.asarray(product * value)
            elif product.shape[1] == value.shape[0]:
                product = product @ value
            elif product.shape == value.shape and 1 in value.shape:
                product = product * value  # two columns side by side can mean nothing else
            else:
                raise Mismatch(f"{_shape(product)} times {_shape(value)} does not multiply")
        return product

    def _elementwise(self, values: list[Array]) -> Array:
        product = values[0]
        for value in values[1:]:
            fits = product.ndim == 0 or value.ndim == 0 or product.shape == value.shape
            columns = not fits and product.shape[0] == value.shape[0] and 1 in (product.shape[1], value.shape[1])
            if not (fits or columns):
                raise Mismatch(f"{_shape(product)} ⊙ {_shape(value)}: the sizes differ")
            product = np.asarray(product * value)
        return product

    def _over(self, node: e.Over, bound: dict[str, int]) -> Array:
        first, last = self._whole(node.first, bound), self._whole(node.last, bound)
        if last - first >= MOST_RANGE:
            raise FormulaError(f"a range of {last - first + 1} terms: give at most {MOST_RANGE}")
        if not self._inside and last - first < -1:
            self.beyond = True
        steps = range(last, first - 1, -1) if node.descending else range(first, last + 1)
        self._inside += 1
        try:
            values = [self._value(node.body, {**bound, node.variable: step}) for step in steps]
        finally:
            self._inside -= 1
        if not values:
            return np.asarray(0.0 if node.kind == "sum" else 1.0)
        return self._add(values) if node.kind == "sum" else self._multiply(values)

    def _defined(self, name: str, step: int | None) -> Array:
        """A definition's value; delta[T] = … and delta[k-1] = … are two cases of one."""
        key = (name, step)
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._known:
            raise FormulaError(f"{name}{'' if step is None else f'[{step}]'} is defined by itself")
        self._known[key] = None
        self._inside += 1
        try:
            for statement in sorted(self.definitions[name], key=self._is_general):
                bound = self._match(statement.left, step)
                if bound is not None:
                    value = self._value(statement.right, bound)
                    self._known[key] = value
                    return value
            raise OutOfRange(f"{name}[{step}] is not defined")
        finally:
            self._inside -= 1
            if self._known.get(key) is None:
                self._known.pop(key, None)

    def _is_general(self, statement: Statement) -> bool:
        return isinstance(statement.left, e.At) and bool(_variables(statement.left, self.instance.constants))

    def _match(self, left: object, step: int | None) -> dict[str, int] | None:
        """The variable of a definition for this step, or None: another case."""
        if isinstance(left, e.Symbol):
            return {} if step is None else None
        if not isinstance(left, e.At) or step is None:
            return None
        names = _variables(left, self.instance.constants)
        if not names:
            return {} if self._whole(left.indices[0], {}) == step else None
        (name,) = names
        for candidate in range(step - 4, step + 5):
            if self._whole(left.indices[0], {name: candidate}) == step:
                return {name: candidate}
        return None


def _variables(quantity: e.At, constants: Mapping[str, int]) -> set[str]:
    found: set[str] = set()
    parts: list[e.Node] = [quantity.indices[0]]
    while parts:
        part = parts.pop()
        if isinstance(part, e.Symbol) and part.name not in constants:
            found.add(part.name)
        parts += e.children(part)
    if len(found) > 1:
        raise FormulaError(f"{e.write(quantity)} is defined by two variables: give one")
    return found


def _component(name: str, value: Array, indices: Sequence[int]) -> Array:
    """An entry, counted from 1."""
    if not indices:
        return value
    if value.ndim == 2 and value.shape[1] == 1 and len(indices) == 1:
        return np.asarray(value[_inside(name, indices[0], len(value)), 0])
    if value.ndim == 2 and len(indices) == 2:
        row, column = (_inside(name, index, size) for index, size in zip(indices, value.shape, strict=True))
        return np.asarray(value[row, column])
    raise FormulaError(f"{name} is {_shape(value)}: {len(indices)} component(s) do not name an entry of it")


def _existing(name: str, step: int, steps: Sequence[int]) -> int:
    """The step, which the sequence has."""
    if step not in steps:
        raise OutOfRange(f"there is no {name}[{step}]: {name} has the steps {steps[0]} to {steps[-1]}")
    return step


def _inside(name: str, index: int, size: int) -> int:
    if not 1 <= index <= size:
        raise OutOfRange(f"there is no {name}[{index}]: it has the components 1 to {size}")
    return index - 1


def _outer(first: Array, second: Array) -> Array:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != 1 or second.shape[1] != 1:
        raise Mismatch(f"outer takes two columns, not {_shape(first)} and {_shape(second)}")
    return np.asarray(first @ second.T)


def _shape(value: Array) -> str:
    return "a number" if value.ndim == 0 else f"{value.shape[0]}×{value.shape[1]}"

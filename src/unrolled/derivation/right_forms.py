"""The right form of what a formula should give, where the model knows one, in the formula's own variables."""

from __future__ import annotations

from unrolled.derivation import expression as e
from unrolled.derivation.comparison import Target
from unrolled.derivation.grammar import parse
from unrolled.derivation.models import Model

__all__ = ["right_form"]


def right_form(target: Target, model: Model) -> str | None:
    """The model's own form of the same left side, with its variables renamed to the formula's."""
    wanted = target.left
    whole = _whole(wanted, target)
    for left, right in model.right.items():
        (statement,) = parse(f"{left} = {right}", model.vocabulary)
        assert statement.left is not None
        for asked in (wanted, whole):
            renamed = _rename(statement.left, asked)
            if renamed is not None:
                return f"{e.write(asked)} = {e.write(_renamed(statement.right, renamed))}"
    return None


def _whole(left: e.Node, target: Target) -> e.Node:
    """∂L/∂W_hh for ∂L/∂W_hh[i,j]: the same without components."""
    match left:
        case e.Derivative(above, e.At(name, indices)):
            steps = indices[:1] if target.instances[0].steps(name) else ()
            return e.Derivative(above, e.At(name, steps) if steps else e.Symbol(name))
    return left


def _rename(mine: e.Node, theirs: e.Node) -> dict[str, str] | None:
    """How the free variables of one left side become the other's; None: they are of different things."""
    if isinstance(mine, e.Derivative) and isinstance(theirs, e.Derivative):
        first, second = _rename(mine.above, theirs.above), _rename(mine.below, theirs.below)
        return None if first is None or second is None else {**first, **second}
    if isinstance(mine, e.Symbol) and isinstance(theirs, e.Symbol) and _is_variable(mine) and _is_variable(theirs):
        return {mine.name: theirs.name}
    if type(mine) is not type(theirs) or getattr(mine, "name", None) != getattr(theirs, "name", None):
        return None
    if not e.children(mine):
        return {} if mine == theirs else None
    found: dict[str, str] = {}
    if len(e.children(mine)) != len(e.children(theirs)):
        return None
    for part, other in zip(e.children(mine), e.children(theirs), strict=True):
        names = _rename(part, other)
        if names is None:
            return None
        found |= names
    return found


def _is_variable(symbol: e.Symbol) -> bool:
    return len(symbol.name) == 1 and symbol.name.islower()


def _renamed(node: e.Node, names: dict[str, str]) -> e.Node:
    if isinstance(node, e.Symbol):
        return e.Symbol(names.get(node.name, node.name))
    if isinstance(node, e.Derivative):
        above, below = _renamed(node.above, names), _renamed(node.below, names)
        assert isinstance(above, e.Symbol | e.At) and isinstance(below, e.Symbol | e.At)
        return e.Derivative(above, below)
    if isinstance(node, e.Over):
        return _range_renamed(node, names)
    return e.with_children(node, tuple(_renamed(part, names) for part in e.children(node)))


def _range_renamed(node: e.Over, names: dict[str, str]) -> e.Node:
    """A range with its own variable out of the way of theirs: ∂h[j]/∂h[k] is a product over another letter than j."""
    own = node.variable
    while own in names.values():
        own = chr(ord(own) + 1)
    first, last = _renamed(node.first, names), _renamed(node.last, names)
    return e.Over(node.kind, own, first, last, _renamed(node.body, {**names, node.variable: own}), node.descending)

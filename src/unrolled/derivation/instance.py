"""One drawn case of a model: every quantity's value in float64, and every gradient by autograd.

Vectors are columns [n,1]. Sizes differ from each other, so that a formula of the wrong shape is seen to be one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

__all__ = ["Array", "Build", "Graph", "Instance", "Quantity", "Sizes"]

Array = np.ndarray
Quantity = Tensor | dict[int, Tensor]


@dataclass(frozen=True)
class Sizes:
    """T steps, I input, H hidden, K classes, and which of them is right."""

    T: int
    I: int  # noqa: E741
    H: int
    K: int
    answer: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """A model run once, its autograd graph still there.

    Attributes:
        loss: L, a scalar.
        quantities: by name: a tensor, or one for each step.
        constants: whole numbers, such as T.
        copies: weights by name: the copy that each step used, so that each step's share of a gradient can be had.
    """

    loss: Tensor
    quantities: Mapping[str, Quantity]
    constants: Mapping[str, int]
    copies: Mapping[str, dict[int, Tensor]] = field(default_factory=dict)


class Instance:
    """The numbers of a `Graph`, and its gradients when they are asked for.

    Args:
        graph: of one model and one draw.
        named: quantities that are gradients themselves, such as delta[t] = ∂L/∂h[t]: their name, and whose they are.
    """

    def __init__(self, graph: Graph, named: Mapping[str, str]) -> None:
        self._graph = graph
        self.constants = graph.constants
        self.values: dict[str, Array | dict[int, Array]] = {
            name: {step: _array(one) for step, one in value.items()} if isinstance(value, dict) else _array(value)
            for name, value in graph.quantities.items()
        }
        self.values["L"] = _array(graph.loss)
        self._gradients: dict[tuple[str, int | None], Array] = {}
        self._shares: dict[str, dict[int, Array]] = {}
        self._jacobians: dict[tuple[str, int | None, str, int | None], Array] = {}
        self._unrelated: set[tuple[str, int | None, str, int | None]] = set()
        for name, of in named.items():
            self.values[name] = {step: self.gradient(of, step) for step in self.steps(of)}

    def steps(self, name: str) -> list[int]:
        """The steps that a sequence has a value at; none for the other quantities."""
        value = self._graph.quantities.get(name, self.values.get(name))
        return sorted(value) if isinstance(value, dict) else []

    @property
    def leaves(self) -> list[str]:
        """What can stand on either side of a derivative, beside L."""
        return sorted(name for name in self._graph.quantities if self.differentiable(name))

    def differentiable(self, name: str) -> bool:
        """Whether autograd knows this quantity."""
        value = self._graph.quantities.get(name)
        one = next(iter(value.values()), None) if isinstance(value, dict) else value
        return one is not None and one.requires_grad

    def gradient(self, name: str, step: int | None = None) -> Array:
        """∂L/∂ a quantity, laid out like it."""
        if (name, step) not in self._gradients:
            tensor = self._tensor(name, step)
            (found,) = torch.autograd.grad(self._graph.loss, [tensor], retain_graph=True, allow_unused=True)
            self._gradients[name, step] = _array(torch.zeros_like(tensor) if found is None else found)
        return self._gradients[name, step]

    def shares(self, weight: str) -> dict[int, Array]:
        """Each step's share of ∂L/∂weight; they add up to it. Empty where the weight is used but once."""
        if weight not in self._shares:
            self._shares[weight] = self._find_shares(weight)
        return self._shares[weight]

    def _find_shares(self, weight: str) -> dict[int, Array]:
        copies = self._graph.copies.get(weight, {})
        found = (
            torch.autograd.grad(self._graph.loss, list(copies.values()), retain_graph=True, allow_unused=True)
            if copies
            else ()
        )
        return {
            step: _array(torch.zeros_like(copy) if share is None else share)
            for (step, copy), share in zip(copies.items(), found, strict=True)
        }

    def jacobian(self, above: str, above_step: int | None, below: str, below_step: int | None) -> Array:
        """∂above/∂below of two columns: [rows of above, rows of below]."""
        key = (above, above_step, below, below_step)
        if key not in self._jacobians:
            top, bottom = self._tensor(above, above_step), self._tensor(below, below_step)
            rows, related = [], False
            for entry in top.flatten():
                (row,) = torch.autograd.grad(entry, [bottom], retain_graph=True, allow_unused=True)
                related |= row is not None
                rows.append(torch.zeros_like(bottom) if row is None else row)
            self._jacobians[key] = np.stack([_array(row).ravel() for row in rows])
            if not related:
                self._unrelated.add(key)
        return self._jacobians[key]

    def related(self, above: str, above_step: int | None, below: str, below_step: int | None) -> bool:
        """Whether `above` is computed from `below` at all: h[2] is not from h[3], nor a[2] from h[2]."""
        self.jacobian(above, above_step, below, below_step)
        return (above, above_step, below, below_step) not in self._unrelated

    def _tensor(self, name: str, step: int | None) -> Tensor:
        value = self._graph.quantities[name]
        if isinstance(value, dict):
            if step is None:
                raise KeyError(name)
            return value[step]
        return value


Build = Callable[[Sizes, torch.Generator], Graph]


def _array(tensor: Tensor) -> Array:
    return np.atleast_2d(tensor.detach().numpy()) if tensor.dim() else np.asarray(tensor.detach().numpy())

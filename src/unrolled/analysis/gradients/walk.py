"""One layer in one direction, backwards through time, some steps at a time: where the microscope looks.

A layer under `watched` runs forward on its fast kernels and keeps its state at every `chunk`-th step only. Backward
goes from the last chunk to the first: each is run again from its kept state with the layer's `Equation`, every step
on weights of its own, and differentiated by autograd. What comes out is exact: a weight's gradient is the sum of what
its T copies got, and that sum is what the layer hands on.

Memory: the layer's inputs and outputs [T,B,·] and the graph of one chunk, however long the sequence is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from unrolled.analysis.gates import Shares, batch_shares
from unrolled.analysis.gradients.values import Contribution
from unrolled.errors import InputError
from unrolled.kernels.reference.unroll import active, loop
from unrolled.nn import Equation, RecurrentLayer

__all__ = ["Walk", "watched"]

Calls = dict[tuple[int, int], "Walk"]
"""By layer and direction."""


@contextmanager
def watched(layer: RecurrentLayer, *, chunk: int, contributions: bool, keep: bool) -> Iterator[Calls]:
    """Inside, the layer's call is watched; after a backward pass each `Walk` knows what came by.

    Args:
        layer: of the house; the same weights, outputs and gradients as ever.
        chunk: how many steps are differentiated together.
        contributions: whether each step's part of each weight's gradient is measured.
        keep: whether those parts are kept.
    """
    calls: Calls = {}
    unroll = layer._unroll

    def watching(index: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        if (index, direction) in calls:
            raise InputError(
                f"the layer {type(layer).__name__} is called more than once for one loss: "
                "the microscope looks at one call; give a loss that makes one"
            )
        walk = Walk(layer, unroll, index, direction, lengths, chunk, contributions, keep)
        calls[index, direction] = walk
        if state is None:
            dtype = layer.weight_dtype or x.dtype
            zeros = torch.zeros(x.shape[1], layer.hidden_size, dtype=dtype, device=x.device)
            state = (zeros,) * len(layer.state_names)
        output, *final = _Watched.apply(walk, x, *state, *walk.equation.weights.values())  # type: ignore[no-untyped-call]
        return output, walk.equation.named_state(tuple(final))

    layer._unroll = watching  # type: ignore[method-assign, assignment]
    try:
        yield calls
    finally:
        del layer._unroll


class Walk:
    """One layer in one direction, on its way: what was seen so far.

    Attributes:
        norms: by field of the state, [T] (zero at a step that no row takes).
        steps: T, and batch: B.
    """

    def __init__(
        self,
        layer: RecurrentLayer,
        unroll: Any,
        index: int,
        direction: int,
        lengths: Tensor | None,
        chunk: int,
        contributions: bool,
        keep: bool,
    ) -> None:
        self.equation: Equation = layer.equation(index, direction)
        self.names = layer.state_names
        self.norms: dict[str, Tensor] = {}
        self.steps = self.batch = 0
        self._unroll, self._index, self._direction = unroll, index, direction
        self._lengths, self._chunk = lengths, chunk
        self._asked, self._keep = contributions, keep
        self._kept: list[tuple[int, int, tuple[Tensor, ...]]] = []
        # Room for all steps is taken at once: small pieces kept between large ones would tie up the heap.
        self._parts: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}
        self._totals: dict[str, Tensor] = {}
        self._gates: dict[str, Tensor] = {}

    def contributions(self) -> dict[str, Contribution]:
        """By weight; empty if they were not asked for."""
        return {
            name: Contribution(
                tuple(parts.tolist()),
                self._totals[name].norm().item(),
                self._values.get(name),
            )
            for name, parts in self._parts.items()
        }

    def gates(self) -> dict[str, Shares]:
        """By name of gate, candidate or state."""
        return {name: Shares(*map(tuple, parts.T.tolist())) for name, parts in self._gates.items()}

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The layer's own forward pass: output [T,B,H] and the final state's fields."""
        self.steps, self.batch = x.shape[:2]
        edges = [(first, min(first + self._chunk, self.steps)) for first in range(0, self.steps, self._chunk)]
        outputs: dict[int, Tensor] = {}
        for first, last in reversed(edges) if self._direction else edges:
            self._kept.append((first, last, state))
            named = self.equation.named_state(state)
            outputs[first], named = self._unroll(
                self._index, self._direction, x[first:last], named, self._local(first, last)
            )
            state = tuple(named)
        return torch.cat([outputs[first] for first, _ in edges]), *(field.clone() for field in state)

    def backward(
        self,
        x: Tensor,
        weights: Mapping[str, Tensor],
        grad_output: Tensor | None,
        grad_state: list[Tensor],
        want_x: bool,
    ) -> tuple[Tensor | None, list[Tensor], list[Tensor]]:
        """∂L/∂x, ∂L/∂ the initial state and ∂L/∂ every weight; chunk by chunk, last run first."""
        grad_x = torch.zeros_like(x) if want_x else None
        for name, weight in weights.items():
            self._totals[name] = torch.zeros_like(weight)
            if self._asked:
                self._parts[name] = weight.new_zeros(self.steps)
            if self._keep:
                self._values[name] = weight.new_zeros(self.steps, *weight.shape)
        self.norms = {name: grad_state[0].new_zeros(self.steps) for name in self.names}
        for first, last, state in reversed(self._kept):
            part = None if grad_output is None else grad_output[first:last]
            grad_state, to_x = self._back(first, last, x, state, weights, part, grad_state, want_x)
            if grad_x is not None and to_x is not None:
                grad_x[first:last] = to_x
        return grad_x, grad_state, [self._totals[name] for name in weights]

    def _back(
        self,
        first: int,
        last: int,
        x: Tensor,
        state: tuple[Tensor, ...],
        weights: Mapping[str, Tensor],
        grad_output: Tensor | None,
        grad_state: list[Tensor],
        want_x: bool,
    ) -> tuple[list[Tensor], Tensor | None]:
        with torch.enable_grad():
            x = x[first:last].detach()
            if x.dim() == 2:
                size = next(iter(weights.values())).shape[1]
                x = one_hot(x, size).to(state[0].dtype)
            x.requires_grad_(want_x)
            start = [field.detach().requires_grad_() for field in state]
            copies = [
                {name: weight.detach().requires_grad_() for name, weight in weights.items()} for _ in range(first, last)
            ]
            order = list(reversed(copies) if self._direction else copies)
            born: list[Mapping[str, Tensor]] = []  # what the equation gives, before rows that have ended keep theirs

            def step(x_t: Tensor, named: Any) -> Mapping[str, Tensor]:
                born.append(self.equation.step(x_t, named, order[len(born)]))
                return born[-1]

            unrolled = loop(
                step,
                x,
                self.equation.named_state(tuple(start)),
                lengths=self._local(first, last),
                reverse=self._direction == 1,
            )
        out, given = list(unrolled.state), list(grad_state)
        if grad_output is not None:
            out, given = [unrolled.output, *out], [grad_output, *given]
        states = [named[name] for name in self.names for named in (reversed(born) if self._direction else born)]
        parts = [copy[name] for name in weights for copy in copies]
        wanted = [*states, *start, *parts, *([x] if want_x else [])]
        found = list(torch.autograd.grad(out, wanted, given, allow_unused=True, materialize_grads=True))
        self._note_states(first, last, found[: len(states)])
        del found[: len(states)]
        back, found = found[: len(start)], found[len(start) :]
        self._note_weights(first, weights, found[: len(parts)])
        self._note_gates(first, last, unrolled.steps)
        return back, found[-1] if want_x else None

    def _note_states(self, first: int, last: int, gradients: list[Tensor]) -> None:
        rows = torch.stack(gradients).view(len(self.names), last - first, *gradients[0].shape).norm(dim=-1)
        if self._lengths is None:
            means = rows.mean(-1)
        else:
            own = active(self._lengths, self.steps)[first:last, :, 0].to(rows.dtype)
            means = (rows * own).sum(-1) / own.sum(-1).clamp(min=1)
        for name, mean in zip(self.names, means, strict=True):
            self.norms[name][first:last] = mean

    def _note_weights(self, first: int, weights: Mapping[str, Tensor], gradients: list[Tensor]) -> None:
        count = len(gradients) // max(len(weights), 1)
        for place, name in enumerate(weights):
            each = torch.stack(gradients[place * count : (place + 1) * count])
            self._totals[name] += each.sum(0)
            if self._asked:
                self._parts[name][first : first + count] = each.flatten(1).norm(dim=1)
            if self._keep:
                self._values[name][first : first + count] = each

    def _note_gates(self, first: int, last: int, steps: tuple[Mapping[str, Tensor], ...]) -> None:
        rows = None if self._lengths is None else active(self._lengths, self.steps)[first:last]
        for name in steps[0]:
            values = torch.stack([step[name].detach() for step in steps])
            if name not in self._gates:
                self._gates[name] = values.new_zeros(self.steps, 3)
            self._gates[name][first:last] = batch_shares(values, name.endswith("_gate"), rows)

    def _local(self, first: int, last: int) -> Tensor | None:
        return None if self._lengths is None else (self._lengths - first).clamp(0, last - first)


class _Watched(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, walk: Walk, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.walk = walk
        ctx.save_for_backward(x, *tensors)
        ctx.set_materialize_grads(False)
        return walk.forward(x, tensors[: len(walk.names)])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor | None, *grad_state: Tensor | None) -> tuple[Any, ...]:
        walk: Walk = ctx.walk
        x, *tensors = ctx.saved_tensors
        state, weights = tensors[: len(walk.names)], tensors[len(walk.names) :]
        given = [torch.zeros_like(s) if g is None else g for s, g in zip(state, grad_state, strict=True)]
        to_x, to_state, to_weights = walk.backward(
            x, dict(zip(walk.equation.weights, weights, strict=True)), grad_output, given, ctx.needs_input_grad[1]
        )
        return (None, to_x, *to_state, *to_weights)

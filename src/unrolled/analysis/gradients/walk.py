"""One layer in one direction, backwards through time, some steps at a time: where the microscope looks.

A layer under `watched` runs forward on its fast kernels and keeps its state at every `chunk`-th step only. Backward
goes from the last chunk to the first: each but the last to run is run again from its kept state. Where the kernel shows
the steps of its backward pass (`dissect`: float32 on the native kernels), it does so, and `products.py` makes each
step's part of a weight's gradient of them. Elsewhere (float64, a user's own cell) the layer's `Equation` is run, every
step on weights of its own and with the random numbers that it drew, and differentiated by autograd. Both are exact: a
weight's gradient is the sum over the steps, and that sum is what the layer hands on.

Memory: the layer's inputs and outputs [T,B,·] and what one chunk takes, however long the sequence is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils.checkpoint import get_device_states, set_device_states

from unrolled.analysis.gates import Shares, batch_shares
from unrolled.analysis.gradients.products import parts, products
from unrolled.analysis.gradients.values import Contribution
from unrolled.errors import InputError
from unrolled.kernels.recurrent import Dissection
from unrolled.kernels.reference.unroll import active, blank_padding, loop
from unrolled.nn import CellLayer, Equation, RecurrentLayer

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
        self._layer, self._unroll, self._index, self._direction = layer, unroll, index, direction
        self._lengths, self._chunk = lengths, chunk
        self._asked, self._keep = contributions, keep
        self._kept: list[tuple[int, int, tuple[Tensor, ...], _Draws | None]] = []
        self._last: Dissection | None = None  # of the chunk that runs last, which is the first to be gone back through
        self._written = 0  # the version of the output that it gave
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
        for place, (first, last) in enumerate(reversed(edges) if self._direction else edges):
            draws = None if isinstance(self._layer, CellLayer) else _Draws(x)  # the house's cells draw nothing
            self._kept.append((first, last, state, draws))
            seen = self._dissected(first, last, x, state) if place == len(edges) - 1 else None
            if seen is None:
                given = (self.equation.named_state(state), self._local(first, last))
                outputs[first], named = self._unroll(self._index, self._direction, x[first:last], *given)
            else:
                self._last, outputs[first], named = seen, seen.output, seen.state
            state = tuple(named)
        output = torch.cat([outputs[first] for first, _ in edges]) if len(edges) > 1 else outputs[0].detach()
        self._written = output._version
        return output, *(field.clone() for field in state)

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
                self._parts[name] = weight.new_zeros(self.steps, dtype=torch.float64)
            if self._keep:
                self._values[name] = weight.new_zeros(self.steps, *weight.shape)
        self.norms = {name: grad_state[0].new_zeros(self.steps, dtype=torch.float64) for name in self.names}
        for first, last, state, draws in reversed(self._kept):
            part = None if grad_output is None else grad_output[first:last]
            with nullcontext() if draws is None else draws.again():
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
        seen, self._last = self._last, None
        if seen is None or seen.output._version != self._written:  # somebody wrote into the output
            seen = self._dissected(first, last, x, state)
        if seen is None:
            return self._back_by_equation(first, last, x, state, weights, grad_output, grad_state, want_x)
        steps = seen.back(grad_output, tuple(grad_state), want_x)
        self._note_states(first, last, steps.states)
        self._note_gates(first, last, seen.values)
        assert isinstance(self._layer, CellLayer)
        coded = blank_padding(self._coded(x[first:last], weights, state[0].dtype), self._local(first, last))
        operands = {**seen.values, "x": coded}
        for name, start in zip(self.names, state, strict=True):
            operands[f"{name} before"] = self._before(first, last, seen.values[name], start)
        if "reset_gate" in operands:
            operands["reset"] = operands["reset_gate"] * operands["hidden before"]
        by_kind = {name.partition("_l")[0]: name for name in weights}
        for product in products(self._layer.cell):
            if product.weight not in by_kind:
                continue
            operand = operands[product.operand] if product.operand else None
            for part in parts(product, steps.gates, operand, state[0].shape[1]):
                self._note_weight(by_kind[product.weight], first + part.first, part.values, part.rows)
        return [field for field in steps.state if field is not None], steps.x

    def _dissected(self, first: int, last: int, x: Tensor, state: tuple[Tensor, ...]) -> Dissection | None:
        named = self.equation.named_state(state)
        return self._layer._dissect(self._index, self._direction, x[first:last], named, self._local(first, last))

    def _before(self, first: int, last: int, after: Tensor, start: Tensor) -> Tensor:
        """A field of the state before each step [n,B,H], from it after each step and at the chunk's start."""
        if not self._direction:
            return torch.cat([start[None], after[:-1]])
        before = torch.cat([after[1:], start[None]])
        lengths = self._local(first, last)
        if lengths is not None:  # a row starts at its own end
            rows = lengths.nonzero().squeeze(1)
            before[lengths[rows] - 1, rows] = start[rows]
        return before

    def _coded(self, x: Tensor, weights: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
        """Tokens as rows of the identity; anything else as it is."""
        return one_hot(x, next(iter(weights.values())).shape[1]).to(dtype) if x.dim() == 2 else x

    def _back_by_equation(
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
            x = self._coded(x[first:last].detach(), weights, state[0].dtype).requires_grad_(want_x)
            start = [field.detach().requires_grad_() for field in state]
            copies = [
                {name: weight.detach().requires_grad_() for name, weight in weights.items()} for _ in range(first, last)
            ]
            order = list(reversed(copies) if self._direction else copies)
            born: list[Mapping[str, Tensor]] = []  # what the equation gives, before rows that have ended keep theirs

            def step(x_t: Tensor, named: Any) -> Mapping[str, Tensor]:
                given = self.equation.step(x_t, named, order[len(born)])
                # what a cell detached is a leaf: the loss is heard there, and nothing before it
                born.append({key: v if v.requires_grad else v.detach().requires_grad_() for key, v in given.items()})
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
        pieces = [copy[name] for name in weights for copy in copies]
        wanted = [*states, *start, *pieces, *([x] if want_x else [])]
        found = list(torch.autograd.grad(out, wanted, given, allow_unused=True, materialize_grads=True))
        rows = torch.stack(found[: len(states)])
        self._note_states(first, last, rows.view(len(self.names), last - first, *rows.shape[1:]))
        del found[: len(states)]
        back, found = found[: len(start)], found[len(start) :]
        for place, name in enumerate(weights):
            self._note_weight(name, first, torch.stack(found[place * len(copies) : (place + 1) * len(copies)]))
        steps = unrolled.steps
        self._note_gates(first, last, {name: torch.stack([step[name].detach() for step in steps]) for name in steps[0]})
        return back, found[-1] if want_x else None

    def _note_states(self, first: int, last: int, gradients: Tensor) -> None:
        """∂L/∂s_t [fields,n,B,H]."""
        rows = _norms(gradients)
        if self._lengths is None:
            means = rows.mean(-1)
        else:
            own = active(self._lengths, self.steps)[first:last, :, 0].to(rows.dtype)
            means = (rows * own).sum(-1) / own.sum(-1).clamp(min=1)
        for name, mean in zip(self.names, means, strict=True):
            self.norms[name][first:last] = mean

    def _note_weight(self, name: str, first: int, each: Tensor, rows: slice = slice(None)) -> None:
        """Rows of G_t for some steps [n, rows, ·]."""
        steps = slice(first, first + each.shape[0])
        self._totals[name][rows] += each.sum(0)
        if self._asked:
            self._parts[name][steps] = torch.hypot(self._parts[name][steps], _norms(each.flatten(1)))
        if self._keep:
            self._values[name][steps, rows] = each

    def _note_gates(self, first: int, last: int, values: Mapping[str, Tensor]) -> None:
        rows = None if self._lengths is None else active(self._lengths, self.steps)[first:last]
        for name, value in values.items():
            if name not in self._gates:
                self._gates[name] = value.new_zeros(self.steps, 3)
            self._gates[name][first:last] = batch_shares(value, name.endswith("_gate"), rows)

    def _local(self, first: int, last: int) -> Tensor | None:
        return None if self._lengths is None else (self._lengths - first).clamp(0, last - first)


class _Draws:
    """The random generators as they stand, the CPU's and those of the devices of some tensors."""

    def __init__(self, *tensors: Tensor) -> None:
        self._here = torch.get_rng_state()
        self._devices, self._there = get_device_states(*tensors)

    @contextmanager
    def again(self) -> Iterator[None]:
        """Inside, what was drawn from there on is drawn once more; afterwards the generators are as before."""
        with torch.random.fork_rng(self._devices):
            torch.set_rng_state(self._here)
            set_device_states(self._devices, self._there)
            yield


def _norms(vectors: Tensor) -> Tensor:
    """Euclidean norms along the last axis, in float64: also where float32 has no place for the squares."""
    norms: Tensor = vectors.norm(dim=-1).double()
    lost = ~((norms > _LEAST) & (norms < 1 / _LEAST))
    if lost.any():
        norms[lost] = vectors[lost].double().norm(dim=-1)
    return norms


_LEAST = 1e-15
"""Above it, what a square loses in float32 is not seen in the norm."""


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

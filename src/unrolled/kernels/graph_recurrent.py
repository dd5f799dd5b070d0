"""One layer of a cell over a graph: the filter of the whole input at once, then the steps, forward and backward.

A step is the filter of h' (K-1 sparse products for all gates together), one dense product, and the gates in place.
Backward runs the same in reverse, with the transposes that the graphs keep, and makes the gradients of the weights in
one product over all steps at its end. Where a whole sequence would keep more than `KEPT_BYTES` for backward, the states
at the borders of shorter chunks are kept alone, and each chunk is run again when its backward comes.

Derivatives of derivatives, learnt edge weights, torch.func and torch.compile go by the equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels import autocast, graph_gates, modes
from unrolled.kernels.autograd import where_reached
from unrolled.kernels.filters import Filter, side_by_side
from unrolled.kernels.recurrent import asked_path
from unrolled.kernels.reference import Weights
from unrolled.kernels.reference.graph_cell import GraphCell
from unrolled.kernels.reference.graph_unroll import unroll as _by_equation
from unrolled.kernels.reference.unroll import Unrolled

__all__ = ["KEPT_BYTES", "filtered", "trace", "unroll"]

JOINED_EDGES = 2**22
"""How many edges of different graphs are put side by side for one product."""

KEPT_BYTES = 2**30
"""What one layer keeps for backward before it would rather run again."""


def unroll(
    cell: GraphCell, x: Tensor, filters: Sequence[Filter], state: Any, weights: Weights, live: Tensor | None = None
) -> tuple[Tensor, Any]:
    """Run `cell` over a sequence and return the hidden state after each step and the final state.

    Equal to the equation in value and in every derivative.

    Args:
        cell: one of `unrolled.kernels.reference`.
        x: [T,B,N,I], T ≥ 1; zero where a node is not there.
        filters: one for all steps, or one a step.
        state: the initial state, every field [B,N,H].
        weights: see the cell's page.
        live: [T,B,N] bool, which nodes are there at each step; None: all.

    Returns:
        output [T,B,N,H], zero where a node is not there, and the state of each node after its last step.
    """
    if autocast.is_on(x.device):
        x, state, weights = autocast.cast(cell, x, state, weights)
        with torch.autocast(x.device.type, enabled=False):
            return unroll(cell, x, filters, state, weights, live)
    if not _takes(filters):
        unrolled = trace(cell, x, filters, state, weights, live)
        return unrolled.output, unrolled.state
    z = filtered(x, filters)
    W_ih, W_hh, b, _, p = weights
    output, *final = _Steps.apply(cell, filters, live, z, W_ih, W_hh, b, p, *state)  # type: ignore[no-untyped-call]
    return output, cell.state(*final)


def trace(
    cell: GraphCell, x: Tensor, filters: Sequence[Filter], state: Any, weights: Weights, live: Tensor | None = None
) -> Unrolled:
    """The same by the equation, step by step, keeping all of it."""
    return _by_equation(cell, filtered(x, filters), filters, state, weights, live)


def filtered(x: Tensor, filters: Sequence[Filter]) -> Tensor:
    """Every step of x [T,B,N,F] through its filter, [T,B,N,M·F]: all steps in one product a term.

    Graphs that differ are put side by side for it, `JOINED_EDGES` or so at a time.
    """
    if len(filters) == 1:
        return filters[0](x)
    edges = max(1, sum(operator.pattern.entries for each in filters for operator in each.operators))
    length = max(1, len(filters) * JOINED_EDGES // edges)
    parts = []
    for start in range(0, len(filters), length):
        some = x[start : start + length]
        S, B, N, F = some.shape
        z = side_by_side(filters[start : start + length])(some.transpose(0, 1).reshape(B, S * N, F))
        parts.append(z.reshape(B, S, N, z.shape[-1]).transpose(0, 1))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _takes(filters: Sequence[Filter]) -> bool:
    """Whether the steps run in place; else the equation must."""
    if asked_path() == "reference" or modes.is_watched():
        return False
    return all(each.constant for each in filters)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: GraphCell,
        filters: Sequence[Filter],
        live: Tensor | None,
        z: Tensor,
        W_ih: Tensor,
        W_hh: Tensor,
        b: Tensor | None,
        p: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        weights = Weights(W_ih, W_hh, b, None, p)
        T = z.shape[0]
        output = z.new_empty(*z.shape[:3], state[0].shape[-1])
        train = any(ctx.needs_input_grad)
        length = _chunk_length(cell, filters[0], z, W_hh)
        whole = length >= T
        borders: list[Tensor] = []
        kept: tuple[Tensor, ...] = ()
        now = state
        for start in range(0, T, length):
            if train and not whole:
                borders += [field.clone() for field in now]  # they may lie in the output
            part = _Chunk(start, z[start : start + length], filters, live, weights, now)
            now, kept = _CELLS[cell.name].forward(part, output[start : start + length])
        final = tuple(field.clone() for field in now)
        if train:
            ctx.cell, ctx.filters, ctx.live, ctx.length, ctx.whole = cell, filters, live, length, whole
            ctx.kept = len(kept) if whole else len(borders)
            ctx.save_for_backward(z, W_ih, W_hh, b, p, *state, *(kept if whole else borders))
        ctx.set_materialize_grads(False)
        return output, *final

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor | None, *grad_final: Tensor | None) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        kept = saved[len(saved) - ctx.kept :]
        z, W_ih, W_hh, b, p, *state = saved[: len(saved) - ctx.kept]
        if torch.is_grad_enabled():
            given = (z, W_ih, W_hh, b, p, *state)
            return (None, None, None, *_through_equation(ctx, given, (grad_output, *grad_final)))
        weights, steps = Weights(W_ih, W_hh, b, None, p), _CELLS[ctx.cell.name]
        T, fields = z.shape[0], len(state)
        d_state = [torch.zeros_like(s) if g is None else g.clone() for g, s in zip(grad_final, state, strict=True)]
        d_W_ih, d_W_hh = torch.zeros_like(W_ih), torch.zeros_like(W_hh)
        d_b, d_p = (None if w is None else torch.zeros_like(w) for w in (b, p))
        d_z = torch.empty_like(z, memory_format=torch.contiguous_format) if ctx.needs_input_grad[3] else None
        for number, start in reversed(list(enumerate(range(0, T, ctx.length)))):
            end = min(start + ctx.length, T)
            at = state if ctx.whole else kept[number * fields : (number + 1) * fields]
            part = _Chunk(start, z[start:end], ctx.filters, ctx.live, weights, tuple(at))
            if not ctx.whole:
                _, found = steps.forward(part, z.new_empty(*part.z.shape[:3], W_hh.shape[0] // len(ctx.cell.blocks)))
            d_out = None if grad_output is None else grad_output[start:end]
            d_gates = steps.backward(part, kept if ctx.whole else found, d_out, d_state, d_W_hh, d_p)
            flat = d_gates.view(-1, d_gates.shape[-1])
            d_W_ih.addmm_(flat.t(), part.z.reshape(flat.shape[0], -1))
            if d_b is not None:
                d_b.add_(flat.sum(0))
            if d_z is not None:
                torch.mm(flat, W_ih, out=d_z[start:end].view(flat.shape[0], -1))
        return (None, None, None, d_z, d_W_ih, d_W_hh, d_b, d_p, *d_state)


class _Chunk(NamedTuple):
    """Some steps of a sequence: z [S,B,N,M·I] from step `start` of the whole, and the state before them."""

    start: int
    z: Tensor
    filters: Sequence[Filter]
    live: Tensor | None
    weights: Weights
    state: tuple[Tensor, ...]

    def filter(self, t: int) -> Filter:
        return self.filters[self.start + t] if len(self.filters) > 1 else self.filters[0]

    def there(self, t: int) -> Tensor | None:
        return None if self.live is None else self.live[self.start + t].unsqueeze(-1)

    def arguments(self) -> Tensor:
        """W_ih z + b of all steps, newly made: [S,B,N,G·H]."""
        return linear(self.z, self.weights.W_ih, self.weights.b_ih)

    def block(self) -> Tensor:
        """Room for the filtered states of all steps: [S,B,N,slots,H]."""
        return self.z.new_empty(*self.z.shape[:3], self.filters[0].slots, self.state[0].shape[-1])


def _chunk_length(cell: GraphCell, filter: Filter, z: Tensor, W_hh: Tensor) -> int:
    """How many steps' gates, filtered states and memories are kept at once."""
    H = W_hh.shape[0] // len(cell.blocks)
    blocks = 2 if cell.name == "gconv-gru" else 1
    floats = W_hh.shape[0] + H * (blocks * filter.slots + len(cell.state_names) - 1)
    step_bytes = floats * z.shape[1] * z.shape[2] * z.element_size()
    return max(1, KEPT_BYTES // step_bytes) if step_bytes * z.shape[0] > KEPT_BYTES else z.shape[0]


def _through_equation(ctx: Any, given: Sequence[Any], gradients: Sequence[Tensor | None]) -> tuple[Any, ...]:
    """The gradient of each input as a differentiable function: the equation runs again on aliases of the inputs."""
    with torch.enable_grad():
        alias = [t.view_as(t) if t is not None and t.requires_grad else t for t in given]
        z, W_ih, W_hh, b, p, *state = alias
        unrolled = _by_equation(
            ctx.cell, z, ctx.filters, ctx.cell.state(*state), Weights(W_ih, W_hh, b, None, p), ctx.live
        )
    outputs = (unrolled.output, *unrolled.state)
    return where_reached(outputs, alias, gradients, create_graph=True)


def _aside(d: Tensor, live: Tensor | None) -> Tensor | None:
    """Take the gradient of nodes that are not there out of d, for it passes the step by."""
    if live is None:
        return None
    passing = d * ~live
    d.mul_(live)
    return passing


def _arrive(d_h: Tensor, d_output: Tensor | None, t: int, live: Tensor | None) -> Tensor | None:
    """`_aside`, and the step's ∂L/∂output added where a node is there."""
    passing = _aside(d_h, live)
    if d_output is not None:
        d_h.add_(d_output[t] if live is None else d_output[t].masked_fill(~live, 0))
    return passing


def _fold(filter: Filter, d_gates: Tensor, W: Tensor, room: Tensor) -> Tensor:
    """∂L/∂x of W · filter(x): [B,N,H], in slot 0 of the room [B,N,slots,H]."""
    if not filter.identity:
        room[:, :, 0].zero_()
    torch.mm(d_gates, W, out=filter.terms_of(room))
    return filter.fold(room)


class _RNN:
    """h = tanh(a + W_hh P h')."""

    @staticmethod
    def forward(part: _Chunk, output: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        gates, block, W = part.arguments(), part.block(), part.weights.W_hh.t()
        h = part.state[0]
        for t in range(len(gates)):
            filter, a, live = part.filter(t), gates[t], part.there(t)
            block[t, :, :, 0] = h
            filter.fill(block[t])
            a.view(-1, a.shape[-1]).addmm_(filter.terms_of(block[t]), W)
            output[t] = a.tanh_()
            old, h = h, a
            if live is not None:
                h = torch.where(live, a, old)
                graph_gates.settle(h, old, output[t], live)
        return (h,), (gates, block)

    @staticmethod
    def backward(
        part: _Chunk,
        kept: Sequence[Tensor],
        d_output: Tensor | None,
        d_state: list[Tensor],
        d_W: Tensor,
        d_p: Tensor | None,
    ) -> Tensor:
        gates, block = kept
        d_gates, d_h, room = torch.empty_like(gates), d_state[0], torch.empty_like(block[0])
        for t in reversed(range(len(gates))):
            passing = _arrive(d_h, d_output, t, part.there(t))
            torch.mul(d_h, 1 - gates[t] * gates[t], out=d_gates[t])
            d_h.copy_(_fold(part.filter(t), d_gates[t].view(-1, d_h.shape[-1]), part.weights.W_hh, room))
            if passing is not None:
                d_h.add_(passing)
        d_W.addmm_(d_gates.view(-1, d_gates.shape[-1]).t(), _all_terms(part, block))
        return d_gates


class _GRU:
    """The reset gate before the convolution: two filters a step."""

    @staticmethod
    def forward(part: _Chunk, output: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        gates, of_h, of_reset = part.arguments(), part.block(), part.block()
        h = part.state[0]
        H = h.shape[-1]
        W_gates, W_n = part.weights.W_hh[: 2 * H].t(), part.weights.W_hh[2 * H :].t()
        for t in range(len(gates)):
            filter, a, live = part.filter(t), gates[t], part.there(t)
            flat = a.view(-1, 3 * H)
            of_h[t, :, :, 0] = h
            filter.fill(of_h[t])
            flat[:, : 2 * H].addmm_(filter.terms_of(of_h[t]), W_gates)
            graph_gates.gru_gates(a, of_h[t, :, :, 0], of_reset[t, :, :, 0])
            filter.fill(of_reset[t])
            flat[:, 2 * H :].addmm_(filter.terms_of(of_reset[t]), W_n)
            graph_gates.gru_candidate(a, of_h[t, :, :, 0], output[t])
            h = output[t]
            if live is not None:
                h = torch.where(live, h, of_h[t, :, :, 0])
                graph_gates.settle(h, of_h[t, :, :, 0], output[t], live)
        return (h,), (gates, of_h, of_reset)

    @staticmethod
    def backward(
        part: _Chunk,
        kept: Sequence[Tensor],
        d_output: Tensor | None,
        d_state: list[Tensor],
        d_W: Tensor,
        d_p: Tensor | None,
    ) -> Tensor:
        gates, of_h, of_reset = kept
        d_gates, d_h, room = torch.empty_like(gates), d_state[0], torch.empty_like(of_h[0])
        H = d_h.shape[-1]
        W_gates, W_n = part.weights.W_hh[: 2 * H], part.weights.W_hh[2 * H :]
        for t in reversed(range(len(gates))):
            filter, before = part.filter(t), of_h[t, :, :, 0]
            passing = _arrive(d_h, d_output, t, part.there(t))
            graph_gates.gru_d_candidate(gates[t], before, d_h, d_gates[t])
            flat = d_gates[t].view(-1, 3 * H)
            d_reset = _fold(filter, flat[:, 2 * H :], W_n, room)
            graph_gates.gru_d_gates(gates[t], before, d_reset, d_h, d_gates[t])
            d_h.add_(_fold(filter, flat[:, : 2 * H], W_gates, room))
            if passing is not None:
                d_h.add_(passing)
        flat = d_gates.view(-1, 3 * H)
        d_W[: 2 * H].addmm_(flat[:, : 2 * H].t(), _all_terms(part, of_h))
        d_W[2 * H :].addmm_(flat[:, 2 * H :].t(), _all_terms(part, of_reset))
        return d_gates


class _LSTM:
    """With peepholes or without."""

    @staticmethod
    def forward(part: _Chunk, output: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        gates, block, W, p = part.arguments(), part.block(), part.weights.W_hh.t(), part.weights.p
        h, c = part.state
        memory = c.new_empty(len(gates) + 1, *c.shape)
        memory[0] = c
        for t in range(len(gates)):
            filter, a, live = part.filter(t), gates[t], part.there(t)
            block[t, :, :, 0] = h
            filter.fill(block[t])
            a.view(-1, a.shape[-1]).addmm_(filter.terms_of(block[t]), W)
            graph_gates.lstm(a, memory[t], memory[t + 1], output[t], p)
            h = output[t]
            if live is not None:
                h = torch.where(live, h, block[t, :, :, 0])
                torch.where(live, memory[t + 1], memory[t], out=memory[t + 1])
                output[t].mul_(live)
        return (h, memory[-1]), (gates, block, memory)

    @staticmethod
    def backward(
        part: _Chunk,
        kept: Sequence[Tensor],
        d_output: Tensor | None,
        d_state: list[Tensor],
        d_W: Tensor,
        d_p: Tensor | None,
    ) -> Tensor:
        gates, block, memory = kept
        (d_h, d_c), d_gates, room = d_state, torch.empty_like(gates), torch.empty_like(block[0])
        for t in reversed(range(len(gates))):
            live = part.there(t)
            passing, passing_c = _arrive(d_h, d_output, t, live), _aside(d_c, live)
            graph_gates.lstm_d(gates[t], memory[t], memory[t + 1], part.weights.p, d_h, d_c, d_gates[t])
            flat = d_gates[t].view(-1, d_gates.shape[-1])
            d_h.copy_(_fold(part.filter(t), flat, part.weights.W_hh, room))
            if passing is not None and passing_c is not None:
                d_h.add_(passing)
                d_c.add_(passing_c)
        if d_p is not None:
            d_i, d_f, _, d_o = d_gates.chunk(4, -1)
            axes = (0, 1, 2)
            d_p += torch.cat(
                [(d_i * memory[:-1]).sum(axes), (d_f * memory[:-1]).sum(axes), (d_o * memory[1:]).sum(axes)]
            )
        d_W.addmm_(d_gates.view(-1, d_gates.shape[-1]).t(), _all_terms(part, block))
        return d_gates


def _all_terms(part: _Chunk, block: Tensor) -> Tensor:
    """The terms of all steps [S,B,N,slots,H] as rows."""
    return part.filters[0].terms_of(block.flatten(0, 1))


_CELLS: dict[str, Any] = {"gconv-rnn": _RNN, "gconv-gru": _GRU, "gconv-lstm": _LSTM}

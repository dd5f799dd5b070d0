"""One random call of the library beside the reference equation in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from unrolled.kernels.autograd import in_full
from unrolled.kernels.eager import IMPLEMENTATIONS
from unrolled.kernels.implementation import Inputs
from unrolled.kernels.native import half
from unrolled.kernels.native.library import KINDS, Call, Forward, Gradients, Library
from unrolled.kernels.reference import full_peephole, gru, lstm, peephole, rnn
from unrolled.kernels.reference.cell import Cell, Weights
from unrolled.kernels.reference.unroll import unroll

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        rnn.TANH,
        rnn.RELU,
        gru.RESET_AFTER,
        gru.RESET_BEFORE,
        lstm.LSTM,
        peephole.PEEPHOLE,
        full_peephole.FULL_PEEPHOLE,
    )
}
assert CELLS.keys() == KINDS.keys()

FLOOR = 0.25
"""Cotangents are of order 1. A gradient far below that is a sum whose terms cancel, or a saturated unit's (1 - h²
with h = 0.99): no float32 code keeps its digits, torch's neither, and an error relative to it says nothing of ours.
Random shapes, which may have one unit and one row, take the order of the terms, 1."""


@dataclass(frozen=True)
class Trial:
    """A call's shape and options; `seed` draws its numbers, which `dtype` can hold."""

    cell: str
    T: int = 5
    B: int = 7
    I: int = 3
    H: int = 21
    lengths: bool = False
    reverse: bool = False
    tokens: bool = False
    bias: bool = True
    initial: bool = True
    final: bool = True
    threads: int = 2
    seed: int = 0
    dtype: torch.dtype = torch.float32


class Torch:
    """torch's own arithmetic in the library's place: what `dtype` can do on a trial."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def forward(self, call: Call, *, keep: bool) -> Forward:
        """As `Library.forward`."""
        state, weights = self._cast(*call.state), Weights(*self._cast(*call.weights))
        inputs = Inputs(*self._cast(call.x), state, weights, call.lengths, call.reverse, keep)
        self.inputs = in_full(inputs)
        result = IMPLEMENTATIONS[call.cell].forward(self.inputs)
        self.saved = result.saved if keep else self.saved
        return Forward(result.output.float(), tuple(s.float() for s in result.state), torch.empty(0) if keep else None)

    def backward(
        self,
        call: Call,
        output: Tensor,
        saved: Tensor,
        grad_output: Tensor,
        grad_state: tuple[Tensor | None, ...],
        *,
        want_x: bool,
    ) -> Gradients:
        """As `Library.backward`, after the last `forward` that kept."""
        above, *final = self._cast(grad_output, *grad_state)
        found = IMPLEMENTATIONS[call.cell].backward(self.inputs, self.saved, above, tuple(final), want_x)
        x, *others = (None if g is None else g.float() for g in (found.x, *found.state, *found.weights))
        return Gradients(x, tuple(others[: len(final)]), tuple(others[len(final) :]))

    def _cast(self, *tensors: Any) -> tuple[Any, ...]:
        return tuple(t if t is None or not t.is_floating_point() else t.to(self.dtype) for t in tensors)


class InHalf:
    """A library for bfloat16 in the place of one for float32."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def forward(self, call: Call, *, keep: bool) -> Forward:
        """As `Library.forward`."""
        done = half.forward(self.library, _half(call), keep=keep)
        return Forward(done.output.float(), tuple(s.float() for s in done.state), done.saved)

    def backward(
        self,
        call: Call,
        output: Tensor,
        saved: Tensor,
        grad_output: Tensor,
        grad_state: tuple[Tensor | None, ...],
        *,
        want_x: bool,
    ) -> Gradients:
        """As `Library.backward`."""
        done = half.backward(
            self.library, _half(call), output.bfloat16(), saved, grad_output.bfloat16(), grad_state, want_x=want_x
        )
        return done._replace(x=None if done.x is None else done.x.float())


def _half(call: Call) -> Call:
    hidden, *memory = call.state
    x = call.x.bfloat16() if call.x.is_floating_point() else call.x
    return call._replace(x=x, state=(None if hidden is None else hidden.bfloat16(), *memory))


def errors(
    library: Library | Torch | InHalf,
    trial: Trial,
    floor: float = FLOOR,
    sums: float | None = None,
    over_time: float | None = None,
) -> dict[str, float]:
    """The largest error of every output and gradient, relative to the largest value of each, or to `floor`.

    `sums` is the floor of the gradients, where it is another, and `over_time` that of the weights'.
    """
    sums = floor if sums is None else sums
    over_time = sums if over_time is None else over_time
    draw = torch.Generator().manual_seed(trial.seed)
    cell, T, B, I, H = CELLS[trial.cell], trial.T, trial.B, trial.I, trial.H

    def normal(*shape: int, scale: float = 0.5) -> Tensor:
        return (torch.randn(*shape, generator=draw) * scale).to(trial.dtype).double().requires_grad_()

    blocks, recurrent = len(cell.input_blocks), len(cell.recurrent_blocks)
    weights = Weights(
        normal(blocks * H, I, scale=I**-0.5),
        normal(recurrent * H, H, scale=H**-0.5),
        normal(blocks * H) if trial.bias else None,
        normal(recurrent * H) if trial.bias else None,
        normal(len(cell.peephole_blocks) * H) if cell.peephole_blocks else None,
    )
    state = [normal(B, H, scale=float(trial.initial)) for _ in cell.state_names]
    tokens = torch.randint(I, (T, B), generator=draw)
    x = one_hot(tokens, I).double().requires_grad_() if trial.tokens else normal(T, B, I, scale=1)
    lengths = torch.randint(T + 1, (B,), generator=draw) if trial.lengths else None

    there = unroll(cell, x, cell.state(*state), weights, lengths=lengths, reverse=trial.reverse)
    grad_output = torch.randn(T, B, H, generator=draw).to(trial.dtype).float()
    grad_state = [torch.randn(B, H, generator=draw) if trial.final else None for _ in state]
    loss = (there.output * grad_output).sum()
    for final, grad in zip(there.state, grad_state, strict=True):
        loss = loss if grad is None else loss + (final * grad).sum()
    loss.backward()

    call = Call(
        trial.cell,
        tokens if trial.tokens else x.detach().float(),
        tuple(s.detach().float() if trial.initial else None for s in state),
        tuple(None if w is None else w.detach().float() for w in weights),
        lengths,
        trial.reverse,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(trial.threads)
    try:
        here = library.forward(call, keep=True)
        quick = library.forward(call, keep=False)
        assert here.saved is not None and quick.saved is None
        grads = library.backward(call, here.output, here.saved, grad_output, tuple(grad_state), want_x=not trial.tokens)
    finally:
        torch.set_num_threads(before)
    found = {"output": _error(here.output, there.output, floor), "kept": _error(quick.output, here.output, floor)}
    for name, got, quickly, want in zip(cell.state_names, here.state, quick.state, there.state, strict=True):
        found[name] = max(_error(got, want, floor), _error(quickly, got, floor))
    if not trial.tokens:
        assert grads.x is not None
        found["∂x"] = _error(grads.x, x.grad, sums)
    for name, got, leaf in zip(cell.state_names, grads.state, state, strict=True):
        found[f"∂{name}"] = _error(got, leaf.grad, sums)
    for name, grad, leaf in zip(Weights._fields, grads.weights, weights, strict=True):
        assert (grad is None) == (leaf is None)
        if grad is not None and leaf is not None:
            found[f"∂{name}"] = _error(grad, leaf.grad, over_time)
    return found


def _error(got: Tensor, want: Tensor | None, floor: float) -> float:
    want = torch.zeros_like(got) if want is None else want.detach()
    return (got - want).abs().max().item() / max(want.abs().max().item(), floor)

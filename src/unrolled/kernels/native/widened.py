"""float32's library for sequences of bfloat16, on processors that multiply none: wider inside, as fast as float32.

Torch's own products of bfloat16 take there fifty times those of float32.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result
from unrolled.kernels.reference.cell import Weights

__all__ = ["widened"]


@functools.cache
def widened(one: Implementation, dtype: torch.dtype) -> Implementation:
    """`one` of float32 for `dtype`: all that comes in is widened, all that goes out rounded, once each."""

    def rounded(done: Result) -> Result:
        # what `one` saves is its own output, of float32
        return Result(done.output.to(dtype), tuple(s.to(dtype) for s in done.state), done.saved)

    def forward(inputs: Inputs) -> Result:
        return rounded(one.forward(_wide(inputs)))

    def observe(inputs: Inputs) -> tuple[Result, tuple[Tensor, ...]]:
        assert one.observe is not None
        done, shown = one.observe(_wide(inputs))
        return rounded(done), tuple(t.to(dtype) for t in shown)

    def backward(
        inputs: Inputs,
        saved: tuple[Tensor, ...],
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        want_x: bool,
    ) -> Gradients:
        final = tuple(_float(g) for g in grad_state)
        done = one.backward(_wide(inputs), saved, _float(grad_output), final, want_x)
        x, *others = (None if g is None else g.to(dtype) for g in (done.x, *done.state, *done.weights))
        return Gradients(x, tuple(others[: len(final)]), tuple(others[len(final) :]))

    return replace(
        one,
        name=f"{one.name}, widened",
        forward=forward,
        backward=backward,
        observe=one.observe and observe,
        dissect=None,
    )


def _wide(inputs: Inputs) -> Inputs:
    state, weights = tuple(_float(s) for s in inputs.state), Weights(*(_float(w) for w in inputs.weights))
    return inputs._replace(x=_float(inputs.x), state=state, weights=weights)


def _float(tensor: Any) -> Any:
    """As float32; tokens and None as they are."""
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.float()

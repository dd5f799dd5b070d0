"""The vanilla cell over a sequence, forward and backward; the equation is `reference/rnn.py`.

With a = W_ih x + W_hh h' + b and δ = ∂L/∂h_t: ∂L/∂a = δ ⊙ φ'(a), where φ' is 1 - h² for tanh and [h > 0]
for relu, and ∂L/∂h' = W_hhᵀ ∂L/∂a.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from unrolled.kernels.eager.sequence import (
    bias_gradient,
    input_product,
    order,
    rows,
    shifted,
    weight_gradient,
)
from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result

__all__ = ["RELU", "TANH"]


def _forward(inputs: Inputs, activate: Callable[[Tensor], Tensor]) -> Result:
    x, (h0,), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    T, live = x.shape[0], rows(inputs)
    a = input_product(x, W_ih, b_ih, b_hh).unbind()
    states = h0.new_empty(T + 1, *h0.shape)
    states[T if reverse else 0] = h0
    h, W = states.unbind(), W_hh.t()
    for t, before, after in order(T, reverse):
        activate(torch.addmm(a[t], h[before], W, out=h[after]))
        live.hold(t, h[after], h[before])
    output = live.blank(shifted(states, reverse)[1]).detach()
    return Result(output, (states[0 if reverse else T].clone(),), (states,))


def _backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
    derivative: Callable[[Tensor, Tensor, Tensor], object],
) -> Gradients:
    x, (h0,), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    (states,) = saved
    T, live = x.shape[0], rows(inputs)
    previous, new = shifted(states, reverse)
    h = new.unbind()
    grads = torch.empty_like(new)
    d_a = grads.unbind()
    d_out = None if grad_output is None else live.blank(grad_output).unbind()
    d_h = torch.zeros_like(h0) if grad_state[0] is None else grad_state[0].clone()
    for t, _, _ in order(T, not reverse):
        if d_out is not None:
            d_h.add_(d_out[t])
        kept = live.aside(t, d_h)
        derivative(d_h, h[t], d_a[t])
        torch.mm(d_a[t], W_hh, out=d_h)
        if kept is not None:
            d_h.add_(kept)
    return Gradients(
        grads @ W_ih if want_x else None,
        (d_h,),
        (
            weight_gradient(grads, x),
            weight_gradient(grads, previous),
            bias_gradient(grads, b_ih),
            bias_gradient(grads, b_hh),
            None,
        ),
    )


def _tanh_derivative(d_h: Tensor, h: Tensor, out: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(d_h, h, grad_input=out)


def _relu_derivative(d_h: Tensor, h: Tensor, out: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(d_h, h, 0, grad_input=out)


def _implementation(
    activate: Callable[[Tensor], Tensor], derivative: Callable[[Tensor, Tensor, Tensor], object]
) -> Implementation:
    return Implementation(
        "eager",
        functools.partial(_forward, activate=activate),
        functools.partial(_backward, derivative=derivative),
    )


TANH = _implementation(Tensor.tanh_, _tanh_derivative)
RELU = _implementation(Tensor.relu_, _relu_derivative)

"""The course's GRU over a sequence, forward and backward, reset before the product: see `reference/gru.py`.

With δ = ∂L/∂h_t, q = r ⊙ h' and a_· the argument of a gate's σ or tanh, backwards through one step:

    ∂a_n = δ ⊙ z ⊙ (1-n²),   ∂a_z = δ ⊙ (n-h') ⊙ z(1-z)
    ∂q   = W_hnᵀ ∂a_n,   ∂a_r = ∂q ⊙ h' ⊙ r(1-r)
    δ'   = δ ⊙ (1-z) + ∂q ⊙ r + W_hrᵀ ∂a_r + W_hzᵀ ∂a_z
"""

from __future__ import annotations

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

__all__ = ["RESET_BEFORE"]

_d_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_d_tanh = torch.ops.aten.tanh_backward.grad_input


def _forward(inputs: Inputs) -> Result:
    x, (h0,), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    gates = input_product(x, W_ih, b_ih, b_hh)
    states = h0.new_empty(T + 1, *h0.shape)
    states[T if reverse else 0] = h0
    r_z, n = gates[..., : 2 * H].unbind(), gates[..., 2 * H :].unbind()
    r, z = gates[..., :H].unbind(), gates[..., H : 2 * H].unbind()
    h, W_rz, W_n, room = states.unbind(), W_hh[: 2 * H].t(), W_hh[2 * H :].t(), torch.empty_like(h0)
    for t, before, after in order(T, reverse):
        r_z[t].addmm_(h[before], W_rz).sigmoid_()
        n[t].addmm_(torch.mul(r[t], h[before], out=room), W_n).tanh_()
        torch.lerp(h[before], n[t], z[t], out=h[after])
        live.hold(t, h[after], h[before])
    output = live.blank(shifted(states, reverse)[1]).detach()
    return Result(output, (states[0 if reverse else T].clone(),), (gates, states))


def _backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
) -> Gradients:
    x, (h0,), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    gates, states = saved
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    previous, _ = shifted(states, reverse)
    r, z, n = (gate.unbind() for gate in gates.chunk(3, -1))
    h = previous.unbind()
    grads = torch.empty_like(gates)
    d_r, d_z, d_n = (gate.unbind() for gate in grads.chunk(3, -1))
    d_rz, W_rz, W_n = grads[..., : 2 * H].unbind(), W_hh[: 2 * H], W_hh[2 * H :]
    d_out = None if grad_output is None else live.blank(grad_output).unbind()
    d_h = torch.zeros_like(h0) if grad_state[0] is None else grad_state[0].clone()
    room, d_q = torch.empty_like(d_h), torch.empty_like(d_h)
    for t, _, _ in order(T, not reverse):
        if d_out is not None:
            d_h.add_(d_out[t])
        kept = live.aside(t, d_h)
        torch.sub(n[t], h[t], out=room).mul_(d_h)
        _d_sigmoid(room, z[t], grad_input=d_z[t])
        torch.mul(d_h, z[t], out=room)
        d_h.sub_(room)
        _d_tanh(room, n[t], grad_input=d_n[t])
        torch.mm(d_n[t], W_n, out=d_q)
        _d_sigmoid(torch.mul(d_q, h[t], out=room), r[t], grad_input=d_r[t])
        d_h.addcmul_(d_q, r[t]).addmm_(d_rz[t], W_rz)
        if kept is not None:
            d_h.add_(kept)
    d_W_rz = weight_gradient(grads[..., : 2 * H], previous)
    d_W_n = weight_gradient(grads[..., 2 * H :], gates[..., :H] * previous)
    return Gradients(
        grads @ W_ih if want_x else None,
        (d_h,),
        (
            weight_gradient(grads, x),
            torch.cat([d_W_rz, d_W_n]),
            bias_gradient(grads, b_ih),
            bias_gradient(grads, b_hh),
            None,
        ),
    )


RESET_BEFORE = Implementation("eager", _forward, _backward)

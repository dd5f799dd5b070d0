"""The GRU over a sequence, forward and backward, reset after the product: see `reference/gru.py`.

With δ = ∂L/∂h_t, m = W_hn h' + b_hn and a_· the argument of a gate's σ or tanh, backwards through one step:

    ∂a_n = δ ⊙ (1-z) ⊙ (1-n²)
    ∂a_z = δ ⊙ (h'-n) ⊙ z(1-z)
    ∂a_r = ∂a_n ⊙ m ⊙ r(1-r),   ∂m = ∂a_n ⊙ r
    δ'   = δ ⊙ z + W_hhᵀ [∂a_r, ∂a_z, ∂m]
"""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.kernels.eager.sequence import (
    input_product,
    order,
    rows,
    shifted,
    weight_gradient,
)
from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result

__all__ = ["RESET_AFTER"]

_d_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_d_tanh = torch.ops.aten.tanh_backward.grad_input


def _forward(inputs: Inputs) -> Result:
    x, (h0,), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    b_rz, b_n = _fold(b_hh, H)
    gates = input_product(x, W_ih, b_ih, b_rz)
    states = h0.new_empty(T + 1, *h0.shape)
    states[T if reverse else 0] = h0
    r_z, n = gates[..., : 2 * H].unbind(), gates[..., 2 * H :].unbind()
    r, z = gates[..., :H].unbind(), gates[..., H : 2 * H].unbind()
    products = torch.empty_like(states[1:])
    m, h, W_rz, W_n = products.unbind(), states.unbind(), W_hh[: 2 * H].t(), W_hh[2 * H :].t()
    for t, before, after in order(T, reverse):
        r_z[t].addmm_(h[before], W_rz).sigmoid_()
        torch.mm(h[before], W_n, out=m[t]) if b_n is None else torch.addmm(b_n, h[before], W_n, out=m[t])
        n[t].addcmul_(r[t], m[t]).tanh_()
        torch.lerp(n[t], h[before], z[t], out=h[after])
        live.hold(t, h[after], h[before])
    output = live.blank(shifted(states, reverse)[1]).detach()
    return Result(output, (states[0 if reverse else T].clone(),), (gates, products, states))


def _backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
) -> Gradients:
    x, (h0,), (W_ih, W_hh, b_ih, _, _), _, reverse, _ = inputs
    gates, products, states = saved
    T, B, H, live = *x.shape[:2], h0.shape[-1], rows(inputs)
    previous, _ = shifted(states, reverse)
    r, z, n = (gate.unbind() for gate in gates.chunk(3, -1))
    h, m = previous.unbind(), products.unbind()
    # Blocks r, z, m, n: the first three belong to W_hh, all but m to W_ih.
    grads = gates.new_empty(T, B, 4 * H)
    d_r, d_z, d_m, d_n = (gate.unbind() for gate in grads.chunk(4, -1))
    recurrent = grads[..., : 3 * H]
    d_u = recurrent.unbind()
    d_out = None if grad_output is None else live.blank(grad_output).unbind()
    d_h = torch.zeros_like(h0) if grad_state[0] is None else grad_state[0].clone()
    room = torch.empty_like(d_h)
    for t, _, _ in order(T, not reverse):
        if d_out is not None:
            d_h.add_(d_out[t])
        kept = live.aside(t, d_h)
        torch.sub(h[t], n[t], out=room).mul_(d_h)
        _d_sigmoid(room, z[t], grad_input=d_z[t])
        torch.mul(d_h, z[t], out=room)
        _d_tanh(d_h.sub_(room), n[t], grad_input=d_n[t])
        torch.mul(d_n[t], r[t], out=d_m[t])
        torch.mul(d_n[t], m[t], out=d_h)
        _d_sigmoid(d_h, r[t], grad_input=d_r[t])
        torch.addmm(room, d_u[t], W_hh, out=d_h)
        if kept is not None:
            d_h.add_(kept)
    d_rz, d_n_all = grads[..., : 2 * H].flatten(0, 1), grads[..., 3 * H :].flatten(0, 1)
    d_x = torch.addmm(d_rz @ W_ih[: 2 * H], d_n_all, W_ih[2 * H :]).view_as(x) if want_x else None
    d_b = None if b_ih is None else grads.sum((0, 1))
    flat = x.flatten(0, 1)
    return Gradients(
        d_x,
        (d_h,),
        (
            torch.cat([d_rz.t() @ flat, d_n_all.t() @ flat]),
            weight_gradient(recurrent, previous),
            None if d_b is None else torch.cat([d_b[: 2 * H], d_b[3 * H :]]),
            None if d_b is None else d_b[: 3 * H].clone(),
            None,
        ),
    )


def _fold(b_hh: Tensor | None, H: int) -> tuple[Tensor | None, Tensor | None]:
    """b_hh in two: that of r and z, zero for n, beside the input product, and that of n."""
    if b_hh is None:
        return None, None
    return torch.cat([b_hh[: 2 * H], torch.zeros_like(b_hh[2 * H :])]), b_hh[2 * H :]


RESET_AFTER = Implementation("eager", _forward, _backward)

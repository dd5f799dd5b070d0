"""The LSTM over a sequence, forward and backward, with Gers's peepholes where p is given.

The equations are `reference/lstm.py` and `reference/peephole.py`. With δ = ∂L/∂h_t, γ = ∂L/∂c_t and a_· the
argument of a gate's σ or tanh, backwards through one step:

    ∂a_o = δ ⊙ tanh(c) ⊙ o(1-o)
    γ   += δ ⊙ o ⊙ (1 - tanh²c) + p_o ⊙ ∂a_o
    ∂a_i = γ ⊙ g ⊙ i(1-i),   ∂a_f = γ ⊙ c' ⊙ f(1-f),   ∂a_g = γ ⊙ i ⊙ (1-g²)
    γ'   = γ ⊙ f + p_i ⊙ ∂a_i + p_f ⊙ ∂a_f
    δ'   = W_hhᵀ ∂a
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

__all__ = ["LSTM"]

_d_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_d_tanh = torch.ops.aten.tanh_backward.grad_input


def _forward(inputs: Inputs) -> Result:
    x, (h0, c0), (W_ih, W_hh, b_ih, b_hh, p), _, reverse, _ = inputs
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    gates = input_product(x, W_ih, b_ih, b_hh)
    hidden, memory = h0.new_empty(T + 1, *h0.shape), c0.new_empty(T + 1, *c0.shape)
    hidden[T if reverse else 0], memory[T if reverse else 0] = h0, c0
    squashed = torch.empty_like(memory[1:])
    a, i, f, i_f, g, o = _split(gates, H)
    h, c, s, W = hidden.unbind(), memory.unbind(), squashed.unbind(), W_hh.t()
    p_i, p_f, p_o = (None, None, None) if p is None else p.chunk(3)
    for t, before, after in order(T, reverse):
        a[t].addmm_(h[before], W)
        if p_i is not None and p_f is not None:
            i[t].addcmul_(c[before], p_i)
            f[t].addcmul_(c[before], p_f)
        i_f[t].sigmoid_()
        g[t].tanh_()
        torch.mul(c[before], f[t], out=c[after]).addcmul_(g[t], i[t])
        if p_o is not None:
            o[t].addcmul_(c[after], p_o)
        o[t].sigmoid_()
        torch.mul(torch.tanh(c[after], out=s[t]), o[t], out=h[after])
        live.hold(t, h[after], h[before])
        live.hold(t, c[after], c[before])
    output = live.blank(shifted(hidden, reverse)[1]).detach()
    last = 0 if reverse else T
    return Result(output, (hidden[last].clone(), memory[last].clone()), (gates, hidden, memory, squashed))


def _backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
) -> Gradients:
    x, (h0, c0), (W_ih, W_hh, b_ih, b_hh, p), _, reverse, _ = inputs
    gates, hidden, memory, squashed = saved
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    grads = torch.empty_like(gates)
    _, i, f, _, g, o = _split(gates, H)
    d_a, d_i, d_f, _, d_g, d_o = _split(grads, H)
    previous, _ = shifted(hidden, reverse)
    c_before, c_after = shifted(memory, reverse)
    c, s = c_before.unbind(), squashed.unbind()
    p_i, p_f, p_o = (None, None, None) if p is None else p.chunk(3)
    d_out = None if grad_output is None else live.blank(grad_output).unbind()
    d_h, d_c = (
        torch.zeros_like(zero) if given is None else given.clone()
        for given, zero in zip(grad_state, (h0, c0), strict=True)
    )
    room = torch.empty_like(d_h)
    for t, _, _ in order(T, not reverse):
        if d_out is not None:
            d_h.add_(d_out[t])
        kept_h, kept_c = live.aside(t, d_h), live.aside(t, d_c)
        _d_sigmoid(torch.mul(d_h, s[t], out=room), o[t], grad_input=d_o[t])
        d_c.add_(_d_tanh(torch.mul(d_h, o[t], out=room), s[t], grad_input=room))
        if p_o is not None:
            d_c.addcmul_(d_o[t], p_o)
        _d_sigmoid(torch.mul(d_c, g[t], out=room), i[t], grad_input=d_i[t])
        _d_sigmoid(torch.mul(d_c, c[t], out=room), f[t], grad_input=d_f[t])
        _d_tanh(torch.mul(d_c, i[t], out=room), g[t], grad_input=d_g[t])
        d_c.mul_(f[t])
        if p_i is not None and p_f is not None:
            d_c.addcmul_(d_i[t], p_i).addcmul_(d_f[t], p_f)
        torch.mm(d_a[t], W_hh, out=d_h)
        if kept_h is not None and kept_c is not None:
            d_h.add_(kept_h)
            d_c.add_(kept_c)
    return Gradients(
        grads @ W_ih if want_x else None,
        (d_h, d_c),
        (
            weight_gradient(grads, x),
            weight_gradient(grads, previous),
            bias_gradient(grads, b_ih),
            bias_gradient(grads, b_hh),
            None if p is None else _peephole_gradient(grads, c_before, c_after),
        ),
    )


def _split(gates: Tensor, H: int) -> tuple[tuple[Tensor, ...], ...]:
    """Views by step of [T,B,4H]: all of it, i, f, i and f together, g, o."""
    i, f, g, o = gates.chunk(4, -1)
    return gates.unbind(), i.unbind(), f.unbind(), gates[..., : 2 * H].unbind(), g.unbind(), o.unbind()


def _peephole_gradient(grads: Tensor, c_before: Tensor, c_after: Tensor) -> Tensor:
    d_i, d_f, _, d_o = grads.chunk(4, -1)
    return torch.cat([(d_i * c_before).sum((0, 1)), (d_f * c_before).sum((0, 1)), (d_o * c_after).sum((0, 1))])


LSTM = Implementation("eager", _forward, _backward)

"""The course's peephole LSTM over a sequence, forward and backward: see `reference/full_peephole.py`.

Only c recurs: the candidate and h = tanh(c) ⊙ o are computed for all steps at once. With δ = ∂L/∂h_t and γ
= ∂L/∂c_t:

    ∂a_o = δ ⊙ tanh(c) ⊙ o(1-o),   γ += δ ⊙ o ⊙ (1 - tanh²c)
    ∂a_i = γ ⊙ g ⊙ i(1-i),   ∂a_f = γ ⊙ c' ⊙ f(1-f),   ∂a_g = γ ⊙ i ⊙ g(1-g)
    γ'   = γ ⊙ f + W_hhᵀ ∂a_{i,f,o}
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

__all__ = ["FULL_PEEPHOLE"]

_d_sigmoid = torch.ops.aten.sigmoid_backward
_d_tanh = torch.ops.aten.tanh_backward


def _forward(inputs: Inputs) -> Result:
    x, (h0, c0), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    W_x, b_x = _recurrent_first(W_ih, H), None if b_ih is None else _recurrent_first(b_ih, H)
    all_gates = input_product(x, W_x, b_x)
    gates, g = all_gates[..., : 3 * H].contiguous(), all_gates[..., 3 * H :].sigmoid()
    if b_hh is not None:
        gates += b_hh
    memory = c0.new_empty(T + 1, *c0.shape)
    memory[T if reverse else 0] = c0
    a, c, W, candidate = gates.unbind(), memory.unbind(), W_hh.t(), g.unbind()
    i, f = gates[..., :H].unbind(), gates[..., H : 2 * H].unbind()
    for t, before, after in order(T, reverse):
        a[t].addmm_(c[before], W).sigmoid_()
        torch.mul(c[before], f[t], out=c[after]).addcmul_(candidate[t], i[t])
        live.hold(t, c[after], c[before])
    squashed = shifted(memory, reverse)[1].tanh()
    output = live.blank(squashed * gates[..., 2 * H :])
    c_T = memory[0 if reverse else T].clone()
    return Result(output, (_final_hidden(inputs, output, h0), c_T), (gates, g, memory, squashed))


def _backward(
    inputs: Inputs,
    saved: tuple[Tensor, ...],
    grad_output: Tensor | None,
    grad_state: tuple[Tensor | None, ...],
    want_x: bool,
) -> Gradients:
    x, (h0, c0), (W_ih, W_hh, b_ih, b_hh, _), _, reverse, _ = inputs
    gates, g, memory, squashed = saved
    T, H, live = x.shape[0], h0.shape[-1], rows(inputs)
    previous, _ = shifted(memory, reverse)
    i, f, o = gates.chunk(3, -1)
    d_h, d_h0 = _hidden_gradient(inputs, grad_output, grad_state[0], squashed)
    d_h = live.blank(d_h)
    direct = _d_tanh(d_h * o, squashed).unbind()
    grads = torch.empty_like(gates)
    d_gates = grads.unbind()
    d_i, d_f, d_o = grads.chunk(3, -1)
    torch.mul(d_h, squashed, out=d_h)
    d_o.copy_(_d_sigmoid(d_h, o))
    d_c = torch.zeros_like(c0) if grad_state[1] is None else grad_state[1].clone()
    i_dg, f_dg, c, d_it, d_ft = i.unbind(), f.unbind(), previous.unbind(), d_i.unbind(), d_f.unbind()
    d_cs = torch.empty_like(g)
    d_ct, candidate, room = d_cs.unbind(), g.unbind(), torch.empty_like(d_c)
    for t, _, _ in order(T, not reverse):
        kept = live.aside(t, d_c)
        torch.add(d_c, direct[t], out=d_ct[t])
        torch.mul(d_ct[t], candidate[t], out=room)
        _d_sigmoid.grad_input(room, i_dg[t], grad_input=d_it[t])
        torch.mul(d_ct[t], c[t], out=room)
        _d_sigmoid.grad_input(room, f_dg[t], grad_input=d_ft[t])
        torch.mul(d_ct[t], f_dg[t], out=d_c).addmm_(d_gates[t], W_hh)
        if kept is not None:
            d_c.add_(kept)
    d_x = torch.cat([grads, _d_sigmoid(d_cs * i, g)], -1)
    W_x = _recurrent_first(W_ih, H)
    return Gradients(
        d_x @ W_x if want_x else None,
        (d_h0, d_c),
        (
            _candidate_third(weight_gradient(d_x, x), H),
            weight_gradient(grads, previous),
            None if b_ih is None else _candidate_third(d_x.sum((0, 1)), H),
            bias_gradient(grads, b_hh),
            None,
        ),
    )


def _recurrent_first(rows_ifgo: Tensor, H: int) -> Tensor:
    """Rows i, f, g, o in the order i, f, o, g: the gates that see c' in one block."""
    return torch.cat([rows_ifgo[: 2 * H], rows_ifgo[3 * H :], rows_ifgo[2 * H : 3 * H]])


def _candidate_third(rows_ifog: Tensor, H: int) -> Tensor:
    """Rows i, f, o, g in the order i, f, g, o."""
    return torch.cat([rows_ifog[: 2 * H], rows_ifog[3 * H :], rows_ifog[2 * H : 3 * H]])


def _ends(inputs: Inputs) -> Tensor:
    """The step at which each row ends, [1,B,1]; a row of length zero is given step 0."""
    T, B = inputs.x.shape[:2]
    if inputs.reverse:
        end = torch.zeros(B, dtype=torch.int64, device=inputs.x.device)
    elif inputs.lengths is None:
        end = torch.full((B,), T - 1, device=inputs.x.device)
    else:
        end = inputs.lengths.sub(1).clamp_min(0)
    return end[None, :, None]


def _final_hidden(inputs: Inputs, output: Tensor, h0: Tensor) -> Tensor:
    h = output.gather(0, _ends(inputs).expand(1, *h0.shape))[0]
    return h if inputs.lengths is None else torch.where(inputs.lengths[:, None] > 0, h, h0)


def _hidden_gradient(
    inputs: Inputs, grad_output: Tensor | None, grad_final: Tensor | None, like: Tensor
) -> tuple[Tensor, Tensor]:
    """∂L/∂h for all steps, the final state's share added where each row ends, and ∂L/∂h0."""
    d_h = torch.zeros_like(like) if grad_output is None else grad_output.clone()
    if grad_final is None:
        return d_h, torch.zeros_like(like[0])
    if inputs.lengths is None:
        moved, d_h0 = grad_final, torch.zeros_like(grad_final)
    else:
        empty = inputs.lengths[:, None] == 0
        moved, d_h0 = grad_final.masked_fill(empty, 0), grad_final.masked_fill(~empty, 0)
    return d_h.scatter_add_(0, _ends(inputs).expand(1, *moved.shape), moved[None]), d_h0


FULL_PEEPHOLE = Implementation("eager", _forward, _backward)

"""What the graph cells do between their products: gates of one step, forward and backward, in place.

Equations in `reference/gconv_*.py`. Every tensor is one step's, [B,N,·] or a view of it with features that lie
together; the LSTM's step is done in C where it can be; `live` [B,N,1] says which nodes are there, None all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.kernels import native
from unrolled.kernels.native import lstm_gates
from unrolled.kernels.native.library import Library
from unrolled.kernels.recurrent import asked_path

__all__ = ["gru_candidate", "gru_d_candidate", "gru_d_gates", "gru_gates", "lstm", "lstm_d", "settle"]


def _library(*tensors: Tensor | None) -> Library | None:
    """The native library, where it is there and takes such a step."""
    choice = asked_path()
    return native.loaded(choice) if choice != "torch" and lstm_gates.takes(*tensors) else None


def settle(new: Tensor, old: Tensor, output: Tensor, live: Tensor | None) -> None:
    """The state of each node after the step in `new`, and in `output`, where both have it already, 0 where none is."""
    if live is not None:
        torch.where(live, new, old, out=new)
        output.mul_(live)


def lstm(gates: Tensor, before: Tensor, after: Tensor, h: Tensor, p: Tensor | None) -> None:
    """From the gates' arguments [B,N,4H] and the memory `before` the gates, the memory `after`, and h."""
    library = _library(gates, before, after, h, p)
    if library is not None:
        lstm_gates.forward(library, gates, before, after, h, p)
        return
    i, f, g, o = gates.chunk(4, -1)
    if p is not None:
        p_i, p_f, p_o = p.chunk(3)
        i.addcmul_(before, p_i)
        f.addcmul_(before, p_f)
    i.sigmoid_()
    f.sigmoid_()
    g.tanh_()
    torch.mul(before, f, out=after).addcmul_(g, i)
    if p is not None:
        o.addcmul_(after, p_o)
    o.sigmoid_()
    torch.mul(torch.tanh(after), o, out=h)


def lstm_d(
    gates: Tensor, before: Tensor, after: Tensor, p: Tensor | None, d_h: Tensor, d_c: Tensor, d_gates: Tensor
) -> None:
    """From ∂L/∂h and ∂L/∂c after the step those of the gates' arguments; ∂L/∂c before it in d_c's place."""
    library = _library(gates, before, after, p, d_h, d_c, d_gates)
    if library is not None:
        lstm_gates.backward(library, gates, before, after, p, d_h, d_c, d_gates)
        return
    i, f, g, o = gates.chunk(4, -1)
    d_i, d_f, d_g, d_o = d_gates.chunk(4, -1)
    squashed = torch.tanh(after)
    torch.mul(d_h * squashed, o * (1 - o), out=d_o)
    d_c.add_(d_h * o * (1 - squashed * squashed))
    if p is not None:
        p_i, p_f, p_o = p.chunk(3)
        d_c.addcmul_(d_o, p_o)
    torch.mul(d_c * g, i * (1 - i), out=d_i)
    torch.mul(d_c * before, f * (1 - f), out=d_f)
    torch.mul(d_c * i, 1 - g * g, out=d_g)
    d_c.mul_(f)
    if p is not None:
        d_c.addcmul_(d_i, p_i).addcmul_(d_f, p_f)


def gru_gates(gates: Tensor, before: Tensor, reset: Tensor) -> None:
    """From the arguments of r and u, the first of [B,N,3H], the gates and r ⊙ h' in `reset`."""
    H = before.shape[-1]
    gates[..., : 2 * H].sigmoid_()
    torch.mul(gates[..., :H], before, out=reset)


def gru_candidate(gates: Tensor, before: Tensor, h: Tensor) -> None:
    """From the argument of n, the last of [B,N,3H], n itself and h."""
    _, u, n = gates.chunk(3, -1)
    n.tanh_()
    torch.mul(before - n, u, out=h).add_(n)


def gru_d_candidate(gates: Tensor, before: Tensor, d_h: Tensor, d_gates: Tensor) -> None:
    """From ∂L/∂h those of the arguments of u and n; what reaches h' by u ⊙ h' in d_h's place."""
    _, u, n = gates.chunk(3, -1)
    _, d_u, d_n = d_gates.chunk(3, -1)
    torch.mul(d_h * (before - n), u * (1 - u), out=d_u)
    torch.mul(d_h * (1 - u), 1 - n * n, out=d_n)
    d_h.mul_(u)


def gru_d_gates(gates: Tensor, before: Tensor, d_reset: Tensor, d_h: Tensor, d_gates: Tensor) -> None:
    """From ∂L/∂(r ⊙ h') that of r's argument; what reaches h' is added to d_h."""
    r = gates.chunk(3, -1)[0]
    torch.mul(d_reset * before, r * (1 - r), out=d_gates.chunk(3, -1)[0])
    d_h.addcmul_(d_reset, r)

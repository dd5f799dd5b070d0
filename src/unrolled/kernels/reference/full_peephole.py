"""The course's "peephole LSTM" (report B): full matrices on the memory, and no recurrence of h at all.

    i = σ(W_ii x + b_ii + W_ci c' + b_ci)
    f = σ(W_if x + b_if + W_cf c' + b_cf)
    g = σ(W_ig x + b_ig)
    o = σ(W_io x + b_io + W_co c' + b_co)
    c = g ⊙ i + c' ⊙ f
    h = tanh(c) ⊙ o

All gates see the memory before the step, the candidate sees the input only and is a sigmoid, so that c
never falls below 0 when it starts at 0. h is read out and never read back: the h' of a state matters to a
row of length zero only.

Shapes: x [B,I], c', h, c [B,H]; W_ih [4H,I] and b_ih [4H], rows in the order i, f, g, o; W_hh [3H,H]
(acting on c' in spite of torch's name for it) and b_hh [3H], rows in the order i, f, o.

Source: the course's assignment as report B states it, where b is the one vector b_ih + b_hh. What the
literature calls peepholes (diagonal, beside the recurrence of h) is `peephole`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Cell, HiddenMemory, Weights
from unrolled.kernels.reference.lstm import GATES, Step

__all__ = ["FULL_PEEPHOLE", "Step", "step"]


def step(x: Tensor, state: HiddenMemory, weights: Weights) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    x_i, x_f, x_g, x_o = linear(x, W_ih, b_ih).chunk(4, -1)
    c_i, c_f, c_o = linear(state.memory, W_hh, b_hh).chunk(3, -1)
    i, f, g, o = (
        torch.sigmoid(x_i + c_i),
        torch.sigmoid(x_f + c_f),
        torch.sigmoid(x_g),
        torch.sigmoid(x_o + c_o),
    )
    c = g * i + state.memory * f
    h = torch.tanh(c) * o
    return Step(i, f, g, o, c, h)


FULL_PEEPHOLE = Cell("full-peephole", step, HiddenMemory, GATES, ("input_gate", "forget_gate", "output_gate"))

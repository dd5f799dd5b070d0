"""The long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i = σ(W_ii x + b_ii + W_hi h' + b_hi)
    f = σ(W_if x + b_if + W_hf h' + b_hf)
    g = tanh(W_ig x + b_ig + W_hg h' + b_hg)
    o = σ(W_io x + b_io + W_ho h' + b_ho)
    c = g ⊙ i + c' ⊙ f
    h = tanh(c) ⊙ o

h' and c' are the state before the step. With f = 1 and i = 0 the memory is kept as it is, and so is its
gradient.

Shapes: x [B,I], h', c', h, c [B,H]; W_ih [4H,I], W_hh [4H,H], b_ih and b_hh [4H], rows in the order i, f,
g, o.

Source: Gers, Schmidhuber & Cummins, *Learning to forget*, 2000, in torch.nn.LSTM's form with two bias
vectors; the reports' single b is their sum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Cell, HiddenMemory, Weights

__all__ = ["LSTM", "Step", "step"]

GATES = ("input_gate", "forget_gate", "candidate", "output_gate")


class Step(NamedTuple):
    """Every gate, the candidate and the new state."""

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    memory: Tensor
    hidden: Tensor


def step(x: Tensor, state: HiddenMemory, weights: Weights) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    i, f, g, o = (linear(x, W_ih, b_ih) + linear(state.hidden, W_hh, b_hh)).chunk(4, -1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = g * i + state.memory * f
    h = torch.tanh(c) * o
    return Step(i, f, g, o, c, h)


LSTM = Cell("lstm", step, HiddenMemory, GATES, GATES)

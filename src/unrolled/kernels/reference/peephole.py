"""The LSTM whose gates see the memory through diagonal peepholes (Gers, Schraudolph & Schmidhuber 2002).

    i = σ(W_ii x + b_ii + W_hi h' + b_hi + p_i ⊙ c')
    f = σ(W_if x + b_if + W_hf h' + b_hf + p_f ⊙ c')
    g = tanh(W_ig x + b_ig + W_hg h' + b_hg)
    c = g ⊙ i + c' ⊙ f
    o = σ(W_io x + b_io + W_ho h' + b_ho + p_o ⊙ c)
    h = tanh(c) ⊙ o

The input and forget gates see the memory before the step, the output gate the memory after it. With p = 0
it is the LSTM.

Shapes: x [B,I], h', c', h, c [B,H]; W_ih [4H,I], W_hh [4H,H], b_ih and b_hh [4H], rows in the order i, f,
g, o; p [3H] in the order i, f, o.

Source: *Learning precise timing with LSTM recurrent networks*, JMLR 3, 2002; what ONNX, oneDNN and
TensorFlow call peepholes. Report B's "peephole LSTM" is another cell: see `full_peephole`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Cell, HiddenMemory, Weights
from unrolled.kernels.reference.lstm import GATES, Step

__all__ = ["PEEPHOLE", "Step", "step"]


def step(x: Tensor, state: HiddenMemory, weights: Weights) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b_ih, b_hh, p = weights
    assert p is not None, "a peephole LSTM has a peephole vector"
    p_i, p_f, p_o = p.chunk(3)
    i, f, g, o = (linear(x, W_ih, b_ih) + linear(state.hidden, W_hh, b_hh)).chunk(4, -1)
    i = torch.sigmoid(i + p_i * state.memory)
    f = torch.sigmoid(f + p_f * state.memory)
    g = torch.tanh(g)
    c = g * i + state.memory * f
    o = torch.sigmoid(o + p_o * c)
    h = torch.tanh(c) * o
    return Step(i, f, g, o, c, h)


PEEPHOLE = Cell("peephole", step, HiddenMemory, GATES, GATES, ("input_gate", "forget_gate", "output_gate"))

"""The long short-term memory with graph convolutions for products, with peepholes or without.

    i = σ(W_ii z + b_i + W_hi P h' + p_i ⊙ c')          z = P x
    f = σ(W_if z + b_f + W_hf P h' + p_f ⊙ c')
    g = tanh(W_ig z + b_g + W_hg P h')
    c = g ⊙ i + c' ⊙ f
    o = σ(W_io z + b_o + W_ho P h' + p_o ⊙ c)
    h = tanh(c) ⊙ o

P stands for the filter (`kernels.filters`): W P x is Σ_m W_m P_m x. A node's own memory is never read by another
node. With P = I the nodes do not meet, and it is the peephole LSTM; without p the LSTM.

Shapes: x [B,N,I], h', c', h, c [B,N,H]; W_ih [4H, M·I], W_hh [4H, M·H], b [4H], rows in the order i, f, g, o; p [3H]
in the order i, f, o.

Source: Seo, Defferrard, Vandergheynst & Bresson 2016 (arXiv:1612.07659), model 2, one peephole weight a hidden unit
for all nodes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import HiddenMemory, Weights
from unrolled.kernels.reference.graph_cell import GraphCell, GraphFilter
from unrolled.kernels.reference.lstm import GATES, Step

__all__ = ["GCONV_LSTM", "Step", "step"]


def step(z: Tensor, state: HiddenMemory, weights: Weights, filter: GraphFilter) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b, _, p = weights
    p_i, p_f, p_o = (0.0, 0.0, 0.0) if p is None else p.chunk(3)
    i, f, g, o = (linear(z, W_ih, b) + linear(filter(state.hidden), W_hh)).chunk(4, -1)
    i = torch.sigmoid(i + p_i * state.memory)
    f = torch.sigmoid(f + p_f * state.memory)
    g = torch.tanh(g)
    c = g * i + state.memory * f
    o = torch.sigmoid(o + p_o * c)
    h = torch.tanh(c) * o
    return Step(i, f, g, o, c, h)


GCONV_LSTM = GraphCell("gconv-lstm", step, HiddenMemory, GATES, ("input_gate", "forget_gate", "output_gate"))

"""The vanilla cell with graph convolutions for products.

    h = tanh(W_ih z + b + W_hh P h')        z = P x

P stands for the filter, which puts M terms of a node's neighbourhood beside each other (`kernels.filters`): W P x is
Σ_m W_m P_m x, a graph convolution. With P = I the nodes do not meet and it is the vanilla cell.

Shapes: x [B,N,I], h' and h [B,N,H]; W_ih [H, M·I], W_hh [H, M·H], b [H].

Source: the vanilla form of Seo, Defferrard, Vandergheynst & Bresson 2016 (arXiv:1612.07659).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Hidden, Weights
from unrolled.kernels.reference.graph_cell import GraphCell, GraphFilter

__all__ = ["GCONV_RNN", "Step", "step"]


class Step(NamedTuple):
    """The new state: a vanilla cell has no gates."""

    hidden: Tensor


def step(z: Tensor, state: Hidden, weights: Weights, filter: GraphFilter) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b, _, _ = weights
    return Step(torch.tanh(linear(z, W_ih, b) + linear(filter(state.hidden), W_hh)))


GCONV_RNN = GraphCell("gconv-rnn", step, Hidden, ("hidden",))

"""The vanilla recurrent network (Elman 1990).

    h = φ(W_ih x + b_ih + W_hh h' + b_hh),   φ = tanh or relu

h' is the state before the step. With W_hh = 0 it is a layer of a feed-forward network at each step.

Shapes: x [B,I], h' and h [B,H], W_ih [H,I], W_hh [H,H], b_ih and b_hh [H].

Source: Elman, *Finding structure in time*, 1990, in torch.nn.RNN's form with two bias vectors; report A's
b_h is their sum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Cell, Hidden, Weights

__all__ = ["RELU", "TANH", "Step", "step_relu", "step_tanh"]


class Step(NamedTuple):
    """The new state: a vanilla cell has no gates."""

    hidden: Tensor


def step_tanh(x: Tensor, state: Hidden, weights: Weights) -> Step:
    """H = tanh(W_ih x + b_ih + W_hh h' + b_hh)."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    return Step(torch.tanh(linear(x, W_ih, b_ih) + linear(state.hidden, W_hh, b_hh)))


def step_relu(x: Tensor, state: Hidden, weights: Weights) -> Step:
    """H = max(0, W_ih x + b_ih + W_hh h' + b_hh)."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    return Step(torch.relu(linear(x, W_ih, b_ih) + linear(state.hidden, W_hh, b_hh)))


TANH = Cell("rnn-tanh", step_tanh, Hidden, ("hidden",), ("hidden",))
RELU = Cell("rnn-relu", step_relu, Hidden, ("hidden",), ("hidden",))

"""The gated recurrent unit (Cho et al. 2014), in torch's form and in the course's.

torch's form, the reset gate after the product (ONNX: linear_before_reset = 1):

    r = σ(W_ir x + b_ir + W_hr h' + b_hr)
    z = σ(W_iz x + b_iz + W_hz h' + b_hz)
    n = tanh(W_in x + b_in + r ⊙ (W_hn h' + b_hn))
    h = (1 - z) ⊙ n + z ⊙ h'

The course's form, the reset gate before the product (ONNX: linear_before_reset = 0), and z for 1 - z:

    r = σ(W_ir x + b_ir + W_hr h' + b_hr)
    z = σ(W_iz x + b_iz + W_hz h' + b_hz)
    n = tanh(W_in x + b_in + W_hn (r ⊙ h') + b_hn)
    h = (1 - z) ⊙ h' + z ⊙ n

In torch's form (and ONNX's) z = 1 keeps the state; in the course's z = 1 overwrites it. As σ(-a) = 1 -
σ(a), negating the z rows of all weights takes one meaning of z to the other. The two places of r differ
truly: no change of weights takes one to the other. With r = 1 and b_hn = 0 they agree.

Shapes: x [B,I], h' and h [B,H]; W_ih [3H,I], W_hh [3H,H], b_ih and b_hh [3H], rows in the order r, z, n.

Source: torch.nn.GRU; the course's slides as report B states them (there without biases), which are Cho's
equations.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Cell, Hidden, Weights

__all__ = ["RESET_AFTER", "RESET_BEFORE", "Step", "step_reset_after", "step_reset_before"]

GATES = ("reset_gate", "update_gate", "candidate")


class Step(NamedTuple):
    """Both gates, the candidate and the new state."""

    reset_gate: Tensor
    update_gate: Tensor
    candidate: Tensor
    hidden: Tensor


def step_reset_after(x: Tensor, state: Hidden, weights: Weights) -> Step:
    """One step in torch's form."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    x_r, x_z, x_n = linear(x, W_ih, b_ih).chunk(3, -1)
    h_r, h_z, h_n = linear(state.hidden, W_hh, b_hh).chunk(3, -1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    h = (1 - z) * n + z * state.hidden
    return Step(r, z, n, h)


def step_reset_before(x: Tensor, state: Hidden, weights: Weights) -> Step:
    """One step in the course's form."""
    W_ih, W_hh, b_ih, b_hh, _ = weights
    H = state.hidden.shape[-1]
    x_r, x_z, x_n = linear(x, W_ih, b_ih).chunk(3, -1)
    b_rz, b_n = (None, None) if b_hh is None else (b_hh[: 2 * H], b_hh[2 * H :])
    h_r, h_z = linear(state.hidden, W_hh[: 2 * H], b_rz).chunk(2, -1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + linear(r * state.hidden, W_hh[2 * H :], b_n))
    h = (1 - z) * state.hidden + z * n
    return Step(r, z, n, h)


RESET_AFTER = Cell("gru", step_reset_after, Hidden, GATES, GATES)
RESET_BEFORE = Cell("gru-reset-before", step_reset_before, Hidden, GATES, GATES)

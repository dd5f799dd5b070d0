"""The gated recurrent unit with graph convolutions for products; with the diffusion filter, DCRNN's cell.

    r = σ(W_ir z + b_r + W_hr P h')         z = P x
    u = σ(W_iu z + b_u + W_hu P h')
    n = tanh(W_in z + b_n + W_hn P (r ⊙ h'))
    h = u ⊙ h' + (1 - u) ⊙ n

P stands for the filter (`kernels.filters`): W P x is Σ_m W_m P_m x. The reset gate comes before the convolution, so a
neighbour's reset is heard by all who read it; u = 1 keeps the state, as in torch.nn.GRU. With P = I the nodes do not
meet.

Shapes: x [B,N,I], h' and h [B,N,H]; W_ih [3H, M·I], W_hh [3H, M·H], b [3H], rows in the order r, u, n.

Source: Cho et al. 2014's unit in the form of Li, Yu, Shahabi & Liu 2018 (arXiv:1707.01926), eq. 3; with Chebyshev
filters it is what PyG Temporal calls GConvGRU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.reference.cell import Hidden, Weights
from unrolled.kernels.reference.graph_cell import GraphCell, GraphFilter
from unrolled.kernels.reference.gru import GATES, Step

__all__ = ["GCONV_GRU", "Step", "step"]


def step(z: Tensor, state: Hidden, weights: Weights, filter: GraphFilter) -> Step:
    """One step of the equation above."""
    W_ih, W_hh, b, _, _ = weights
    H = state.hidden.shape[-1]
    z_r, z_u, z_n = linear(z, W_ih, b).chunk(3, -1)
    h_r, h_u = linear(filter(state.hidden), W_hh[: 2 * H]).chunk(2, -1)
    r, u = torch.sigmoid(z_r + h_r), torch.sigmoid(z_u + h_u)
    n = torch.tanh(z_n + linear(filter(r * state.hidden), W_hh[2 * H :]))
    h = u * state.hidden + (1 - u) * n
    return Step(r, u, n, h)


GCONV_GRU = GraphCell("gconv-gru", step, Hidden, GATES)

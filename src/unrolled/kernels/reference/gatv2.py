"""Dynamic graph attention, edge by edge in plain torch: the specification of `unrolled.nn.GATv2Conv`.

    l    = W_l x + b_l,   r = W_r x + b_r
    s_e  = a · LeakyReLU( l_j + r_i + u_e )           e: j→i,  u = W_edge e
    α_e  = exp(s_e) / Σ_{e': ·→i} exp(s_e')
    y_i  = Σ_{e: j→i} α_e l_j

From Brody, Alon & Yahav 2022 (arXiv:2105.14491).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unrolled.kernels.reference.gat import edge_softmax

__all__ = ["gatv2"]


def gatv2(
    left: Tensor,
    right: Tensor,
    senders: Tensor,
    receivers: Tensor,
    a: Tensor,
    negative_slope: float = 0.2,
    u: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """From l and r ``[N, K, C]``: ``y [N, K, C] and α [E, K]``, with a ``[K, C]``, u ``[E, K, C]``."""
    z = left[senders] + right[receivers]
    if u is not None:
        z = z + u
    s = (F.leaky_relu(z, negative_slope) * a).sum(-1)
    alpha = edge_softmax(s, receivers, left.shape[0])
    y = left.new_zeros(left.shape).index_add(0, receivers, alpha.unsqueeze(-1) * left[senders])
    return y, alpha

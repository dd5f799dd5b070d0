"""Graph attention, edge by edge in plain torch: the specification of `unrolled.nn.GATConv`.

    h    = W x                                        one vector a head
    s_e  = LeakyReLU( a_src·h_j + a_dst·h_i + a_edge·u_e )      e: j→i,  u = W_edge e
    α_e  = exp(s_e) / Σ_{e': ·→i} exp(s_e')
    y_i  = Σ_{e: j→i} α_e h_j

Loops are edges like any other.  From Veličković et al. 2018 (arXiv:1710.10903).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["edge_softmax", "gat"]


def edge_softmax(s: Tensor, receivers: Tensor, nodes: int) -> Tensor:
    """``α_e = exp(s_e) / Σ over the edges of the same receiver``: ``[E, K] → [E, K]``."""
    index = receivers.unsqueeze(1).expand_as(s)
    top = s.new_full((nodes, s.shape[1]), -torch.inf).scatter_reduce(0, index, s.detach(), "amax")
    exponential = (s - top[receivers]).exp()
    total = s.new_zeros(nodes, s.shape[1]).index_add(0, receivers, exponential)
    return exponential / total[receivers]


def gat(
    x: Tensor,
    senders: Tensor,
    receivers: Tensor,
    W: Tensor,
    a_src: Tensor,
    a_dst: Tensor,
    negative_slope: float = 0.2,
    u: Tensor | None = None,
    a_edge: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``[N, I] → y [N, K, C] and α [E, K]``; W ``[K·C, I]``, a ``[K, C]``, u ``[E, K, C]``."""
    heads, width = a_src.shape
    h = (x @ W.T).reshape(-1, heads, width)
    s = (h * a_src).sum(-1)[senders] + (h * a_dst).sum(-1)[receivers]
    if u is not None and a_edge is not None:
        s = s + (u * a_edge).sum(-1)
    alpha = edge_softmax(F.leaky_relu(s, negative_slope), receivers, x.shape[0])
    y = h.new_zeros(h.shape).index_add(0, receivers, alpha.unsqueeze(-1) * h[senders])
    return y, alpha

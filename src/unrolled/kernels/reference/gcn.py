"""Graph convolution, edge by edge in plain torch: the specification of `unrolled.nn.GCNConv`.

    y_i = Σ_{e: j→i} d_j^-1/2 w_e d_i^-1/2 · W x_j + b,    d_i = Σ_{e: j→i} w_e    (0^-1/2 is 0)

A node's own loop is an edge like any other.  From Kipf & Welling 2017 (arXiv:1609.02907).
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["gcn"]


def gcn(x: Tensor, senders: Tensor, receivers: Tensor, weights: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """``[N, I] → [N, O]``; weights ``[E]``, W ``[O, I]``, b ``[O]``."""
    d = weights.new_zeros(x.shape[0]).index_add(0, receivers, weights)
    s = d.clamp(min=0).where(d > 0, d.new_ones(())).rsqrt().where(d > 0, d.new_zeros(()))
    norm = s[senders] * weights * s[receivers]
    h = x @ W.T
    y = h.new_zeros(h.shape).index_add(0, receivers, norm.unsqueeze(1) * h[senders])
    return y if b is None else y + b

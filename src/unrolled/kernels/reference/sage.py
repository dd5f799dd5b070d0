"""GraphSAGE, edge by edge in plain torch: the specification of `unrolled.nn.SAGEConv`.

    y_i = W_l AGG_{j→i} x_j + b + W_r x_i,    AGG a sum, a mean or a maximum; 0 where nothing arrives

From Hamilton, Ying & Leskovec 2017 (arXiv:1706.02216).
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["sage"]


def sage(
    x: Tensor,
    senders: Tensor,
    receivers: Tensor,
    W_l: Tensor,
    b: Tensor | None = None,
    W_r: Tensor | None = None,
    aggregation: str = "mean",
) -> Tensor:
    """``[N, I] → [N, O]``; W ``[O, I]``, b ``[O]``; aggregation ``sum``, ``mean`` or ``max``."""
    nodes = x.shape[0]
    if aggregation == "max":
        index = receivers.unsqueeze(1).expand(-1, x.shape[1])
        m = torch.full_like(x, -torch.inf).scatter_reduce(0, index, x[senders], "amax")
        m = m.where(m.isfinite(), x.new_zeros(()))
    else:
        m = torch.zeros_like(x).index_add(0, receivers, x[senders])
        if aggregation == "mean":
            m = m / torch.bincount(receivers, minlength=nodes).clamp(min=1).to(x.dtype).unsqueeze(1)
    y = m @ W_l.T
    if b is not None:
        y = y + b
    return y if W_r is None else y + x @ W_r.T

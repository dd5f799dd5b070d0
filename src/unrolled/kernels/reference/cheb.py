"""Chebyshev filters in plain torch, with a dense Laplacian: the specification of `unrolled.nn.ChebConv`.

    Y = Σ_{k<K} Z_k W_kᵀ + b,    Z_0 = X,  Z_1 = L̂ X,  Z_k = 2 L̂ Z_{k-1} - Z_{k-2},    L̂ = 2 L / λ_max - I

A[i,j] is the weight of j→i, without loops; D_j = Σ_i A[i,j] is what j sends.  From Defferrard, Bresson &
Vandergheynst 2016 (arXiv:1606.09375).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["cheb", "dense_laplacian"]


def dense_laplacian(A: Tensor, normalisation: str) -> Tensor:
    """L ``[N, N]`` of A without its diagonal: ``none`` D - A, ``random-walk`` I - A D⁻¹, ``symmetric``."""
    A = A - torch.diag(torch.diagonal(A))
    d = A.sum(0)
    if normalisation == "none":
        return torch.diag(d) - A
    power = -0.5 if normalisation == "symmetric" else -1.0
    s = torch.where(d > 0, d.clamp(min=1e-300) ** power, torch.zeros_like(d))
    scaled = s.unsqueeze(1) * A * s if normalisation == "symmetric" else A * s
    return torch.eye(len(A), dtype=A.dtype) - scaled


def cheb(x: Tensor, L: Tensor, lambda_max: Tensor | float, W: Sequence[Tensor], b: Tensor | None = None) -> Tensor:
    """``[N, I] → [N, O]``; L ``[N, N]``, each W ``[O, I]``, b ``[O]``."""
    scaled = 2.0 * L / lambda_max - torch.eye(len(L), dtype=L.dtype)
    z = [x]
    for k in range(1, len(W)):
        z.append(scaled @ x if k == 1 else 2.0 * scaled @ z[-1] - z[-2])
    y = torch.stack([z_k @ W_k.T for z_k, W_k in zip(z, W, strict=True)]).sum(0)
    return y if b is None else y + b

"""Bodies laid upon one another: the rotation that brings points nearest to others."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["centred", "rotation_onto"]


def centred(points: Tensor) -> Tensor:
    """Points ``[…, N, 3]`` about their mean."""
    return points - points.mean(-2, keepdim=True)


def rotation_onto(points: Tensor, target: Tensor) -> Tensor:
    """The rotation R, never a reflection, that makes ``Σ_n |p_n R − q_n|²`` least::

        Pᵀ Q = U S Vᵀ,   R = U diag(1, 1, det(U Vᵀ)) Vᵀ

    ``[…, N, 3]`` and ``[…, N, 3]``, both centred → ``[…, 3, 3]`` in float64. Source: Kabsch 1976.

    Args:
        points: P.
        target: Q.
    """
    u, _, vt = torch.linalg.svd(points.double().mT @ target.double())
    sign = torch.linalg.det(u @ vt).sign()
    flip = torch.ones(*sign.shape, 3, dtype=torch.float64)
    flip[..., 2] = sign
    rotation: Tensor = (u * flip.unsqueeze(-2)) @ vt
    return rotation

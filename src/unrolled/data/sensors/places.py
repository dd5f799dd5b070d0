"""From distances to a graph: a thresholded Gaussian kernel of roads, the nearest neighbours of places on the globe."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["NEAREST", "THRESHOLD", "gaussian_weights", "great_circle_km", "nearest_graph"]

NEAREST: Final = 5
"""Neighbours of each place."""

THRESHOLD: Final = 0.1
"""Weights below it are no edges (Li et al. 2018)."""

_EARTH_KM: Final = 6371.0088
_SAME_PLACE_KM: Final = 1e-3


def gaussian_weights(distances: Tensor) -> Tensor:
    """``w = exp(−d²/σ²)``, σ the standard deviation of the distances given; 1 at no distance.

    As Li et al. 2018 (DCRNN) weigh roads, after Shuman et al. 2013.

    Args:
        distances: ``[E]``, 0 or more, in any one unit.

    Raises:
        InputError: a distance that is negative or no number.
    """
    if not torch.isfinite(distances).all() or (distances < 0).any():
        raise InputError("a distance is negative or no number: 0 or more, in one unit, would do")
    spread = distances.double().std(correction=0) if len(distances) > 1 else distances.double().sum()
    if not spread > 0:
        spread = distances.double().mean().clamp(min=torch.finfo(torch.float64).tiny)
    return torch.exp(-((distances.double() / spread) ** 2)).float()


def great_circle_km(latitude: Tensor, longitude: Tensor) -> Tensor:
    """``[N, N]`` kilometres between places in degrees, by the haversine: exact where places are close."""
    phi, theta = latitude.double().deg2rad(), longitude.double().deg2rad()
    across = torch.sin((phi[:, None] - phi) / 2) ** 2
    along = torch.sin((theta[:, None] - theta) / 2) ** 2
    half = (across + torch.cos(phi)[:, None] * torch.cos(phi) * along).clamp(max=1.0)
    return 2 * _EARTH_KM * half.sqrt().asin()


def nearest_graph(latitude: Tensor, longitude: Tensor, names: Sequence[Hashable], nearest: int = NEAREST) -> Graph:
    """Each place joined to its nearest ones, both ways, with ``w_ij = exp(−(d_ij / max(s_i, s_j))²)``.

    s_i is the distance from i to the last of its nearest, so that weights are from 1/e to 1 and a place far out is
    joined as well as those in the middle.  An edge is there where either end counts the other among its nearest.

    Args:
        latitude: ``[N]`` degrees.
        longitude: ``[N]`` degrees.
        names: what the places are called.
        nearest: neighbours of each; fewer places than that are all joined.

    Raises:
        InputError: degrees that are none.
    """
    if not torch.isfinite(latitude + longitude).all() or (latitude.abs() > 90).any():
        raise InputError("a latitude or longitude is no number of degrees")
    count = len(names)
    apart = great_circle_km(latitude, longitude)
    apart.fill_diagonal_(torch.inf)
    distances, places = apart.topk(min(nearest, count - 1), largest=False)
    chosen = torch.zeros(count, count, dtype=torch.bool).scatter_(1, places, value=True)
    senders, receivers = (chosen | chosen.T).nonzero().unbind(1)
    scale = distances[:, -1:].flatten().clamp(min=_SAME_PLACE_KM)
    between = apart[senders, receivers]
    weights = torch.exp(-((between / torch.maximum(scale[senders], scale[receivers])) ** 2)).float()
    return Graph(senders, receivers, count, edge_weight=weights, names=tuple(names))

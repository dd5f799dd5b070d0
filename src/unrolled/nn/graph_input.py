"""The one door of the graph layers: what a layer was called with, as a `Graph` that fits its features.

A layer takes a `Graph`, an edge_index ``[2, E]`` (row 0 sends, row 1 receives) or a sparse torch matrix
whose rows receive (PyG's ``adj_t``).  An edge_index is sorted once: the graph made of it is found again by
`graph_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph, graph_of
from unrolled.kernels import autocast

__all__ = ["check_features", "fitted", "glorot", "refuse"]

_ALLOWED: Mapping[str, tuple[object, ...]] = {
    "flow": ("source_to_target",),
    "aggr": ("add", "sum"),
    "node_dim": (-2, 0),
    "decomposed_layers": (1,),
}


def refuse(layer: str, options: Mapping[str, Any]) -> None:
    """PyG's further arguments: at their defaults they are taken, otherwise refused.

    Raises:
        InputError: an option that is not offered.
    """
    for name, value in options.items():
        if name not in _ALLOWED:
            raise InputError(f"{layer} has no argument {name!r}")
        if value not in _ALLOWED[name]:
            raise InputError(f"{layer} offers {name}={_ALLOWED[name][0]!r} only, not {value!r}")


def check_channels(layer: str, **sizes: Any) -> None:
    """Numbers of channels, heads and the like.

    Raises:
        InputError: not a whole number above 0, PyG's pairs and -1 among them.
    """
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise InputError(f"{layer}: {name}={size!r}; one whole number of 1 or more would do")


def check_features(x: Any, channels: int, like: Tensor | None = None) -> None:
    """Features ``[…, N, channels]``, of the dtype of the weights `like`.

    Raises:
        InputError: no tensor (PyG's pair for two kinds of nodes among them), not floating point, or another dtype.
        ShapeError: other channels.
    """
    if not isinstance(x, Tensor):
        raise InputError(f"x is a {type(x).__name__}; one tensor [N, {channels}] would do (no pair of node kinds)")
    if x.dim() < 2 or x.shape[-1] != channels:
        raise ShapeError(f"x {tuple(x.shape)}; [N, {channels}] would do, or [B, N, {channels}]")
    if not x.is_floating_point():
        raise InputError(f"x has dtype {str(x.dtype).removeprefix('torch.')}; features are floating point")
    if like is not None and x.dtype != like.dtype and not autocast.is_on(x.device):
        raise InputError(f"x is {x.dtype} but the weights are {like.dtype}; x.to({like.dtype}) would do")


def fitted(x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Graph:
    """The graph a layer was called with, for features ``[…, N, F]``.

    Args:
        x: the features.
        edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix.
        edge_weight: ``[E]``, instead of the graph's own.

    Raises:
        ShapeError: a graph of another number of nodes, or weights of another number of edges.
        InputError: edges that are none.
    """
    if edge_weight is not None and not isinstance(edge_weight, Tensor):
        raise InputError(f"edge_weight is a {type(edge_weight).__name__}; a tensor [E] would do")
    nodes = x.shape[-2]
    graph = edge_index if isinstance(edge_index, Graph) else graph_of(edge_index, nodes)
    if graph.num_nodes != nodes:
        raise ShapeError(f"x {tuple(x.shape)} has {nodes} nodes, the graph {graph.num_nodes}")
    if graph.device != x.device:
        raise InputError(f"x is on {x.device}, the graph on {graph.device}; graph.to({str(x.device)!r}) would do")
    return graph if edge_weight is None else graph.with_edge_weight(edge_weight)


def glorot(*weights: Tensor | None) -> None:
    """Fill in place from U(-a, a), a = √(6 / (rows + columns)) of the last two axes."""
    for weight in weights:
        if weight is not None:
            bound = (6.0 / (weight.shape[-2] + weight.shape[-1])) ** 0.5
            nn.init.uniform_(weight, -bound, bound)


def new_bias(size: int, wanted: bool) -> nn.Parameter | None:
    """A bias of zeros, or none."""
    return nn.Parameter(torch.zeros(size)) if wanted else None

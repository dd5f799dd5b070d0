"""What `GATConv` and `GATv2Conv` share: loops and their edge features, batches, and how heads become an
output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels import segments

__all__ = [
    *("AttentionObservation", "EdgeFill", "by_head", "checked_edge_features", "checked_share"),
    *("in_edge_order", "looped_features", "merged", "seed_of"),
]

EdgeFill = float | Tensor | str
_FILLS = {"mean": segments.mean, "add": segments.total, "sum": segments.total, "max": segments.maximum}


@dataclass(frozen=True, eq=False)
class AttentionObservation:
    """What an attention layer looked at.

    Args:
        output: what calling the layer returns.
        graph: the graph the layer saw, with the self loops it added; its edges are attention's.
        attention: ``[…, E, K]``: how much of each edge's message each head took; adds up to one at each
            receiver.
    """

    output: Tensor
    graph: Graph
    attention: Tensor


def looped_features(graph: Graph, way: str, features: Tensor | None, fill: EdgeFill) -> Tensor | None:
    """Edge features ``[E, D]`` of ``graph`` after its loops were treated: new loops get what ``fill`` says.

    Args:
        graph: as given.
        way: what is done about loops, of `unrolled.graph.SELF_LOOPS`.
        features: ``[E, D]``, or None.
        fill: a number or ``[D]``, or ``mean``, ``add`` or ``max`` of the features each node receives.

    Raises:
        UnknownName: no such fill.
    """
    rewiring = graph.structure.rewired(way)
    if features is None or rewiring.structure is None:
        return features
    kept = features if rewiring.kept is None else features[rewiring.kept]
    if isinstance(fill, str):
        if fill not in _FILLS:
            raise UnknownName("fill_value", fill, _FILLS)
        pattern = graph.with_self_loops("remove").structure.pattern
        received = _FILLS[fill](pattern, kept.index_select(0, pattern.order))
        loops = received[rewiring.added]
    else:
        value = torch.as_tensor(fill, dtype=features.dtype, device=features.device)
        loops = value.expand(rewiring.added.numel(), *features.shape[1:])
    return torch.cat([kept, loops])


def checked_edge_features(graph: Graph, edge_attr: Tensor | None, edge_dim: int | None) -> Tensor | None:
    """``[E, D]``: what was given, or what the graph carries, or None where the layer reads no edges.

    Raises:
        InputError: features for a layer that reads none, or no tensor.
        ShapeError: other than ``[E, D]``.
    """
    if edge_dim is None:
        if edge_attr is not None:
            raise InputError("edge_attr for a layer made without edge_dim; edge_dim=… would do")
        return None
    features = graph.edge_features if edge_attr is None else edge_attr
    if features is None:
        return None
    if not isinstance(features, Tensor):
        raise InputError(f"edge_attr is a {type(features).__name__}; a tensor [{graph.num_edges}, {edge_dim}] would do")
    if features.dim() == 1:
        features = features.unsqueeze(1)
    if features.shape != (graph.num_edges, edge_dim):
        raise ShapeError(f"edge_attr {tuple(features.shape)}; [{graph.num_edges}, {edge_dim}] would do")
    return features


def by_head(h: Tensor, heads: int) -> Tensor:
    """``[…, N, K·C] → [B, N, K, C]``, every leading axis in B."""
    return h.reshape(h.shape[:-2].numel(), h.shape[-2], heads, h.shape[-1] // heads)


def merged(y: Tensor, lead: torch.Size, concat: bool) -> Tensor:
    """``[B, N, K, C] → […, N, K·C]``, or ``[…, N, C]``, the mean over heads."""
    heads = y.flatten(2) if concat else y.mean(2)
    return heads.reshape(*lead, *heads.shape[1:])


def in_edge_order(graph: Graph, attention: Tensor, lead: torch.Size, heads: int) -> Tensor:
    """Attention ``[E, …·K]`` in the pattern's order as ``[…, E, K]`` in the graph's."""
    order = graph.structure.pattern.order.long()
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel(), device=order.device)
    return attention.index_select(0, place).reshape(order.numel(), *lead, heads).movedim(0, -2)


def checked_share(dropout: float) -> float:
    """A dropout that is a share.

    Raises:
        InputError: it is outside 0…1.
    """
    if not 0.0 <= dropout <= 1.0:
        raise InputError(f"dropout={dropout}: the share of attention to drop, from 0 to 1, would do")
    return dropout


def seed_of(dropout: float) -> int:
    """A seed for what is dropped, from torch's generator where anything is."""
    return int(torch.randint(2**62, ())) if dropout > 0.0 else 0

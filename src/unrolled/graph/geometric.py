"""torch_geometric's ``Data`` and ``Batch``, by what they look like; torch_geometric is imported only to
write one.

``x`` ↔ node_features, ``edge_attr`` ↔ edge_features, ``edge_weight``, ``y`` ↔ labels (where it is one a
node), ``train_mask``, ``val_mask``, ``test_mask`` ↔ masks train, validation, test, and a batch's ``batch``
↔ membership.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph.formats import read_torch

if TYPE_CHECKING:
    from unrolled.graph.value import Graph

__all__ = ["read", "write"]

_MASKS = {"train_mask": "train", "val_mask": "validation", "test_mask": "test"}


def _edges(data: Any) -> dict[str, Any]:
    edge_index = getattr(data, "edge_index", None)
    if isinstance(edge_index, Tensor):
        return {
            "senders": edge_index[0].contiguous(),
            "receivers": edge_index[1].contiguous(),
            "edge_weight": getattr(data, "edge_weight", None),
            "edge_features": getattr(data, "edge_attr", None),
        }
    adjacency = getattr(data, "adj_t", None)
    if isinstance(adjacency, Tensor):
        return read_torch(adjacency, rows="receivers")
    raise InputError(f"a {type(data).__name__} without edge_index [2, E] (or a torch sparse adj_t) is no graph")


def read(data: Any) -> dict[str, Any]:
    """A graph's fields from a ``Data``, a ``Batch``, or anything with their attributes.

    Raises:
        InputError: it has no edges to read.
    """
    found = _edges(data)
    nodes = getattr(data, "num_nodes", None)
    features = getattr(data, "x", None)
    if nodes is None:
        nodes = (
            len(features) if features is not None else int(max(map(max, (found["senders"], found["receivers"])))) + 1
        )
    labels = getattr(data, "y", None)
    membership = getattr(data, "batch", None)
    return {
        **found,
        "num_nodes": int(nodes),
        "node_features": features,
        "labels": labels if isinstance(labels, Tensor) and labels.dim() and len(labels) == nodes else None,
        "masks": {
            name: getattr(data, theirs)
            for theirs, name in _MASKS.items()
            if isinstance(getattr(data, theirs, None), Tensor)
        },
        "membership": membership,
        "num_graphs": int(getattr(data, "num_graphs", 1)) if membership is not None else 1,
    }


def write(graph: Graph) -> Any:
    """A torch_geometric ``Data`` with what the graph carries."""
    from torch_geometric.data import Data

    carried = {
        "x": graph.node_features,
        "edge_attr": graph.edge_features,
        "edge_weight": graph.edge_weight,
        "y": graph.labels,
        "batch": graph.membership,
    }
    carried |= {theirs: graph.masks.get(name) for theirs, name in _MASKS.items()}
    given = {name: value for name, value in carried.items() if value is not None}
    return Data(edge_index=graph.edge_index, num_nodes=graph.num_nodes, **given)

"""The graph of an edge_index that was seen before, so that a layer called with a plain tensor sorts it once.

An entry lives as long as the tensor it was made for, and is used only while that tensor still holds the
same edges: they are compared, which costs a thousandth of a sort, so a tensor changed in place is never
answered wrongly.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor

from unrolled.graph.value import Graph
from unrolled.kernels.modes import lasting

__all__ = ["graph_of"]

_SEEN: dict[int, tuple[weakref.ref[Tensor], Graph]] = {}


def graph_of(edge_index: Any, num_nodes: int) -> Graph:
    """The graph of ``edge_index`` on ``num_nodes`` nodes, made once for each tensor.

    Args:
        edge_index: ``[2, E]``, or a sparse torch matrix whose rows receive (PyG's ``adj_t``).
        num_nodes: N.

    Raises:
        InputError, ShapeError: as `Graph.from_edge_index`.
    """
    if not isinstance(edge_index, Tensor):
        return Graph.from_edge_index(edge_index, num_nodes=num_nodes)
    if edge_index.layout != torch.strided:
        return Graph.from_torch_sparse(edge_index, rows="receivers")
    found = _SEEN.get(id(edge_index))
    if found is not None:
        tensor, graph = found
        if tensor() is edge_index and graph.num_nodes == num_nodes and _unchanged(edge_index, graph):
            return graph
    graph = lasting(lambda: Graph.from_edge_index(edge_index.clone(), num_nodes=num_nodes))()
    key = id(edge_index)
    _SEEN[key] = (weakref.ref(edge_index, lambda _: _SEEN.pop(key, None)), graph)
    return graph


def _unchanged(edge_index: Tensor, graph: Graph) -> bool:
    return (
        edge_index.shape == (2, graph.num_edges)
        and edge_index.dtype == torch.long
        and edge_index.device == graph.device
        and torch.equal(edge_index[0], graph.senders)
        and torch.equal(edge_index[1], graph.receivers)
    )

"""Graphs made from a graph: other self loops, both directions, a part; each as the fields that change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.graph.checks import check_nodes, node_numbers

if TYPE_CHECKING:
    from unrolled.graph.value import Column, Graph

__all__ = ["among", "chosen", "self_loops", "subgraph", "undirected"]


def chosen(column: Column, index: Tensor) -> Column:
    """The entries of a column at ``index``, in that order."""
    if isinstance(column, Tensor):
        return column[index]
    return tuple(column[place] for place in index.tolist())


def _edges(graph: Graph, edges: Tensor) -> dict[str, Any]:
    """What the edges of these numbers carry."""
    return {
        "edge_weight": None if graph.edge_weight is None else graph.edge_weight[edges],
        "edge_features": None if graph.edge_features is None else graph.edge_features[edges],
        "edge_columns": {name: chosen(column, edges) for name, column in graph.edge_columns.items()},
    }


def self_loops(graph: Graph, way: str, fill: float) -> Mapping[str, Any]:
    """Other self loops: kept edges in their order, then the new loops by node.

    Features and columns of edges are left out where loops are added: a loop has none.
    """
    rewiring = graph.structure.rewired(way)
    if rewiring.structure is None:
        if way == "remove" and graph.drawn is not None and bool(graph.drawn.looped.any()):  # none of its loops drawn
            return {"drawn": graph.drawn.rewired(rewiring, way, fill), "structure": None}
        return {}
    kept, loops = rewiring.kept, rewiring.added.numel()
    carried = {} if kept is None else _edges(graph, kept)
    if loops > 0:
        carried |= {"edge_features": None, "edge_columns": {}}
        if graph.edge_weight is not None or fill != 1.0:
            old = graph.weights() if kept is None else graph.weights()[kept]
            carried["edge_weight"] = torch.cat([old, old.new_full((loops,), fill)])
    if graph.drawn is not None:
        carried["drawn"] = graph.drawn.rewired(rewiring, way, fill)
    structure = rewiring.structure
    return {"senders": structure.senders, "receivers": structure.receivers, "structure": structure, **carried}


def among(graph: Graph, present: Tensor) -> Mapping[str, Any]:
    """The edges between nodes that are present; nodes stay as they are.

    Raises:
        ShapeError: not one boolean a node.
    """
    if present.shape != (graph.num_nodes,) or present.dtype != torch.bool:
        raise ShapeError(f"present {tuple(present.shape)} {present.dtype}; [{graph.num_nodes}] torch.bool would do")
    kept = present[graph.senders] & present[graph.receivers]
    if bool(kept.all()):
        return {}
    edges = kept.nonzero().squeeze(1)
    return {"senders": graph.senders[edges], "receivers": graph.receivers[edges], **_edges(graph, edges)}


def undirected(graph: Graph) -> Mapping[str, Any]:
    """Every edge, then the reverse of every edge that is no loop; what edges carry is copied to the
    reverse.
    """
    back = (~graph.structure.loops).nonzero().squeeze(1)
    both = torch.cat([torch.arange(graph.num_edges, device=graph.device), back])
    return {
        "drawn": None,
        "senders": torch.cat([graph.senders, graph.receivers[back]]),
        "receivers": torch.cat([graph.receivers, graph.senders[back]]),
        **_edges(graph, both),
    }


def _received(graph: Graph, nodes: Tensor) -> Tensor:
    """The numbers of all edges that end at ``nodes``, found along the compressed rows."""
    pattern = graph.structure.pattern
    start = pattern.pointer[nodes].long()
    degree = pattern.pointer[nodes + 1].long() - start
    total = int(degree.sum())
    shift = (start - (torch.cumsum(degree, 0) - degree)).repeat_interleave(degree, output_size=total)
    return pattern.order[torch.arange(total, device=graph.device) + shift].long()


def subgraph(graph: Graph, nodes: Tensor | Sequence[int]) -> Mapping[str, Any]:
    """The nodes given, in that order, and the edges among them, in theirs.

    Raises:
        InputError: a node that is not there, or twice.
    """
    part = node_numbers(nodes, "nodes").to(graph.device)
    check_nodes(part, part, graph.num_nodes)
    place = torch.full((graph.num_nodes,), -1, dtype=torch.long, device=graph.device)
    place[part] = torch.arange(part.numel(), device=graph.device)
    if int((place >= 0).sum()) != part.numel():
        raise InputError("a subgraph's nodes must differ; one was given twice")
    edges = _received(graph, part)
    edges = edges[place[graph.senders[edges]] >= 0].sort()[0]
    return {
        "drawn": None,
        "senders": place[graph.senders[edges]],
        "receivers": place[graph.receivers[edges]],
        "num_nodes": part.numel(),
        "node_features": None if graph.node_features is None else graph.node_features[part],
        "labels": None if graph.labels is None else graph.labels[part],
        "masks": {name: mask[part] for name, mask in graph.masks.items()},
        "names": None if graph.names is None else tuple(graph.names[node] for node in part.tolist()),
        "node_columns": {name: chosen(column, part) for name, column in graph.node_columns.items()},
        "membership": None if graph.membership is None else graph.membership[part],
        **_edges(graph, edges),
    }

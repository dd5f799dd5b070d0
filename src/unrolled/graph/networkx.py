"""Graphs of networkx, read and written: any node names, every attribute, and no import of networkx to read.

Reading keeps networkx's node order.  An undirected edge becomes two directed ones, a loop stays one.  An
attribute that every node (or edge) has as a number, or as equally long lists of numbers, becomes a tensor;
any other becomes a tuple, with None where it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError

if TYPE_CHECKING:
    from unrolled.graph.value import Column, Graph

__all__ = ["read", "write"]


def _column(values: list[Any]) -> Column:
    """Numbers as a tensor, anything else as a tuple."""
    plain = [bool, int, float, np.generic, np.ndarray, list, tuple, Tensor]
    if all(isinstance(value, tuple(plain)) for value in values):
        try:
            array = np.asarray([value.numpy() if isinstance(value, Tensor) else value for value in values])
        except (ValueError, OverflowError):
            return tuple(values)
        if array.dtype.kind in "biuf":
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor
    return tuple(values)


def _columns(records: Sequence[dict[str, Any]]) -> dict[str, Column]:
    names: dict[str, None] = {}
    for record in records:
        if record:
            names.update(dict.fromkeys(record))
    return {str(name): _column([record.get(name) for record in records]) for name in names}


def read(graph: Any, *, weight: str | None) -> dict[str, Any]:
    """A graph's fields from a networkx graph of any kind.

    Args:
        graph: Graph, DiGraph, MultiGraph or MultiDiGraph.
        weight: the edge attribute that becomes the edge weight, if edges have it; None for none.

    Raises:
        InputError: it is no networkx graph, or only some edges have a weight that is a number.
    """
    if not (hasattr(graph, "nodes") and hasattr(graph, "edges") and hasattr(graph, "is_directed")):
        raise InputError(f"a {type(graph).__name__} is no networkx graph")
    names = tuple(graph.nodes)
    number = {name: place for place, name in enumerate(names)}
    triples = list(graph.edges(data=True))
    senders = torch.tensor([number[a] for a, _, _ in triples], dtype=torch.long)
    receivers = torch.tensor([number[b] for _, b, _ in triples], dtype=torch.long)
    edge_columns = _columns([record for _, _, record in triples])
    edge_weight = edge_columns.pop(weight, None) if weight is not None else None
    if edge_weight is not None and not isinstance(edge_weight, Tensor):
        raise InputError(f"edge attribute {weight!r} is not a number on every edge; weight=None would leave it be")
    if edge_weight is not None and not edge_weight.is_floating_point():
        edge_weight = edge_weight.to(torch.get_default_dtype())
    if not graph.is_directed():
        back = (senders != receivers).nonzero().squeeze(1)
        both = torch.cat([torch.arange(len(triples)), back])
        senders, receivers = torch.cat([senders, receivers[back]]), torch.cat([receivers, senders[back]])
        edge_columns = {name: _twice(column, both) for name, column in edge_columns.items()}
        edge_weight = None if edge_weight is None else edge_weight[both]
    return {
        "senders": senders,
        "receivers": receivers,
        "num_nodes": len(names),
        "edge_weight": edge_weight,
        "names": names,
        "node_columns": _columns([record for _, record in graph.nodes(data=True)]),
        "edge_columns": edge_columns,
    }


def _twice(column: Column, both: Tensor) -> Column:
    return column[both] if isinstance(column, Tensor) else tuple(column[place] for place in both.tolist())


def _records(columns: dict[str, Column], count: int) -> Iterable[dict[str, Any]]:
    lists = {name: column.tolist() if isinstance(column, Tensor) else column for name, column in columns.items()}
    return ({name: values[place] for name, values in lists.items()} for place in range(count))


def write(graph: Graph) -> Any:
    """A networkx ``DiGraph``, or ``MultiDiGraph`` where nodes have several edges between them.

    Features, labels and masks go under the names they have in a `Graph` (``features``, ``label``, masks by
    name).
    """
    import networkx

    several = torch.unique(graph.edge_index, dim=1).shape[1] < graph.num_edges
    made = networkx.MultiDiGraph() if several else networkx.DiGraph()
    nodes: dict[str, Column] = dict(graph.node_columns) | dict(graph.masks)
    for name, value in (("features", graph.node_features), ("label", graph.labels)):
        if value is not None:
            nodes[name] = value
    edges: dict[str, Column] = dict(graph.edge_columns)
    for name, value in (("features", graph.edge_features), ("weight", graph.edge_weight)):
        if value is not None:
            edges[name] = value.detach()
    names = graph.names or tuple(range(graph.num_nodes))
    made.add_nodes_from(zip(names, _records(nodes, graph.num_nodes), strict=True))
    pairs = zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True)
    records = _records(edges, graph.num_edges)
    made.add_edges_from((names[a], names[b], record) for (a, b), record in zip(pairs, records, strict=True))
    return made

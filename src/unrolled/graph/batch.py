"""Many small graphs as one: nodes are numbered on, no edge joins two of them, and every layer takes it as
it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph.structure import Structure
from unrolled.graph.value import Graph

__all__ = ["batch", "side_by_side", "unbatch"]


def _joined(parts: Sequence[Tensor | None], what: str) -> Tensor | None:
    given = [part for part in parts if part is not None]
    if given and len(given) != len(parts):
        raise InputError(f"{len(given)} of {len(parts)} graphs have {what}; all or none would do")
    return torch.cat(given) if given else None


def batch(graphs: Sequence[Graph]) -> Graph:
    """The graphs side by side: a block-diagonal adjacency, with ``membership`` saying which node is whose.

    Weights are joined where any graph has them (ones for the others); features, labels and masks must be
    there in every graph or in none.  Names and columns are left out.  Matrices are put together from the
    graphs' own, which are kept there: nothing is sorted or normalised twice.

    Raises:
        InputError: no graphs, or something that only some of them carry.
    """
    masks = {name for graph in graphs for name in graph.masks}
    joined_masks = {name: _joined([graph.masks.get(name) for graph in graphs], f"a mask {name!r}") for name in masks}
    return _side_by_side(
        graphs,
        node_features=_joined([graph.node_features for graph in graphs], "node_features"),
        labels=_joined([graph.labels for graph in graphs], "labels"),
        masks={name: mask for name, mask in joined_masks.items() if mask is not None},
    )


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """The same with edges, their weights and features alone; batches among the graphs are taken apart again.

    Raises:
        InputError: no graphs, or edge features that only some of them carry.
    """
    return _side_by_side([part for graph in graphs for part in graph.parts or (graph,)])


def _side_by_side(graphs: Sequence[Graph], **carried: Any) -> Graph:
    if not graphs:
        raise InputError("a batch of no graphs; one or more would do")
    device = graphs[0].device
    sizes = torch.tensor([graph.num_nodes for graph in graphs])
    edges = torch.tensor([graph.num_edges for graph in graphs])
    start = (torch.cumsum(sizes, 0) - sizes).repeat_interleave(edges).to(device)
    senders = torch.cat([graph.senders for graph in graphs]) + start
    receivers = torch.cat([graph.receivers for graph in graphs]) + start
    weighted = any(graph.edge_weight is not None for graph in graphs)
    joined = Graph(
        senders,
        receivers,
        int(sizes.sum()),
        edge_weight=torch.cat([graph.weights() for graph in graphs]) if weighted else None,
        edge_features=_joined([graph.edge_features for graph in graphs], "edge_features"),
        membership=torch.repeat_interleave(torch.arange(len(graphs)), sizes).to(device),
        num_graphs=len(graphs),
        structure=Structure(senders, receivers, int(sizes.sum()), parts=tuple(graph.structure for graph in graphs)),
        **carried,
    )
    object.__setattr__(joined, "parts", tuple(graphs))
    return joined


def unbatch(graph: Graph) -> list[Graph]:
    """The graphs that a batch was made of, in their order; a graph that is no batch is its only one."""
    if graph.membership is None:
        return [graph]
    from dataclasses import replace

    whole = replace(graph, membership=None, num_graphs=1)
    return [whole.subgraph((graph.membership == number).nonzero().squeeze(1)) for number in range(graph.num_graphs)]

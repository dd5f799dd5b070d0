"""Reach over a graph: how many hops away a node still hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from unrolled.analysis.reach.influence import Norm, Sample, draw_probes, pulled_back, require_finite, summarise
from unrolled.analysis.reach.values import Reach
from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["chosen_nodes", "fitting_graph", "graph_reach", "hops_to"]


def graph_reach(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    graph: Graph | Any,
    *,
    nodes: int | Sequence[int] | Tensor | None = None,
    probes: int | None = None,
    norm: Norm = "entries",
    generator: Generator | None = None,
) -> Reach:
    """The influence of each node's features on a node's output, by the hops between them.

    d(u,v) is the fewest edges on a way from v to u, along the edges: the way messages go.

    Args:
        function: any module or function of the features alone, x [N,F] → y [N,d]:
            ``lambda x: model(x, edge_index)``.
        x: floating point [N,F]; its dtype is the one computed in.
        graph: a `Graph`, or an edge_index [2,E] (row 0 sends).
        nodes: which outputs: numbers of nodes, or how many to draw; None: all N.
        probes: output features that are drawn for each node; None: all d, exactly.
        norm: "entries" or "columns", see `influence`.
        generator: draws nodes and probes.

    Raises:
        InputError: features, a graph or nodes that do not fit, an output that does not depend on x, or influence
            that is no finite number.
    """
    graph = fitting_graph(x, graph)
    N = graph.num_nodes
    outputs = chosen_nodes(nodes, N, generator)
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        y = function(leaf)
    if not isinstance(y, Tensor) or y.dim() != 2 or y.shape[0] != N or y.shape[1] == 0:
        given = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise InputError(f"the output is {given}: one vector a node, [{N}, d], would do")
    if not y.requires_grad:
        raise InputError("the output does not depend on x: was it computed under no_grad?")
    profiles, outside, population_probes = [], [], None
    distance = torch.full((N,), -1, dtype=torch.long)
    for u in outputs:
        vectors, population_probes = draw_probes(y.shape[1], probes, norm, generator)
        sizes = []
        for z in vectors.to(y):
            sizes.append(pulled_back(y[u], leaf, z).abs().sum(1))
        influence = torch.stack(sizes)  # [K,N]
        require_finite(influence[None], [u], "the output of node")
        heard = (influence > 0).any(0)
        seen = hops_to(graph, u, distance, heard)
        furthest = int(distance[seen].max())
        profile = influence.new_zeros(len(vectors), furthest + 1)
        profile.index_add_(1, distance[seen].to(x.device), influence[:, seen])
        distance[seen] = -1
        profiles.append(profile)
        outside.append((influence.sum(1) - profile.sum(1)).clamp(min=0).mean())
    width = max(profile.shape[1] for profile in profiles)
    padded = torch.stack([torch.nn.functional.pad(profile, (0, width - profile.shape[1])) for profile in profiles])
    sample = Sample(padded, torch.stack(outside), tuple(outputs), N, population_probes)
    return summarise(sample, "hops", "jacobian")


def fitting_graph(x: Tensor, graph: Graph | Any) -> Graph:
    """The graph of features [N,F].

    Raises:
        InputError: not floating point [N,F], or a graph of another number of nodes.
    """
    if not isinstance(x, Tensor) or x.dim() != 2 or 0 in x.shape or not x.is_floating_point():
        given = f"{list(x.shape)} {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        raise InputError(f"x is {given}: floating point [N, F] would do")
    found = graph if isinstance(graph, Graph) else Graph.from_edge_index(graph, num_nodes=x.shape[0])
    if found.num_nodes != x.shape[0]:
        raise InputError(f"x has {x.shape[0]} nodes, the graph {found.num_nodes}")
    return found


def chosen_nodes(nodes: int | Sequence[int] | Tensor | None, N: int, generator: Generator | None) -> list[int]:
    """Numbers of nodes: all, so many drawn without replacement, or those given.

    Raises:
        InputError: a node that does not exist or comes twice, or more than there are.
    """
    if nodes is None:
        return list(range(N))
    if isinstance(nodes, int | np.integer):
        if not 1 <= nodes <= N:
            raise InputError(f"nodes is {nodes}: the graph has {N}, so 1 to {N} can be drawn")
        # a few of very many: no permutation of all of them
        return sorted(torch.randperm(N, generator=generator)[:nodes].tolist())
    listed = nodes.tolist() if isinstance(nodes, Tensor) else list(nodes)
    odd = [node for node in listed if isinstance(node, bool) or not isinstance(node, int | np.integer)]
    if odd:
        raise InputError(f"no node {odd[0]!r}: nodes are whole numbers, 0…{N - 1}")
    numbers = list(map(int, listed))
    wrong = [node for node in numbers if not 0 <= node < N]
    if wrong or not numbers or len(set(numbers)) < len(numbers):
        what = f"no node {wrong[0]}" if wrong else "a node is given twice" if numbers else "no node is given"
        raise InputError(f"{what}: nodes are numbered 0…{N - 1}")
    return numbers


def hops_to(graph: Graph, node: int, distance: Tensor, wanted: Tensor) -> Tensor:
    """Fill in the hops from other nodes to ``node`` until all ``wanted`` ones are met; which were filled.

    The work is that of the edges met, not of the graph: a million nodes cost nothing where four hops are asked.

    Args:
        graph: whose edges lead there.
        node: where.
        distance: [N] int64 of -1, filled in place.
        wanted: [N] bool.
    """
    pattern = graph.structure.pattern
    pointer, index = pattern.pointer.cpu(), pattern.index.cpu()
    wanted = wanted.cpu()
    distance[node] = 0
    front = torch.tensor([node])
    filled = [front]
    missing = int(wanted.sum()) - int(wanted[node])
    hops = 0
    while missing > 0 and len(front):
        hops += 1
        first, count = pointer[front].long(), (pointer[front + 1] - pointer[front]).long()
        ends = count.cumsum(0)
        place = torch.arange(int(ends[-1])) + (first - ends + count).repeat_interleave(count)
        front = index[place].long()
        front = torch.unique(front[distance[front] < 0])
        distance[front] = hops
        filled.append(front)
        missing -= int(wanted[front].sum())
    return torch.cat(filled)

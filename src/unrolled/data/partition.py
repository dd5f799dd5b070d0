"""Parts of a graph that few edges cross, for training on clusters; no extension needed.

The nodes are put in order of a breadth-first walk and cut into equal parts; then, round by round, nodes
move to the part where most of their neighbours are, the greatest gains first, as long as no part outgrows
its share (size- constrained label propagation; cf. Meyerhenke, Sanders & Schulz 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["cluster_batches", "edge_cut", "partition"]

Array = np.ndarray[Any, Any]


def partition(
    graph: Graph, parts: int, *, slack: float = 0.05, rounds: int = 20, generator: torch.Generator | None = None
) -> Tensor:
    """``[N]``: the part of each node, 0…parts-1; no part has more than ``(1 + slack) N / parts`` nodes,
    rounded up.

    Args:
        graph: directions are not looked at.
        parts: how many.
        slack: by how much a part may be greater than its share.
        rounds: the most rounds of moves.
        generator: of the walk's starts and the rounds' halves.

    Raises:
        InputError: no parts, or more than there are nodes.
    """
    nodes = graph.num_nodes
    if not 1 <= parts <= max(nodes, 1) or slack < 0:
        raise InputError(f"{parts} parts of {nodes} nodes with slack {slack}; 1…{nodes} parts and 0 or more would do")
    draw = np.random.Generator(np.random.SFC64(int(torch.randint(2**62, (), generator=generator))))
    both = graph.with_edge_weight(None).with_self_loops("remove").undirected().structure.pattern
    pointer, neighbour = both.pointer.numpy(), both.index.numpy()
    part = np.empty(nodes, dtype=np.int64)
    part[_walk(pointer, neighbour, draw)] = np.arange(nodes) * parts // max(nodes, 1)
    most = int(np.ceil((1.0 + slack) * nodes / parts))
    row = both.row.numpy()
    for _ in range(rounds):
        moved = sum(_move(row, neighbour, part, parts, most, half) for half in _halves(nodes, draw))
        if moved <= nodes // 1000:
            break
    return torch.from_numpy(part)


def _walk(pointer: Array, neighbour: Array, draw: np.random.Generator) -> Array:
    """All nodes in breadth-first order, from a random node of each component, level by level."""
    nodes = pointer.size - 1
    seen = np.zeros(nodes, dtype=bool)
    order, starts, at = [], draw.permutation(nodes), 0
    while at < nodes:
        if seen[starts[at]]:
            at += 1
            continue
        level = starts[at : at + 1]
        seen[level] = True
        while level.size:
            order.append(level)
            degree = pointer[level + 1] - pointer[level]
            offset = np.arange(degree.sum()) - np.repeat(np.cumsum(degree) - degree, degree)
            met = neighbour[np.repeat(pointer[level], degree) + offset]
            met = met[~seen[met]]
            _, first = np.unique(met, return_index=True)
            level = met[np.sort(first)]
            seen[level] = True
    return np.concatenate(order) if order else np.zeros(0, dtype=np.int64)


def _halves(nodes: int, draw: np.random.Generator) -> list[Array]:
    """Two halves of the nodes, so that two neighbours do not swap for ever."""
    side = draw.random(nodes) < 0.5
    return [side, ~side]


def _move(row: Array, neighbour: Array, part: Array, parts: int, most: int, may: Array) -> int:
    """Move nodes of ``may`` to the part with most of their neighbours, while there is room; how many moved."""
    key = row.astype(np.int64) * parts + part[neighbour]
    key.sort()
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if key.size else np.zeros(0, dtype=np.int64)
    votes = np.diff(np.append(first, key.size))
    node, towards = np.divmod(key[first], parts)
    here = np.zeros(part.size, dtype=np.int64)
    stays = towards == part[node]
    here[node[stays]] = votes[stays]
    gain = votes - here[node]
    worth = (gain > 0) & may[node]
    node, towards, gain = node[worth], towards[worth], gain[worth]
    best = np.lexsort((-gain, node))
    node, towards, gain = node[best], towards[best], gain[best]
    leader = np.concatenate([[True], node[1:] != node[:-1]]) if node.size else np.zeros(0, dtype=bool)
    node, towards, gain = node[leader], towards[leader], gain[leader]
    order = np.lexsort((-gain, towards))
    node, towards = node[order], towards[order]
    room = most - np.bincount(part, minlength=parts)
    rank = np.arange(towards.size) - np.searchsorted(towards, towards)
    fits = rank < room[towards]
    part[node[fits]] = towards[fits]
    return int(fits.sum())


def edge_cut(graph: Graph, part: Tensor) -> float:
    """The share of edges between different parts."""
    if graph.num_edges == 0:
        return 0.0
    return float((part[graph.senders] != part[graph.receivers]).double().mean())


def cluster_batches(
    graph: Graph, part: Tensor, size: int, *, generator: torch.Generator | None = None
) -> Iterator[tuple[Tensor, Graph]]:
    """All nodes, ``size`` random parts at a time: their numbers and the graph among them.

    Edges between parts of one batch are there; between batches they are left out (Chiang et al. 2019).

    Args:
        graph: the great graph.
        part: ``[N]``, from `partition`.
        size: how many parts a batch.
        generator: of the order of parts.

    Raises:
        InputError: a size below 1.
    """
    if size < 1:
        raise InputError(f"size={size}: 1 part or more at a time")
    order = torch.argsort(part, stable=True)
    first = [0, *torch.bincount(part).cumsum(0).tolist()]
    shuffled = torch.randperm(len(first) - 1, generator=generator).tolist()
    for at in range(0, len(shuffled), size):
        nodes = torch.cat([order[first[number] : first[number + 1]] for number in shuffled[at : at + size]])
        yield nodes, graph.subgraph(nodes)

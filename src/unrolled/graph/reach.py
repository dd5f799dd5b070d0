"""How far apart nodes are, and what k updates carry from one to another."""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph.value import Graph

__all__ = ["hop_distances", "powers_entry", "updates_needed"]


def hop_distances(graph: Graph, sources: Tensor | list[int] | int) -> Tensor:
    """``[N]`` int64: the fewest edges from any of ``sources`` to each node, along the edges; -1 where there
    is no way.

    Raises:
        InputError: a source that is no node.
    """
    start = torch.as_tensor([sources] if isinstance(sources, int) else sources, device=graph.device).long()
    if start.numel() and not 0 <= int(start.min()) <= int(start.max()) < graph.num_nodes:
        raise InputError(f"sources {start.tolist()}; nodes are numbered 0…{graph.num_nodes - 1}")
    distance = torch.full((graph.num_nodes,), -1, dtype=torch.long, device=graph.device)
    distance[start] = 0
    fresh = torch.zeros(graph.num_nodes, dtype=torch.bool, device=graph.device)
    fresh[start] = True
    hops = 0
    while bool(fresh.any()):
        hops += 1
        heard = torch.zeros_like(fresh)
        heard[graph.receivers[fresh[graph.senders]]] = True
        fresh = heard & (distance < 0)
        distance[fresh] = hops
    return distance


def updates_needed(graph: Graph, source: int, target: int) -> int | None:
    """How many layers of one hop it takes until ``target`` hears ``source``; None if it never does."""
    hops = int(hop_distances(graph, source)[target])
    return None if hops < 0 else hops


def powers_entry(graph: Graph, target: int, source: int, powers: int, **operator: object) -> list[float]:
    """``(Âᵏ)[target, source]`` for k = 1…powers, as products with one unit vector.

    Args:
        graph: the graph.
        target: row.
        source: column.
        powers: the highest k.
        operator: as `Graph.operator`; by default symmetric, with A + I.
    """
    options = {"normalisation": "symmetric", "self_loops": "add", "dtype": torch.float64} | operator
    matrix = graph.operator(**options)  # type: ignore[arg-type]
    x = torch.zeros(graph.num_nodes, 1, dtype=torch.float64, device=graph.device)
    x[source] = 1.0
    entries = []
    for _ in range(powers):
        x = matrix @ x
        entries.append(float(x[target]))
    return entries

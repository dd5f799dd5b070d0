"""Where to put the nodes of a graph on paper, so that distances on it are like distances along edges.

    stress = Σ_{i<j} w_ij (‖p_i − p_j‖ − d_ij)²,   w_ij = d_ij⁻²,   d_ij: fewest edges, directions not looked at

is brought down by majorisation (Gansner, Koren & North 2004), from a circle, so equal graphs look equal. Nodes
without a way between them are put as far apart as the farthest two with one, and one edge more.
"""

from __future__ import annotations

import math

import torch

from unrolled.errors import InputError
from unrolled.graph import Graph
from unrolled.graph.reach import hop_distances

__all__ = ["LARGEST", "layout"]

LARGEST = 400
"""The most nodes that are laid out."""

ROUNDS = 300


def layout(graph: Graph) -> tuple[tuple[float, float], ...]:
    """A place for each node, in edge lengths, around (0, 0).

    Raises:
        InputError: more than `LARGEST` nodes.
    """
    nodes = graph.num_nodes
    if nodes > LARGEST:
        raise InputError(f"a picture shows at most {LARGEST} nodes; this graph has {nodes}")
    if nodes == 1:
        return ((0.0, 0.0),)
    both = graph.with_edge_weight(None).undirected()
    d = torch.stack([hop_distances(both, node) for node in range(nodes)]).double()
    d = torch.where(d < 0, d.max() + 1, d).clamp(min=1.0)
    w = d.pow(-2).fill_diagonal_(0.0)
    angle = torch.arange(nodes, dtype=torch.float64) * (2 * math.pi / nodes)
    radius = float(d.max()) / 2
    p = radius * torch.stack([angle.sin(), angle.cos()], 1)
    # V p′ = L(p) p; V is singular along shifts, which a 1 on every entry fixes at zero mean.
    V = torch.diag(w.sum(1)) - w + torch.ones(nodes, nodes, dtype=torch.float64)
    factor = torch.linalg.cholesky(V)
    for _ in range(ROUNDS):
        apart = torch.cdist(p, p).clamp(min=1e-9)
        pull = -w * d / apart
        pull = pull - torch.diag(pull.diagonal())
        pull = pull - torch.diag(pull.sum(1))
        p = torch.cholesky_solve(pull @ p, factor)
    p = p - p.mean(0)
    return tuple((float(x), float(y)) for x, y in p)

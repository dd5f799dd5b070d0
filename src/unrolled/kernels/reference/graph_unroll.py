"""One cell over a graph over time, one step after another: what every fast path must equal.

A node that is not there at a step (or whose row has ended) keeps its state, and its output is zero. That it neither
sends nor receives is the graph's affair: no edge of that step's graph touches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.kernels.reference.cell import Weights
from unrolled.kernels.reference.graph_cell import GraphCell, GraphFilter
from unrolled.kernels.reference.unroll import Unrolled

__all__ = ["unroll"]


def unroll(
    cell: GraphCell,
    z: Tensor,
    filters: Sequence[GraphFilter],
    state: Any,
    weights: Weights,
    live: Tensor | None = None,
) -> Unrolled:
    """Run `cell` over the filtered input z [T,B,N,M·I] from `state`, every field [B,N,H]; T ≥ 1.

    Args:
        cell: the equation.
        z: each step's input through that step's filter.
        filters: one for all steps, or one a step.
        state: the initial state.
        weights: see the cell's page.
        live: [T,B,N] bool, which nodes are there at each step; None: all.
    """
    steps: list[dict[str, Tensor]] = []
    for t in range(z.shape[0]):
        filter = filters[t] if len(filters) > 1 else filters[0]
        named = cell.step(z[t], state, weights, filter)._asdict()
        new = [named[name] for name in state._fields]
        if live is not None:
            new = [torch.where(live[t].unsqueeze(-1), n, old) for n, old in zip(new, state, strict=True)]
        state = type(state)(*new)
        steps.append({**named, **state._asdict()})
    output = torch.stack([named["hidden"] for named in steps])
    if live is not None:
        output = output.masked_fill(~live.unsqueeze(-1), 0)
    return Unrolled(output, state, tuple(steps))

"""One layer of a cell over a graph: the filter of the whole input at once, then the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.kernels import autocast
from unrolled.kernels.filters import Filter, side_by_side
from unrolled.kernels.reference import Weights
from unrolled.kernels.reference.graph_cell import GraphCell
from unrolled.kernels.reference.graph_unroll import unroll as _by_equation
from unrolled.kernels.reference.unroll import Unrolled

__all__ = ["filtered", "trace", "unroll"]


def unroll(
    cell: GraphCell, x: Tensor, filters: Sequence[Filter], state: Any, weights: Weights, live: Tensor | None = None
) -> tuple[Tensor, Any]:
    """Run `cell` over a sequence and return the hidden state after each step and the final state.

    Args:
        cell: one of `unrolled.kernels.reference`.
        x: [T,B,N,I], T ≥ 1; zero where a node is not there.
        filters: one for all steps, or one a step.
        state: the initial state, every field [B,N,H].
        weights: see the cell's page.
        live: [T,B,N] bool, which nodes are there at each step; None: all.

    Returns:
        output [T,B,N,H], zero where a node is not there, and the state of each node after its last step.
    """
    if autocast.is_on(x.device):
        x, state, weights = autocast.cast(cell, x, state, weights)
        with torch.autocast(x.device.type, enabled=False):
            return unroll(cell, x, filters, state, weights, live)
    unrolled = trace(cell, x, filters, state, weights, live)
    return unrolled.output, unrolled.state


def trace(
    cell: GraphCell, x: Tensor, filters: Sequence[Filter], state: Any, weights: Weights, live: Tensor | None = None
) -> Unrolled:
    """The same by the equation, step by step, keeping all of it."""
    return _by_equation(cell, filtered(x, filters), filters, state, weights, live)


def filtered(x: Tensor, filters: Sequence[Filter]) -> Tensor:
    """Every step of x [T,B,N,F] through its filter, all of them in one product a term: [T,B,N,M·F]."""
    if len(filters) == 1:
        return filters[0](x)
    T, B, N, F = x.shape
    steps_as_one = x.transpose(0, 1).reshape(B, T * N, F)
    z = side_by_side(filters)(steps_as_one)
    return z.reshape(B, T, N, z.shape[-1]).transpose(0, 1)

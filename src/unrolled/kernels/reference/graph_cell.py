"""What a cell over a graph is: an equation with a filter inside, the names of its state, its blocks of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unrolled.kernels.reference.cell import Hidden, HiddenMemory, Weights

__all__ = ["GraphCell", "GraphFilter"]

GraphFilter = Callable[[Tensor], Tensor]
"""``[…, N, F] → […, N, M·F]``: M terms of what each node reads of its neighbourhood, beside each other."""


@dataclass(frozen=True)
class GraphCell:
    """One recurrent cell whose products are graph convolutions, `weight · filter(…)`.

    Attributes:
        name: how the kernels call it.
        step: the equation, `step(z, state, weights, filter) -> Step`: z [B,N,M·I] the filtered input, every field of
            the Step [B,N,H].
        state: `Hidden` or `HiddenMemory`; its fields are fields of the Step too.
        blocks: the gates in the order of their rows in W_ih [G·H, M·I], W_hh [G·H, M·H] and b_ih [G·H].
        peephole_blocks: the gates in the order of their parts in p.
    """

    name: str
    step: Callable[[Tensor, Any, Weights, GraphFilter], Any]
    state: type[Hidden] | type[HiddenMemory]
    blocks: tuple[str, ...]
    peephole_blocks: tuple[str, ...] = ()

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return self.state._fields

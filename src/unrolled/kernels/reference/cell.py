"""What a cell is to the kernels: an equation, the names of its state, the order of its blocks of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

__all__ = ["Cell", "Hidden", "HiddenMemory", "State", "Weights"]


class Hidden(NamedTuple):
    """The state of a cell without a memory."""

    hidden: Tensor


class HiddenMemory(NamedTuple):
    """The state of a cell with a memory; as a tuple it is torch's `(h, c)`."""

    hidden: Tensor
    memory: Tensor


State = Hidden | HiddenMemory


class Weights(NamedTuple):
    """The weights of one layer in one direction, G blocks of H rows each.

    Shapes: W_ih [G·H, I], W_hh [G'·H, H], b_ih [G·H], b_hh [G'·H], p [P·H]; `Cell` names the blocks.
    A bias or a peephole vector that a cell does not have is None.
    """

    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    p: Tensor | None = None


@dataclass(frozen=True)
class Cell:
    """One recurrent cell.

    Attributes:
        name: how the kernels call it, `"gru-reset-before"`.
        step: the equation, `step(x, state, weights) -> Step`: x [B,I], every field of the Step [B,H].
        state: `Hidden` or `HiddenMemory`; its fields are fields of the Step too.
        input_blocks: the gates in the order of their rows in W_ih and b_ih.
        recurrent_blocks: the gates in the order of their rows in W_hh and b_hh.
        peephole_blocks: the gates in the order of their parts in p.
    """

    name: str
    step: Callable[[Tensor, Any, Weights], Any]
    state: type[Hidden] | type[HiddenMemory]
    input_blocks: tuple[str, ...]
    recurrent_blocks: tuple[str, ...]
    peephole_blocks: tuple[str, ...] = ()

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return self.state._fields

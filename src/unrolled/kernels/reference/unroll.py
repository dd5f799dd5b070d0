"""One cell over a whole sequence, one step after another: what every fast path must equal.

Ragged batches: row b has `lengths[b]` steps and the rest of it is padding. Its state moves only at its own
steps, so it ends in the state at its end (in its initial state, where the length is zero); the output of a
padded step is zero. In reverse the steps run from T-1 down to 0, so the state of a row first moves at its
own last step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unrolled.kernels.reference.cell import Cell, State, Weights

__all__ = ["Unrolled", "active", "blank_padding", "loop", "unroll"]


class Unrolled(NamedTuple):
    """What an unrolled cell gives back.

    Attributes:
        output: [T,B,H], the hidden state after each step, zero in the padding.
        state: the state at the end of each row, every field [B,H].
        steps: T mappings in order of time from the names of the cell's Step to [B,H]. The state in them is
            the very tensor that the next step reads, so that a gradient with respect to it is ∂L/∂h_t along
            all later steps.
    """

    output: Tensor
    state: Any
    steps: tuple[dict[str, Tensor], ...]


def active(lengths: Tensor, T: int) -> Tensor:
    """Which steps are a row's own, [T,B,1] bool: t < lengths[b]."""
    return (torch.arange(T, device=lengths.device)[:, None] < lengths).unsqueeze(-1)


def blank_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Set the padding of x [T,B,I] to zero: whatever stood there, NaN too, reaches no value or gradient."""
    return x if lengths is None else x.masked_fill(~active(lengths, x.shape[0]), 0)


def unroll(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Weights,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> Unrolled:
    """Run `cell` over x [T,B,I] from `state`, T ≥ 1; lengths [B] int64, each in 0..T."""

    def step(x_t: Tensor, state: Any) -> dict[str, Tensor]:
        named: dict[str, Tensor] = cell.step(x_t, state, weights)._asdict()
        return named

    return loop(step, x, state, lengths=lengths, reverse=reverse)


def loop(
    step: Callable[[Tensor, Any], Mapping[str, Tensor]],
    x: Tensor,
    state: Any,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> Unrolled:
    """The same for any step: `step(x_t, state)` names what it computed, every field of the state among it."""
    T = x.shape[0]
    x = blank_padding(x, lengths)
    rows = None if lengths is None else active(lengths, T)
    steps: list[dict[str, Tensor]] = []
    for t in reversed(range(T)) if reverse else range(T):
        named = step(x[t], state)
        new = [named[name] for name in state._fields]
        if rows is not None:
            new = [torch.where(rows[t], n, old) for n, old in zip(new, state, strict=True)]
        state = type(state)(*new)
        steps.append({**named, **state._asdict()})
    if reverse:
        steps.reverse()
    output = torch.stack([named["hidden"] for named in steps])
    if rows is not None:
        output = output.masked_fill(~rows, 0)
    return Unrolled(output, state, tuple(steps))

"""The signature that every fast path shares: a forward pass, and the backward pass written for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from unrolled.kernels.reference.cell import Weights

__all__ = ["Backward", "Forward", "Gradients", "Implementation", "Inputs", "Observe", "Result"]


class Inputs(NamedTuple):
    """What goes in.

    Attributes:
        x: [T,B,I], T ≥ 1; its padding is zero already. To an implementation that `reads_tokens`: tokens [T,B] int64
            too, which stand for rows of the identity, and whatever stands in the padding.
        state: the initial state, each [B,H], hidden first; to one that `reads_tokens`, None too: zeros.
        weights: see `Weights` and the cell's blocks.
        lengths: [B] int64, each in 0..T, or None where every row has T steps.
        reverse: from each row's last step to its first.
        train: whether a backward pass may follow; if not, `Result.saved` may be empty.
    """

    x: Tensor
    state: tuple[Any, ...]
    weights: Weights
    lengths: Tensor | None
    reverse: bool
    train: bool


class Result(NamedTuple):
    """What comes out: output [T,B,H], the final state, and whatever the backward pass wants to see again.

    `saved` must not hold `output` or a final state themselves, which would be a reference cycle, but may
    hold `.detach()` of them. The final state must not share memory with the output.
    """

    output: Tensor
    state: tuple[Tensor, ...]
    saved: tuple[Tensor, ...]


class Gradients(NamedTuple):
    """The gradient of the loss with respect to each input; None where there is none, or none was wanted."""

    x: Tensor | None
    state: tuple[Tensor | None, ...]
    weights: Weights | tuple[Tensor | None, ...]


Forward = Callable[[Inputs], Result]

Observe = Callable[[Inputs], tuple[Result, tuple[Tensor, ...]]]
"""The same, and what `Implementation.observed` names at every step, [T,B,H] each, zero in the padding."""

Backward = Callable[[Inputs, tuple[Tensor, ...], Tensor | None, tuple[Tensor | None, ...], bool], Gradients]
"""(inputs, saved, ∂L/∂output, ∂L/∂final state, whether ∂L/∂x is wanted) -> gradients; it changes none."""


@dataclass(frozen=True)
class Implementation:
    """A way to compute one cell over a sequence.

    Attributes:
        name: whose, `"eager"`.
        forward, backward: see their types.
        observe, observed: the forward pass of who wants to see all of it, and the names of what it shows beside the
            output, as in the cell's Step; None where it shows nothing.
        reads_tokens: whether `Inputs` may be short: tokens for one-hot rows, None for zeros, anything in the padding.
    """

    name: str
    forward: Forward
    backward: Backward
    observe: Observe | None = None
    observed: tuple[str, ...] = ()
    reads_tokens: bool = False

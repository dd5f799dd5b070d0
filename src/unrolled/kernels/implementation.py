"""The signature that every fast path shares: a forward pass, and the backward pass written for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from unrolled.kernels.reference.cell import Weights

__all__ = ["Backward", "Dissect", "Forward", "Gradients", "Implementation", "Inputs", "Observe", "Result", "Steps"]


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


class Steps(NamedTuple):
    """What backward comes by, step by step, in place of the weights' gradients.

    Zero past a row's end.

    Attributes:
        x: ∂L/∂x, None where it was not wanted or x is tokens.
        state: ∂L/∂ the initial state.
        gates: ∂L/∂pre-activations [T,B,G·H] by block of W_ih; the torch GRU has a block more, of W_hn h' + b_hn.
        states: [1 or 2, T,B,H]: ∂L/∂h_t and, of a cell with a memory, ∂L/∂c_t: along every later path, c before h.
    """

    x: Tensor | None
    state: tuple[Tensor | None, ...]
    gates: Tensor
    states: Tensor


Forward = Callable[[Inputs], Result]

Observe = Callable[[Inputs], tuple[Result, tuple[Tensor, ...]]]
"""The same, and what `Implementation.observed` names at every step, [T,B,H] each, zero in the padding."""

Backward = Callable[[Inputs, tuple[Tensor, ...], Tensor | None, tuple[Tensor | None, ...], bool], Gradients]
"""(inputs, saved, ∂L/∂output, ∂L/∂final state, whether ∂L/∂x is wanted) -> gradients; it changes none."""


Dissect = Callable[[Inputs, tuple[Tensor, ...], Tensor | None, tuple[Tensor | None, ...], bool], Steps]
"""A `Backward` of who wants to see its steps."""


@dataclass(frozen=True)
class Implementation:
    """A way to compute one cell over a sequence.

    Attributes:
        name: whose, `"eager"`.
        forward, backward: see their types.
        observe, observed: the forward pass of who wants to see all of it, and the names of what it shows beside the
            output, as in the cell's Step; None where it shows nothing.
        dissect: the backward pass of who wants to see its steps, after `observe`; None where it shows none.
        reads_tokens: whether `Inputs` may be short: tokens for one-hot rows, None for zeros, anything in the padding.
    """

    name: str
    forward: Forward
    backward: Backward
    observe: Observe | None = None
    observed: tuple[str, ...] = ()
    dissect: Dissect | None = None
    reads_tokens: bool = False

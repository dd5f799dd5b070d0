"""What every eager cell does the same way: order of steps, products over all, rows that have ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unrolled.kernels.implementation import Inputs

__all__ = ["Rows", "bias_gradient", "input_product", "order", "rows", "shifted", "weight_gradient"]


def order(T: int, reverse: bool) -> Iterator[tuple[int, int, int]]:
    """Steps in the order they run, as (t, place of the state before, place of the state after).

    The T+1 states of a sequence lie in one buffer: state t before step t and t+1 after it; in reverse, the
    other way.
    """
    if reverse:
        return ((t, t + 1, t) for t in range(T - 1, -1, -1))
    return ((t, t, t + 1) for t in range(T))


def shifted(states: Tensor, reverse: bool) -> tuple[Tensor, Tensor]:
    """The buffer [T+1,B,H] as (states before each step, states after each step), both [T,B,H]."""
    return (states[1:], states[:-1]) if reverse else (states[:-1], states[1:])


def input_product(x: Tensor, W: Tensor, *biases: Tensor | None) -> Tensor:
    """W x + b for all steps in one product, [T,B,G·H], newly made."""
    given = [b for b in biases if b is not None]
    return linear(x, W, sum(given[1:], given[0]) if given else None)


def weight_gradient(gates: Tensor, inputs: Tensor) -> Tensor:
    """Σ_t gates_t ⊗ inputs_t in one product: [G·H, ·]."""
    return gates.flatten(0, 1).t() @ inputs.flatten(0, 1)


def bias_gradient(gates: Tensor, bias: Tensor | None) -> Tensor | None:
    """Σ_t Σ_b gates, newly made for each bias vector, None where there is none."""
    return None if bias is None else gates.sum((0, 1))


class Rows(NamedTuple):
    """Which rows still run: `running[t]` [B,1] and its negation `ended[t]`, or None where all rows run."""

    running: list[Tensor | None]
    ended: list[Tensor | None]
    padding: Tensor | None

    def hold(self, t: int, new: Tensor, old: Tensor) -> None:
        """Put the old state back into `new` where a row does not run at step t."""
        running = self.running[t]
        if running is not None:
            torch.where(running, new, old, out=new)

    def aside(self, t: int, gradient: Tensor) -> Tensor | None:
        """Set the gradient of rows that do not run at step t to zero, and return what was there."""
        ended = self.ended[t]
        if ended is None:
            return None
        kept = gradient * ended
        gradient.masked_fill_(ended, 0)
        return kept

    def blank(self, values: Tensor) -> Tensor:
        """`values` [T,B,·] with its padding set to zero; itself where there is none."""
        return values if self.padding is None else values.masked_fill(self.padding, 0)


def rows(inputs: Inputs) -> Rows:
    """The rows of a batch over time; steps that all rows take cost nothing extra."""
    T, lengths = inputs.x.shape[0], inputs.lengths
    if lengths is None:
        return Rows([None] * T, [None] * T, None)
    running = (torch.arange(T, device=lengths.device)[:, None] < lengths).unsqueeze(-1)
    everyone: list[bool] = running.all(1).squeeze(-1).tolist()
    ended = ~running
    return Rows(
        [None if all_run else r for all_run, r in zip(everyone, running.unbind(), strict=True)],
        [None if all_run else e for all_run, e in zip(everyone, ended.unbind(), strict=True)],
        ended,
    )

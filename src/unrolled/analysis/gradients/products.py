"""What each weight multiplies: how ∂L/∂pre-activations become each step's part of each weight's gradient.

A step computes products W v of gates by rows, so its part of the gradient is G_t = Σ_b a_t^b ⊗ v_t^b, where a are the
derivatives with respect to the gates' pre-activations and v what the weight multiplied: x, h', c', or r ⊙ h' in the
course's GRU. A bias has v = 1; a peephole vector multiplies elementwise.

The sums are taken some steps at a time, so that what is summed stays in a cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.kernels.reference import Cell

__all__ = ["Part", "Product", "parts", "products"]

_NUMBERS = 1 << 18
"""In one lot of G_t, unless a single one is larger."""


class Product(NamedTuple):
    """Some rows of a weight.

    Attributes:
        weight: "weight_hh" and the like.
        rows: its blocks of H rows.
        gates: the blocks of the pre-activations that they give.
        operand: what they multiply: "x", or a name of the state before the step or of a value at it; "" for a bias.
        elementwise: whether the weight is a vector that multiplies unit by unit.
    """

    weight: str
    rows: range
    gates: range
    operand: str
    elementwise: bool = False


_RECURRENT: dict[str, tuple[tuple[range, str], ...]] = {
    "rnn-tanh": ((range(1), "hidden before"),),
    "rnn-relu": ((range(1), "hidden before"),),
    "gru": ((range(2), "hidden before"), (range(3, 4), "hidden before")),
    "gru-reset-before": ((range(2), "hidden before"), (range(2, 3), "reset")),
    "lstm": ((range(4), "hidden before"),),
    "peephole": ((range(4), "hidden before"),),
    "full-peephole": ((range(2), "memory before"), (range(3, 4), "memory before")),
}
"""By cell: blocks of the pre-activations, in the order of W_hh's rows, and what W_hh multiplies there."""

_PEEPHOLES = ((0, "memory before"), (1, "memory before"), (3, "memory"))


def products(cell: Cell) -> tuple[Product, ...]:
    """Every product that the cell's step has."""
    inputs = range(len(cell.input_blocks))
    found = [Product("weight_ih", inputs, inputs, "x"), Product("bias_ih", inputs, inputs, "")]
    first = 0
    for gates, operand in _RECURRENT[cell.name]:
        rows = range(first, first + len(gates))
        found += [Product("weight_hh", rows, gates, operand), Product("bias_hh", rows, gates, "")]
        first += len(gates)
    if cell.peephole_blocks:
        found += [
            Product("peephole", range(place, place + 1), range(gate, gate + 1), operand, elementwise=True)
            for place, (gate, operand) in enumerate(_PEEPHOLES)
        ]
    return tuple(found)


class Part(NamedTuple):
    """Some rows of G_t for some steps.

    Attributes:
        first: the first step.
        rows: of the weight.
        values: [n, rows, ·].
    """

    first: int
    rows: slice
    values: Tensor


def parts(product: Product, gates: Tensor, operand: Tensor | None, H: int) -> Iterator[Part]:
    """Those rows of G_t, some steps at a time.

    Args:
        product: which rows.
        gates: ∂L/∂pre-activations [T,B,G·H].
        operand: [T,B,·], or None for a bias.
        H: hidden units.
    """
    rows = slice(product.rows.start * H, product.rows.stop * H)
    a = gates[..., product.gates.start * H : product.gates.stop * H]
    if operand is None or product.elementwise:
        yield Part(0, rows, (a if operand is None else a * operand).sum(1))
        return
    size = max(1, _NUMBERS // (a.shape[2] * operand.shape[2]))
    for first in range(0, a.shape[0], size):
        lot = slice(first, first + size)
        yield Part(first, rows, torch.bmm(a[lot].transpose(1, 2), operand[lot]))

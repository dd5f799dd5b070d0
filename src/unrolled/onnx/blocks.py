"""The order of a cell's blocks of weights here and in ONNX.

    cell                ours          ONNX
    RNN                 h             h
    GRU                 r, z, n       z, r, h      under reset_before ONNX's z is our 1 - z: its rows change sign
    LSTM                i, f, g, o    i, o, f, c
    peepholes           i, f, o       i, o, f

ONNX keeps the directions in front, [D, ·], and both biases of a layer in one row, b_ih before b_hh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["GATED", "GRU_RESET_AFTER", "GRU_RESET_BEFORE", "LSTM", "PEEPHOLES", "PLAIN", "Blocks"]


@dataclass(frozen=True)
class Blocks:
    """One order and the other.

    Attributes:
        ours: for each block in ONNX's order, its place in ours.
        negated: the places, in ONNX's order, of blocks that change sign.
    """

    ours: tuple[int, ...]
    negated: tuple[int, ...] = ()

    def to_onnx(self, weight: Tensor) -> Tensor:
        """A weight [G·H, ·] in ONNX's order."""
        parts = weight.chunk(len(self.ours))
        return torch.cat([-parts[k] if place in self.negated else parts[k] for place, k in enumerate(self.ours)])

    def from_onnx(self, weight: Tensor) -> Tensor:
        """A weight [G·H, ·] in our order."""
        parts = weight.chunk(len(self.ours))
        places = [self.ours.index(k) for k in range(len(self.ours))]
        return torch.cat([-parts[place] if place in self.negated else parts[place] for place in places])


PLAIN = Blocks((0,))
GRU_RESET_AFTER = Blocks((1, 0, 2))
GRU_RESET_BEFORE = Blocks((1, 0, 2), negated=(0,))
LSTM = Blocks((0, 3, 1, 2))
PEEPHOLES = Blocks((0, 2, 1))

GATED: dict[str, tuple[str, Blocks]] = {
    "rnn-tanh": ("RNN", PLAIN),
    "rnn-relu": ("RNN", PLAIN),
    "gru": ("GRU", GRU_RESET_AFTER),
    "gru-reset-before": ("GRU", GRU_RESET_BEFORE),
    "lstm": ("LSTM", LSTM),
    "peephole": ("LSTM", LSTM),
}
"""For each cell that is an operator of ONNX's: which, and the order of its gates."""

"""The section ``model``: which network, and how its weights are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from unrolled import nn
from unrolled.errors import UnknownName
from unrolled.spec.require import require

__all__ = ["CELLS", "DEFAULT_INITIALISATION", "ModelSpec", "is_user_cell"]

CELLS: Mapping[str, Callable[..., nn.CellLayer]] = nn.CELL_LAYERS
"""Every built-in cell by the name that specs and the command line use."""

DEFAULT_INITIALISATION = "xavier"


def is_user_cell(cell: str) -> bool:
    """Whether ``cell`` names a user's own class, as path/to/file.py:MyCell."""
    return ".py:" in cell


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A recurrent network: input coding, stacked cells, a linear readout.

    Attributes:
        cell: rnn, gru, lstm, peephole, full-peephole, or your own as path/to/file.py:MyCell.
        hidden: H, units per layer.
        layers: how many layers are stacked.
        bidirectional: read the sequence both ways; the readout sees [h_fwd(T); h_bwd(1)].
        dropout: share of values dropped between layers while training.
        output_dropout: share of the top layer's outputs dropped before the readout while training.
        recurrent_dropout: share of the recurrent weights dropped while training, one draw for a whole sequence.
        input: how a symbol enters: one-hot, embedding (learned) or scalar (its number); numbers enter as they are,
            scalar.
        embedding: size of the embedding (default: the number of symbols; tied: the hidden size).
        tied: text only: the readout's weights are the embedding's, of size hidden.
        bias: two bias vectors per gate (torch), one (the equations) or none; a cell of your own has what it has.
        initialisation: how weights are drawn, on each gate's own block; normal is N(0,1) on everything, as report A
            has it (default: xavier; your own cell keeps what its constructor drew, unless forget_bias or chrono is
            given).
        forget_bias: the forget gate's bias, both vectors summed (default: 1 under xavier, kaiming and orthogonal
            for cells that have the gate; as drawn under torch and normal).
        chrono: chrono initialisation for memories up to this many steps (Tallec & Ollivier 2018).
        nonlinearity: of the rnn cell.
        reset_before: gru only: the reset gate acts before the product, as in the course.
        cell_sha256: hash of your own cell's file; written into every run's spec, checked where it is given.
    """

    cell: str = "lstm"
    hidden: int = 128
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    output_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    input: Literal["one-hot", "embedding", "scalar"] = "one-hot"
    embedding: int | None = None
    tied: bool = False
    bias: Literal["two", "one", "none"] = "two"
    initialisation: Literal["torch", "xavier", "kaiming", "orthogonal", "normal"] | None = None
    forget_bias: float | None = None
    chrono: int | None = None
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    reset_before: bool = False
    cell_sha256: str | None = None

    def __post_init__(self) -> None:
        if not is_user_cell(self.cell) and self.cell not in CELLS:
            raise UnknownName("cell", self.cell, CELLS)
        require(self.hidden >= 1, f"hidden is {self.hidden}: a layer has at least 1 unit")
        require(self.layers >= 1, f"layers is {self.layers}: at least 1")
        for name in ("dropout", "output_dropout", "recurrent_dropout"):
            require(0 <= getattr(self, name) < 1, f"{name} is {getattr(self, name)}: a share from 0 to below 1")
        require(
            self.embedding is None or self.input == "embedding",
            f"embedding is {self.embedding} but input is {self.input!r}: use input: embedding",
        )
        require(self.embedding is None or self.embedding >= 1, f"embedding is {self.embedding}: at least 1")
        require(
            not self.tied or (self.input == "embedding" and self.embedding in (None, self.hidden)),
            f"tied is on but input is {self.input!r} of size {self.embedding}: use input: embedding, of size hidden",
        )
        require(
            self.nonlinearity == "tanh" or self.cell == "rnn",
            f"nonlinearity is {self.nonlinearity!r} but cell is {self.cell!r}: it is an option of the rnn cell",
        )
        require(
            not self.reset_before or self.cell == "gru",
            f"reset_before is on but cell is {self.cell!r}: it is an option of the gru cell",
        )
        if is_user_cell(self.cell):
            require(not self.bidirectional, f"cell {self.cell!r} is your own: bidirectional is for built-in cells")
            require(self.bias == "two", f"cell {self.cell!r} is your own: bias is for built-in cells")
        require(self.chrono is None or self.chrono >= 3, f"chrono is {self.chrono}: T_max is at least 3 steps")
        require(
            self.forget_bias is None or math.isfinite(self.forget_bias), f"forget_bias is {self.forget_bias}: a number"
        )
        require(
            self.chrono is None or self.forget_bias is None,
            "chrono and forget_bias are both given: chrono draws the forget gate's bias itself",
        )

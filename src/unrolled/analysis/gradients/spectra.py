"""How large the recurrent weights are, and how to draw them at a chosen size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from unrolled.errors import InputError
from unrolled.nn import CellLayer, RecurrentLayer

__all__ = ["Spectrum", "recurrent_blocks", "scale_recurrent_weights", "size_of", "spectra"]


@dataclass(frozen=True)
class Spectrum:
    """The size of one square block of recurrent weights.

    Attributes:
        spectral_radius: its largest eigenvalue in absolute value: growth over many steps, were the cell
            linear.
        largest_singular_value: its norm: the most that one step can stretch a gradient.
    """

    spectral_radius: float
    largest_singular_value: float


def spectra(layer: RecurrentLayer, index: int = 0, direction: int = 0) -> dict[str, Spectrum]:
    """The sizes of the blocks of one layer's recurrent weights; empty for a user's own cell."""
    return {name: size_of(block) for name, block in recurrent_blocks(layer, index, direction).items()}


def recurrent_blocks(layer: RecurrentLayer, index: int = 0, direction: int = 0) -> dict[str, Tensor]:
    """The square blocks of one layer's W_hh by name, copied; empty for a user's own cell."""
    if not isinstance(layer, CellLayer):
        return {}
    W_hh = layer.all_weights[index * (2 if layer.bidirectional else 1) + direction][1].detach().clone()
    return dict(zip(layer.cell.recurrent_blocks, torch.split(W_hh, layer.hidden_size), strict=True))


def size_of(block: Tensor) -> Spectrum:
    """The size of one square block, in float64."""
    block = block.double()
    return Spectrum(torch.linalg.eigvals(block).abs().max().item(), torch.linalg.matrix_norm(block, 2).item())


def scale_recurrent_weights(
    layer: RecurrentLayer,
    scale: float,
    *,
    kind: Literal["orthogonal", "normal"] = "orthogonal",
    generator: Generator | None = None,
) -> None:
    """Draw every square block of the recurrent weights anew, at a chosen scale s and in place.

    * ``orthogonal``: s times an orthogonal matrix; every singular value and every |eigenvalue| is s.
    * ``normal``: N(0, s²/H); the spectral radius is about s, the largest singular value about 2s.

    Args:
        layer: a layer of the house.
        scale: s, 0 or more.
        kind: how a block is drawn.
        generator: a CPU generator (default: torch's own).

    Raises:
        InputError: a negative scale, or a user's own cell, whose recurrent weights nobody knows.
    """
    if not isinstance(layer, CellLayer):
        raise InputError(f"{layer!r} is not a layer of the house: which of its weights are recurrent is not known")
    if not (scale >= 0 and math.isfinite(scale)):
        raise InputError(f"scale is {scale}: 0 or more")
    H = layer.hidden_size
    with torch.no_grad():
        for weights in layer.all_weights:
            for block in torch.split(weights[1], H):
                drawn = torch.empty(H, H, dtype=torch.float64)
                if kind == "orthogonal":
                    torch.nn.init.orthogonal_(drawn, scale, generator=generator)
                else:
                    torch.nn.init.normal_(drawn, 0, scale / math.sqrt(H), generator=generator)
                block.copy_(drawn)

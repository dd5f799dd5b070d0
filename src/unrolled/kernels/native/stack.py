"""One step of a whole stack of layers in the native library, all of it one call: a step takes microseconds.

Numbers in, numbers out: the weights are read where they lie, so nothing is kept from one call to the next.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unrolled.kernels.native.library import KINDS, Library

__all__ = ["Stack", "Stepped", "take_step"]


class Stack(NamedTuple):
    """A stack of layers in one direction, all of its tensors float32 and contiguous.

    Attributes:
        cell: a key of `KINDS`.
        weights: of each layer in turn W_ih, W_hh, b_ih, b_hh, p as in `reference.cell.Weights`.
        hidden: H.
    """

    cell: str
    weights: Sequence[Tensor | None]
    hidden: int


class Stepped(NamedTuple):
    """The top layer's hidden state [B,H], and the new state, [layers,B,H] each, hidden first."""

    output: Tensor
    state: tuple[Tensor, ...]


def take_step(library: Library, stack: Stack, x: Tensor, state: tuple[Tensor, ...]) -> Stepped:
    """Take a step.

    Args:
        library: for float32.
        stack: the layers.
        x: [B,I], or [I] for one row; its last axis contiguous.
        state: [layers,B,H] each ([layers,H]), contiguous, hidden first.

    Raises:
        MemoryError: there is no memory for it.
    """
    hidden, H = state[0], stack.hidden
    batch, row = (len(x), x.stride(0)) if x.dim() == 2 else (1, 0)
    after = tuple(map(torch.empty_like, state))
    output = torch.empty_like(hidden[0])
    c, c_n = (state[1].data_ptr(), after[1].data_ptr()) if len(state) > 1 else (0, 0)
    sizes = (KINDS[stack.cell], torch.get_num_threads(), len(hidden), batch, x.shape[-1], H, row)
    tensors = (x.data_ptr(), hidden.data_ptr(), c, after[0].data_ptr(), c_n, output.data_ptr())
    addresses = [0 if weight is None else weight.data_ptr() for weight in stack.weights]
    if _function(library)(_record(len(addresses))(*sizes, *tensors, *addresses)):
        raise MemoryError("the native kernels could not get their scratch memory")
    return Stepped(output, after)


@functools.cache
def _function(library: Library) -> Any:
    return library.function("unrolled_step", ctypes.c_char_p)


@functools.cache
def _record(weights: int) -> Any:
    """What packs `struct step` of src/step.h: bytes are made faster than a ctypes.Structure."""
    return struct.Struct(f"={7 + 6 + weights}q").pack

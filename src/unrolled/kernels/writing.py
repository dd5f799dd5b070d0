"""The door to the native library's reading and writing: a packed character model, or the reason why there is none."""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.kernels import recurrent
from unrolled.kernels.native.library import KINDS
from unrolled.kernels.native.loader import NativeUnavailable, load
from unrolled.kernels.native.writer import PRECISIONS, Choice, Model, Writer, Written

__all__ = ["PRECISIONS", "Choice", "Model", "Writer", "Written", "pack"]


def pack(model: Model, precision: str = "float32") -> Writer | str:
    """The model packed for the library that `recurrent.path` has chosen; a sentence says why it cannot be.

    Args:
        model: see its type; its tensors may be anywhere and of any dtype, but only float32 ones of the CPU are packed.
        precision: of the packed weights, a key of `PRECISIONS`.

    Raises:
        InputError: a weight is not finite, which no rounding would show.
    """
    tensors = [t for layer in model.layers for t in layer if t is not None]
    tensors += [t for t in (model.embedding, *model.output) if t is not None]
    if model.cell not in KINDS:
        return f"the cell {model.cell} has no native kernel"
    if any(t.device.type != "cpu" for t in tensors):
        return "the weights are not in the processor's memory"
    if any(t.dtype != torch.float32 for t in tensors):
        return "the weights are not float32"
    if any(type(t) not in (Tensor, torch.nn.Parameter) for t in tensors):
        return "the weights are no plain tensors"
    path = recurrent.path()
    if not path.name.startswith("native"):
        return path.reason
    if not all(bool(t.isfinite().all()) for t in tensors):
        raise InputError("the model's weights are not finite: its training diverged, take an earlier run")
    try:
        return Writer(load("" if path.name == "native" else path.name), model, precision)
    except (NativeUnavailable, OSError) as reason:
        return str(reason)

"""The gates of one LSTM step as the native library computes them: one struct in, numbers out."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from unrolled.kernels.native.library import Library

__all__ = ["backward", "forward", "takes"]


class _Gates(ctypes.Structure):
    """`struct lstm_gates` of src/lstm_gates.c, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("threads", "rows", "hidden")),
        *((name, ctypes.c_void_p) for name in ("gates", "c_before", "c", "peephole", "h", "d_h", "d_c", "d_gates")),
    ]


def takes(*tensors: Tensor | None) -> bool:
    """Whether the library computes such a step: float32 on the CPU, everything dense."""
    return all(
        t is None or (t.dtype == torch.float32 and t.device.type == "cpu" and t.is_contiguous() and not t.is_neg())
        for t in tensors
    )


def forward(library: Library, gates: Tensor, before: Tensor, after: Tensor, h: Tensor, p: Tensor | None) -> None:
    """As `graph_gates.lstm`."""
    library.run("unrolled_lstm_gates", _record(gates, before, after, p, h, None, None, None))


def backward(
    library: Library,
    gates: Tensor,
    before: Tensor,
    after: Tensor,
    p: Tensor | None,
    d_h: Tensor,
    d_c: Tensor,
    d_gates: Tensor,
) -> None:
    """As `graph_gates.lstm_d`."""
    library.run("unrolled_lstm_gates_backward", _record(gates, before, after, p, None, d_h, d_c, d_gates))


def _record(gates: Tensor, before: Tensor, after: Tensor, p: Tensor | None, *others: Tensor | None) -> _Gates:
    H = before.shape[-1]
    tensors = (gates, before, after, p, *others)
    addresses = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
    return _Gates(torch.get_num_threads(), before.numel() // H, H, *addresses)

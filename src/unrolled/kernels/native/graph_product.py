"""A sparse matrix times features as the native library computes it: one struct in, numbers out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unrolled.kernels.native.library import Library

if TYPE_CHECKING:
    from unrolled.kernels.sparse import Pattern

__all__ = ["product", "takes"]


class _Product(ctypes.Structure):
    """`struct product` of src/graph_product.c, field by field."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                *("threads", "rows", "batch", "features", "half"),
                *("x_batch", "x_row", "y_batch", "y_row"),
            )
        ),
        *((name, ctypes.c_void_p) for name in ("pointer", "index", "values", "x", "y")),
    ]


def takes(pattern: Pattern, values: Tensor, x: Tensor) -> bool:
    """Whether the library computes such a product: float32 or bfloat16 on the CPU, int32 places, one matrix."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and values.dim() == 1
        and pattern.index.dtype == torch.int32
        and type(x) in (Tensor, torch.nn.Parameter)
    )


def product(library: Library, pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """``[columns, F]`` or ``[B, columns, F]`` → the same with rows, in x's dtype; float32 sums."""
    batched = x if x.dim() == 3 else x.unsqueeze(0)
    if batched.stride(2) != 1 and batched.shape[2] > 1:
        batched = batched.contiguous()
    values = values.float().contiguous()
    y = batched.new_empty(batched.shape[0], pattern.rows, batched.shape[2])
    record = _Product(
        torch.get_num_threads(),
        pattern.rows,
        batched.shape[0],
        batched.shape[2],
        x.dtype == torch.bfloat16,
        *batched.stride()[:2],
        *y.stride()[:2],
        pattern.pointer.data_ptr(),
        pattern.index.data_ptr(),
        values.data_ptr(),
        batched.data_ptr(),
        y.data_ptr(),
    )
    library.run("unrolled_graph_product", record)
    return y if x.dim() == 3 else y[0]

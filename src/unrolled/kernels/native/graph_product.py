"""A sparse matrix times features as the native library computes it: one struct in, numbers out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unrolled.kernels.native.library import Library

if TYPE_CHECKING:
    from unrolled.kernels.sparse import Pattern

__all__ = ["product", "product_into", "takes"]


class _Product(ctypes.Structure):
    """`struct product` of src/graph_product.c, field by field."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                *("threads", "rows", "batch", "features", "half"),
                *("x_batch", "x_row", "y_batch", "y_row", "add_batch", "add_row"),
            )
        ),
        *((name, ctypes.c_float) for name in ("scale", "add_scale")),
        *((name, ctypes.c_void_p) for name in ("pointer", "index", "values", "x", "y", "add")),
    ]


def takes(pattern: Pattern, values: Tensor, x: Tensor) -> bool:
    """Whether the library computes such a product: float32 or bfloat16 on the CPU, int32 places, one matrix."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and values.dim() == 1
        and pattern.index.dtype == torch.int32
        and type(x) in (Tensor, torch.nn.Parameter)
        and not (x.is_neg() or values.is_neg())
    )


def product(library: Library, pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """``[columns, F]`` or ``[B, columns, F]`` → the same with rows, in x's dtype; float32 sums."""
    batched = x if x.dim() == 3 else x.unsqueeze(0)
    if batched.stride(2) != 1 and batched.shape[2] > 1:
        batched = batched.contiguous()
    y = batched.new_empty(batched.shape[0], pattern.rows, batched.shape[2])
    product_into(library, y, pattern, values, batched, 1.0, None, 0.0)
    return y if x.dim() == 3 else y[0]


def product_into(
    library: Library,
    y: Tensor,
    pattern: Pattern,
    values: Tensor,
    x: Tensor,
    scale: float,
    add: Tensor | None,
    add_scale: float,
) -> None:
    """``y = scale · S x + add_scale · add``, all [B,·,F] with features that lie together; add may be y itself."""
    values = values.float().contiguous()
    record = _Product(
        torch.get_num_threads(),
        pattern.rows,
        x.shape[0],
        x.shape[2],
        x.dtype == torch.bfloat16,
        *x.stride()[:2],
        *y.stride()[:2],
        *((0, 0) if add is None else add.stride()[:2]),
        scale,
        add_scale,
        pattern.pointer.data_ptr(),
        pattern.index.data_ptr(),
        values.data_ptr(),
        x.data_ptr(),
        y.data_ptr(),
        None if add is None else add.data_ptr(),
    )
    library.run("unrolled_graph_product", record)

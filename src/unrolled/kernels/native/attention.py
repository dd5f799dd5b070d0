"""Graph attention as the native library computes it: one struct in, numbers out; nothing here knows autograd."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.kernels.native.library import Library
from unrolled.kernels.sparse import Pattern

__all__ = ["AttentionCall", "AttentionGradients", "backward", "forward", "takes"]

MOST_HEADS = 1024
"""`BLOCK_PLACES` of src/attention.h."""


class AttentionCall(NamedTuple):
    """What goes in; see src/attention.h.

    Attributes:
        pattern: rows receive, columns send; square, int32.
        h: ``[B, N, K, C]`` float32 or bfloat16: what is sent.
        r: the same shape for the dynamic score (it may be h itself), None for the additive one.
        att: ``[2, K, C]`` float32, additive: of senders, of receivers; ``[K, C]`` dynamic.
        edge: float32 in the pattern's order, ``[E, K]`` additive or ``[E, K, C]`` dynamic, or None.
        slope: of LeakyReLU.
        dropout: the share of attention that is dropped, 0…1.
        seed: of the draws.
    """

    pattern: Pattern
    h: Tensor
    r: Tensor | None
    att: Tensor
    edge: Tensor | None
    slope: float
    dropout: float
    seed: int


class AttentionGradients(NamedTuple):
    """∂L/∂ each input; `r` and `edge` are None where there was none, or it was not wanted."""

    h: Tensor
    r: Tensor | None
    att: Tensor
    edge: Tensor | None


class _Attention(ctypes.Structure):
    """`struct attention` of src/attention.h, field by field."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in (
                *("dynamic", "threads", "nodes", "batch", "heads", "channels", "half"),
                *("drop_below", "seed"),
            )
        ),
        ("slope", ctypes.c_double),
        ("kept", ctypes.c_double),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("pointer", "index", "turned_pointer", "turned_index", "turned_order"),
                *("h", "r", "att", "edge", "y", "stats"),
                *("grad_y", "grad_h", "grad_r", "grad_att", "grad_edge"),
            )
        ),
    ]


def takes(call: AttentionCall) -> bool:
    """Whether the library computes such a call: float32 or bfloat16 on the CPU, int32 places, something to do."""
    plain = all(t is None or t.device.type == "cpu" for t in (call.h, call.r, call.att, call.edge))
    pattern, heads = call.pattern, call.h.shape[2]
    return (
        plain
        and call.h.dtype in (torch.float32, torch.bfloat16)
        and pattern.index.dtype == torch.int32
        and pattern.rows == pattern.columns
        and call.h.numel() > 0
        and heads <= MOST_HEADS
    )


def forward(library: Library, call: AttentionCall) -> tuple[Tensor, Tensor]:
    """Y ``[B, N, K, C]`` in h's dtype, and what backward needs of each row."""
    call = _dense(call)
    record = _describe(call)
    size = library.call("unrolled_attention_record", record)
    y = torch.empty_like(call.h)
    stats = torch.empty((*call.h.shape[:2], 2, size), dtype=torch.float32, device="cpu")
    record.y, record.stats = y.data_ptr(), stats.data_ptr()
    library.run("unrolled_attention_forward", record)
    return y, stats


def backward(
    library: Library, call: AttentionCall, y: Tensor, stats: Tensor, grad_y: Tensor, *, want_edge: bool
) -> AttentionGradients:
    """The gradients of h, r, att and, where it is wanted, edge."""
    call = _dense(call)
    grad_y = grad_y.resolve_neg().contiguous()
    record = _describe(call)
    turned = call.pattern.transposed
    record.turned_pointer, record.turned_index = turned.pointer.data_ptr(), turned.index.data_ptr()
    record.turned_order = turned.order.data_ptr()
    grads = AttentionGradients(
        torch.empty_like(call.h),
        None if call.r is None else torch.empty_like(call.r),
        torch.empty_like(call.att),
        torch.empty_like(call.edge) if call.edge is not None and want_edge else None,
    )
    record.y, record.stats, record.grad_y = y.data_ptr(), stats.data_ptr(), grad_y.data_ptr()
    record.grad_h, record.grad_att = grads.h.data_ptr(), grads.att.data_ptr()
    record.grad_r = None if grads.r is None else grads.r.data_ptr()
    record.grad_edge = None if grads.edge is None else grads.edge.data_ptr()
    library.run("unrolled_attention_backward", record)
    return grads


def _dense(call: AttentionCall) -> AttentionCall:
    """The call with every tensor in the layout that the library reads; it must outlive the library's call."""
    h = call.h.resolve_neg().contiguous()
    return call._replace(
        h=h,
        r=None if call.r is None else h if call.r is call.h else call.r.resolve_neg().contiguous(),
        att=call.att.resolve_neg().contiguous(),
        edge=None if call.edge is None else call.edge.resolve_neg().contiguous(),
    )


def _describe(call: AttentionCall) -> _Attention:
    batch, nodes, heads, channels = call.h.shape
    return _Attention(
        call.r is not None,
        torch.get_num_threads(),
        *(nodes, batch, heads, channels),
        call.h.dtype == torch.bfloat16,
        min(round(call.dropout * 2**32), 2**32 - 1),
        call.seed,
        call.slope,
        1.0 / (1.0 - call.dropout) if call.dropout < 1.0 else 0.0,
        call.pattern.pointer.data_ptr(),
        call.pattern.index.data_ptr(),
        *(None, None, None),
        call.h.data_ptr(),
        None if call.r is None else call.r.data_ptr(),
        call.att.data_ptr(),
        None if call.edge is None else call.edge.data_ptr(),
    )

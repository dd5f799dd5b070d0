"""Sums, means, maxima and softmax over the entries of each row of a sparse pattern.

    gather(end, x)[e]  = x[end(e)]                         nodes → entries
    collect(end, m)[i] = Σ_{e: end(e)=i} m[e]              entries → nodes

Each is the other's derivative, so both differentiate any number of times.  Collecting is a product of a
sparse matrix of ones, several times faster on a CPU than torch's ``index_add``.

Shapes: x ``[N, …]``, m ``[E, …]`` with any trailing axes.  A row without entries has sum, mean and maximum 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unrolled.kernels import modes
from unrolled.kernels.sparse import End, Pattern, matrix, multiply

__all__ = ["AGGREGATIONS", "collect", "gather", "maximum", "mean", "softmax", "total"]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, end: End, x: Tensor) -> Tensor:
        ctx.end = end
        return x.index_select(0, end.index)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, _collect(ctx.end, gradients[0])


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, end: End, m: Tensor) -> Tensor:
        ctx.end = end
        flat = m.reshape(m.shape[0], m.shape[1:].numel())
        with torch.autocast(m.device.type, enabled=False):
            summed = multiply(end.collector, flat.new_ones(m.shape[0]), flat)
        return summed.reshape(end.collector.rows, *m.shape[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, _gather(ctx.end, gradients[0])


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, end: End, scores: Tensor) -> Tensor:
        top = _row_maximum(end, scores)
        weights = (scores - top.index_select(0, end.index)).exp_()
        weights /= _collect(end, weights).index_select(0, end.index)
        ctx.end = end
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        (a,) = ctx.saved_tensors
        weighted = a * gradients[0]
        return None, weighted - a * gather(ctx.end, collect(ctx.end, weighted))


_gather: Callable[[End, Tensor], Tensor] = _Gather.apply
_collect: Callable[[End, Tensor], Tensor] = _Collect.apply
_softmax: Callable[[End, Tensor], Tensor] = _Softmax.apply


def gather(end: End, x: Tensor) -> Tensor:
    """``[N, …] → [E, …]``: each entry's node's row of x."""
    if modes.is_watched():
        return x.index_select(0, end.index)
    return _gather(end, x)


def collect(end: End, m: Tensor) -> Tensor:
    """``[E, …] → [N, …]``: the sum over each node's entries."""
    if modes.is_watched():
        return m.new_zeros(end.collector.rows, *m.shape[1:]).index_add(0, end.index, m)
    return _collect(end, m)


def _row_maximum(end: End, m: Tensor) -> Tensor:
    """The greatest of each row's entries, 0 where there are none; no gradient."""
    m = m.detach()
    flat = m.reshape(m.shape[0], m.shape[1:].numel())
    top = flat.new_zeros(end.collector.rows, flat.shape[1])
    plain = not modes.is_watched()
    if flat.device.type == "cpu" and flat.numel() > 0 and plain:
        top = torch.sparse.mm(matrix(end.collector, flat.new_ones(m.shape[0])), flat, "amax")
    elif flat.numel() > 0:
        index = end.index.long().unsqueeze(1).expand_as(flat)
        top = top.scatter_reduce(0, index, flat, "amax", include_self=False)
    return top.reshape(end.collector.rows, *m.shape[1:])


def total(pattern: Pattern, messages: Tensor) -> Tensor:
    """``[E, …] → [rows, …]``: the sum over each row's entries."""
    return collect(pattern.row_end, messages)


def mean(pattern: Pattern, messages: Tensor) -> Tensor:
    """``[E, …] → [rows, …]``: the mean over each row's entries."""
    counts = pattern.pointer.diff().clamp(min=1).to(messages.dtype)
    return total(pattern, messages) / counts.reshape(-1, *[1] * (messages.dim() - 1))


def maximum(pattern: Pattern, messages: Tensor) -> Tensor:
    """``[E, …] → [rows, …]``: the greatest of each row's entries; equal ones share the gradient evenly."""
    end = pattern.row_end
    top = _row_maximum(end, messages)
    winners = (messages.detach() == gather(end, top)).to(messages.dtype)
    share = winners / gather(end, collect(end, winners))
    through = collect(end, messages * share)
    return top + (through - through.detach())


def softmax(pattern: Pattern, scores: Tensor) -> Tensor:
    """``a[e] = exp(s[e]) / Σ_{e' of the same row} exp(s[e'])``, safe for scores of any size.

    Args:
        pattern: whose rows are normalised over.
        scores: ``[E, …]`` in the pattern's order.
    """
    end = pattern.row_end
    if modes.is_watched():
        weights = (scores - gather(end, _row_maximum(end, scores))).exp()
        return weights / gather(end, collect(end, weights))
    return _softmax(end, scores)


AGGREGATIONS = {"sum": total, "mean": mean, "max": maximum}
"""What a row may do with its entries, by name."""

"""Attention over a sparse pattern: each row's entries are weighed by a softmax of their scores.

    additive   s[e,k] = LeakyReLU( ⟨h[j,k], att[0,k]⟩ + ⟨h[i,k], att[1,k]⟩ + edge[e,k] )       e: j→i
    dynamic    s[e,k] = ⟨att[k], LeakyReLU( h[j,k] + r[i,k] + edge[e,k] )⟩
    a[e,k]   = softmax_{e: j→i}( s[e,k] )
    y[i,k,:] = Σ_{e: j→i} m[e,k] · a[e,k] · h[j,k,:]

m is 1, or `attention_dropout`'s 0 and 1/(1-p).  `attention` gives y by the fastest path there is; `attend` is
the formula in torch, which also gives a, and of which every derivative exists.

The native kernel does a row in one pass and makes it again in backward; it keeps two numbers a row and head.
Memory is O(E·K) on both paths: nothing of size E·K·C is made but the dynamic score's, a head at a time, in
torch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unrolled.kernels import attention_dropout, modes, native, segments
from unrolled.kernels.native import attention as fused
from unrolled.kernels.native.library import Library
from unrolled.kernels.recurrent import asked_path
from unrolled.kernels.sparse import Pattern, product

__all__ = ["Attention", "attend", "attention"]

_SCORED_AT_ONCE = 2**21  # numbers of the [E, K, C] tensor that GATv2 scores at a time: 8 MB in float32


class Attention(NamedTuple):
    """What attention is to be computed.

    Attributes:
        pattern: rows receive, columns send; square.
        h: ``[B, N, K, C]``, what is sent.
        r: ``[B, N, K, C]``, what the receiver adds to a dynamic score; None: the score is additive.
        att: ``[2, K, C]``, additive: for the sender and the receiver; ``[K, C]``, dynamic.
        edge: ``[E, K]`` additive or ``[E, K, C]`` dynamic, in the pattern's order; or None.
        slope: of the LeakyReLU.
        dropout: the share of attention that is dropped now, 0…1.
        seed: of what is dropped.
    """

    pattern: Pattern
    h: Tensor
    r: Tensor | None
    att: Tensor
    edge: Tensor | None
    slope: float
    dropout: float = 0.0
    seed: int = 0


def attention(given: Attention) -> Tensor:
    """Y ``[B, N, K, C]``, differentiable any number of times."""
    library = _library(given)
    if library is None:
        return attend(given)[0]
    edge = None if given.edge is None else given.edge.float()
    y: Tensor = _Fused.apply(library, given, given.h, given.r, given.att.float(), edge)  # type: ignore[no-untyped-call]
    return y


def attend(given: Attention) -> tuple[Tensor, Tensor]:
    """Y ``[B, N, K, C]`` and ``m·a`` ``[E, B·K]`` in the pattern's order, by the formula in torch."""
    pattern, (B, N, K, C) = given.pattern, given.h.shape
    h = _heads_together(given.h)
    edge = None if given.edge is None else given.edge.to(h.dtype).repeat(1, B, *[1] * (given.edge.dim() - 2))
    att = given.att.to(h.dtype).repeat(*[1] * (given.att.dim() - 2), B, 1)
    if given.r is None:
        scores = _additive(pattern, h, att, edge, given.slope)
    else:
        scores = _dynamic(pattern, h, _heads_together(given.r), att, edge, given.slope)
    weights = segments.softmax(pattern, scores)
    if given.dropout > 0.0:
        weights = weights * attention_dropout.kept(pattern.entries, B * K, given.dropout, given.seed, weights)
    y = product(pattern, weights.t().contiguous(), h.transpose(0, 1).contiguous())
    return y.reshape(B, K, N, C).transpose(1, 2), weights


def _library(given: Attention) -> Library | None:
    """The native library, where it is there, allowed and computes such a call."""
    choice = asked_path()
    by_formula = choice in ("torch", "reference") or modes.is_watched()
    if by_formula or not fused.takes(fused.AttentionCall(*given)):
        return None
    return native.loaded(choice)


def _heads_together(h: Tensor) -> Tensor:
    """``[B, N, K, C] → [N, B·K, C]``: batches beside heads, since each attends for itself."""
    return h.transpose(0, 1).reshape(h.shape[1], h.shape[0] * h.shape[2], h.shape[3])


def _additive(pattern: Pattern, h: Tensor, att: Tensor, edge: Tensor | None, slope: float) -> Tensor:
    """``[E, K]``."""
    sent, received = torch.einsum("nkc,akc->ank", h, att)
    scores = segments.gather(pattern.column_end, sent) + segments.gather(pattern.row_end, received)
    return F.leaky_relu(scores if edge is None else scores + edge, slope)


def _dynamic(pattern: Pattern, h: Tensor, r: Tensor, att: Tensor, edge: Tensor | None, slope: float) -> Tensor:
    """``[E, K]``; what is summed over C is made head by head and, where it is differentiated, made again in
    backward.
    """

    def score(h: Tensor, r: Tensor, edge: Tensor | None, att: Tensor) -> Tensor:
        z = segments.gather(pattern.column_end, h) + segments.gather(pattern.row_end, r)
        return torch.einsum("ekc,kc->ek", F.leaky_relu(z if edge is None else z + edge, slope), att)

    if pattern.entries * att.numel() <= _SCORED_AT_ONCE or modes.is_watched():
        return score(h, r, edge, att)
    heads = [slice(k, k + 1) for k in range(att.shape[0])]
    parts = [
        checkpoint(
            score,
            h[:, k],
            r[:, k],
            None if edge is None else edge[:, k],
            att[k],
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for k in heads
    ]
    return torch.cat(parts, 1)


class _Fused(torch.autograd.Function):
    """The native kernel; a derivative of its backward is taken of the formula."""

    @staticmethod
    def forward(
        ctx: Any, library: Library, given: Attention, h: Tensor, r: Tensor | None, att: Tensor, edge: Tensor | None
    ) -> Tensor:
        call = fused.AttentionCall(*given._replace(h=h, r=r, att=att, edge=edge))
        y, stats = fused.forward(library, call)
        ctx.library, ctx.given = library, given._replace(h=None, r=None, att=None, edge=None)  # type: ignore[arg-type]
        ctx.save_for_backward(h, r, att, edge, y, stats)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = gradients
        h, r, att, edge, y, stats = ctx.saved_tensors
        given = ctx.given._replace(h=h, r=r, att=att, edge=edge)
        if torch.is_grad_enabled():
            return (None, None, *_differentiated(given, g, ctx.needs_input_grad[2:]))
        found = fused.backward(ctx.library, fused.AttentionCall(*given), y, stats, g, want_edge=ctx.needs_input_grad[5])
        return (None, None, found.h, found.r, found.att, found.edge)


def _differentiated(given: Attention, g: Tensor, needed: tuple[bool, ...]) -> list[Tensor | None]:
    """The gradients of h, r, att and edge as the formula has them, themselves differentiable."""
    inputs = [given.h, given.r, given.att, given.edge]
    own = [None if t is None else t.view_as(t) for t in inputs]  # h and r may be one tensor with two gradients
    y, _ = attend(given._replace(h=own[0], r=own[1], att=own[2], edge=own[3]))  # type: ignore[arg-type]
    asked_for = [t for t, need in zip(own, needed, strict=True) if need and t is not None]
    found = iter(torch.autograd.grad(y, asked_for, g, create_graph=True))
    return [next(found) if need and t is not None else None for t, need in zip(own, needed, strict=True)]

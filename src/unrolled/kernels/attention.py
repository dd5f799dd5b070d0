"""Attention over a sparse pattern: each row's entries are weighed by a softmax of their scores.

    a[e,k]   = softmax_{e: j→i}( s[e,k] )
    y[i,k,:] = Σ_{e: j→i} a[e,k] · h[j,k,:]

Memory is O(E·K): nothing of size E·K·C is made.  `additive_scores` and `dynamic_scores` are the two ways a
score comes about (GAT's and GATv2's); `attend` does the rest.

Shapes: s ``[E, K]`` in the pattern's order, h ``[N, K, C]``; leading batch axes are folded into K.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unrolled.kernels import segments
from unrolled.kernels.sparse import Pattern, product

__all__ = ["additive_scores", "attend", "dynamic_scores"]

_SCORED_AT_ONCE = 2**21  # numbers of the [E, K, C] tensor that GATv2 scores at a time: 8 MB in float32


def additive_scores(
    pattern: Pattern, sent: Tensor, received: Tensor, edge: Tensor | None, negative_slope: float
) -> Tensor:
    """``s[e,k] = LeakyReLU( sent[j,k] + received[i,k] + edge[e,k] )``: ``[E, K]``.

    Args:
        pattern: rows receive, columns send.
        sent: ``[columns, K]``.
        received: ``[rows, K]``.
        edge: ``[E, K]`` in the pattern's order, or None.
        negative_slope: of the LeakyReLU.
    """
    scores = segments.gather(pattern.column_end, sent) + segments.gather(pattern.row_end, received)
    if edge is not None:
        scores = scores + edge
    return F.leaky_relu(scores, negative_slope)


def dynamic_scores(
    pattern: Pattern, sent: Tensor, received: Tensor, edge: Tensor | None, att: Tensor, negative_slope: float
) -> Tensor:
    """``s[e,k] = Σ_c att[k,c] · LeakyReLU( sent[j,k,c] + received[i,k,c] + edge[e,k,c] )``: ``[E, K]``.

    The sum inside is made head by head and, where it is differentiated, made again in backward, so that a
    K-th of the ``[E, K, C]`` numbers is the most that is ever held.

    Args:
        pattern: rows receive, columns send.
        sent: ``[columns, K, C]``.
        received: ``[rows, K, C]``.
        edge: ``[E, K, C]`` in the pattern's order, or None.
        att: ``[K, C]``.
        negative_slope: of the LeakyReLU.
    """

    def score(sent: Tensor, received: Tensor, edge: Tensor | None, att: Tensor) -> Tensor:
        z = segments.gather(pattern.column_end, sent) + segments.gather(pattern.row_end, received)
        if edge is not None:
            z = z + edge
        return torch.einsum("ekc,kc->ek", F.leaky_relu(z, negative_slope), att)

    if pattern.entries * att.numel() <= _SCORED_AT_ONCE:
        return score(sent, received, edge, att)
    heads = [slice(k, k + 1) for k in range(att.shape[0])]
    parts = [
        checkpoint(
            score,
            sent[:, k],
            received[:, k],
            None if edge is None else edge[:, k],
            att[k],
            use_reentrant=False,
            preserve_rng_state=False,
        )
        for k in heads
    ]
    return torch.cat(parts, 1)


def attend(
    pattern: Pattern, scores: Tensor, h: Tensor, *, dropout: float = 0.0, training: bool = False
) -> tuple[Tensor, Tensor]:
    """The attention weights and what they gather.

    Args:
        pattern: rows receive, columns send.
        scores: ``[E, K]`` in the pattern's order.
        h: ``[columns, K, C]``.
        dropout: the share of attention weights dropped while training; the others are scaled up.
        training: whether to drop.

    Returns:
        y ``[rows, K, C]`` and a ``[E, K]`` as it was used, in the pattern's order.
    """
    weights = segments.softmax(pattern, scores)
    if dropout > 0.0 and training:
        weights = F.dropout(weights, dropout)
    gathered = product(pattern, weights.t().contiguous(), h.transpose(0, 1).contiguous())
    return gathered.transpose(0, 1), weights

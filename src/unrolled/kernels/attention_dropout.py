"""Which attention weights are dropped: a hash of the seed, the entry and the head, the same on every path.

    x    = mix( entry ⊕ seed mod 2³² ) + seed div 2³²
    drop ⇔ mix( x + (head + 1) · 0x9e3779b9 ) < p · 2³²          all mod 2³²

`mix` is a bijection of 32 bits with small bias (C. Wellons, "Hash Function Prospector", 2018).  Nothing is
drawn in an order, so backward, a second derivative and any number of threads see the same; src/attention_rows.h
says the same in C.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["kept"]

_WORD = 2**32 - 1


def kept(entries: int, heads: int, dropout: float, seed: int, like: Tensor) -> Tensor:
    """``[E, K]``: 0 where attention is dropped, 1 / (1 - dropout) where it stays, in the dtype of ``like``.

    Args:
        entries: E, in the pattern's order.
        heads: K, batch by batch.
        dropout: the share that is dropped, 0…1.
        seed: 0…2⁶³-1.
        like: whose dtype and device.
    """
    entry = torch.arange(entries, device=like.device).unsqueeze(1)
    head = torch.arange(1, heads + 1, device=like.device)
    key = _mixed(entry ^ (seed & _WORD)) + (seed >> 32)
    drawn = _mixed((key + head * 0x9E3779B9) & _WORD)
    stays = drawn >= min(round(dropout * 2**32), _WORD)
    return stays.to(like.dtype) * (1.0 / (1.0 - dropout) if dropout < 1.0 else 0.0)


def _mixed(x: Tensor) -> Tensor:
    """The hash of 32-bit words in int64; products wrap, and their low words are right all the same."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _WORD
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _WORD
    return x ^ (x >> 16)

"""Dropout of input features that costs what there is to drop: a zero that is dropped is still a zero."""

from __future__ import annotations

import weakref
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FeatureDropout"]

SPARSE = 0.25
"""The largest share of non-zeros for which only they are drawn."""


@final
class FeatureDropout(nn.Module):
    """``y = x · m / (1 − p)``,  m ~ Bernoulli(1 − p), for each number; in evaluation y = x.

    torch's dropout draws for every number. Bags of words are zero nearly everywhere (Cora's at 98.7 %), so here only
    the others are drawn, as in Kipf & Welling's code. Where the non-zeros of a tensor are is found once and kept as
    long as the same tensor comes again, unchanged. Where x is not sparse or wants a gradient, it is torch's dropout.

    Shapes: any, on the CPU or elsewhere.

    Args:
        p: share that is dropped.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._seen: tuple[weakref.ref[Tensor], int, Tensor | None] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The features with some of them dropped, while training."""
        if not self.training or self.p == 0.0:
            return x
        places = None if x.requires_grad else self._places(x)
        if places is None:
            return F.dropout(x, self.p, training=True)
        y = torch.zeros_like(x, memory_format=torch.contiguous_format)
        y.view(-1)[places] = F.dropout(x.reshape(-1)[places], self.p, training=True)
        return y

    def _places(self, x: Tensor) -> Tensor | None:
        """Where ``x`` is not zero, or None where it is not sparse."""
        if self._seen is not None and self._seen[0]() is x and self._seen[1] == x._version:
            return self._seen[2]
        places = None
        if int(torch.count_nonzero(x)) <= SPARSE * x.numel():
            places = x.reshape(-1).nonzero().squeeze(1)
        self._seen = weakref.ref(x), x._version, places
        return places

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_seen": None}

    def extra_repr(self) -> str:
        """The share."""
        return f"p={self.p}"

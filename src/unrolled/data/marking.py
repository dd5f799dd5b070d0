"""How answers are marked: how wrong they are, and how many are right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

__all__ = ["IGNORED", "Marking", "Near", "OneOf"]

IGNORED = -100
"""The target where nothing is asked; torch's cross-entropy passes over it."""


class Marking(ABC):
    """Compares what a network says, ``[n, K]``, with the right answers, ``[n]``."""

    @abstractmethod
    def loss_nats(self, said: Tensor, targets: Tensor) -> Tensor:
        """The loss, summed over the answers that are asked for."""

    @abstractmethod
    def right(self, said: Tensor, targets: Tensor) -> Tensor:
        """How many answers are right."""


@final
@dataclass(frozen=True, slots=True)
class OneOf(Marking):
    """One of K classes: cross-entropy; right is the class with the largest logit."""

    def loss_nats(self, said: Tensor, targets: Tensor) -> Tensor:
        """−Σ log softmax(said)[target]."""
        return cross_entropy(said, targets, ignore_index=IGNORED, reduction="sum")

    def right(self, said: Tensor, targets: Tensor) -> Tensor:
        """Σ [argmax(said) = target]."""
        return (said.argmax(-1) == targets).sum()


@final
@dataclass(frozen=True, slots=True)
class Near(Marking):
    """A number: the squared error; right is what lies within a tolerance.

    The squared error *is* a loss in nats but for a constant: −log p of a normal distribution of variance ½ around the
    number said is (y − ŷ)² + ½ log π.

    Attributes:
        tolerance: how far off an answer may be.
    """

    tolerance: float

    def loss_nats(self, said: Tensor, targets: Tensor) -> Tensor:
        """Σ (said − target)²."""
        return mse_loss(said.squeeze(-1), targets.to(said.dtype), reduction="sum")

    def right(self, said: Tensor, targets: Tensor) -> Tensor:
        """Σ [|said − target| ≤ tolerance]."""
        return ((said.squeeze(-1) - targets).abs() <= self.tolerance).sum()

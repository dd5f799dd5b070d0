"""Loss, score and gradient norm of the training batches, left on the device until somebody reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

__all__ = ["Averages", "Meter", "Reading"]


class Reading(NamedTuple):
    """One training batch."""

    loss: float
    score: float
    gradient_norm: float

    @property
    def is_finite(self) -> bool:
        """Whether training is still among the numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Means over some training batches, before their steps were taken.

    Attributes:
        batches: how many.
        loss: mean loss; in nats, where answers are chosen.
        score: mean share of right answers; of forecasts, mean absolute error.
        gradient_norm: mean norm of the gradient before clipping.
        clipped_share: share of the steps on which clipping acted.
    """

    batches: int = 0
    loss: float = math.nan
    score: float = math.nan
    gradient_norm: float = math.nan
    clipped_share: float = 0.0


@final
class Meter:
    """Collects batches on the device, where a value read at every step would make the device wait for the host.

    Args:
        clip: the norm from which clipping acts; None: never.
    """

    def __init__(self, clip: float | None) -> None:
        self._clip = math.inf if clip is None else clip
        self._unread: list[Tensor] = []
        self._since: list[Reading] = []
        self._last = Averages()
        self.steps_clipped = 0

    def add(self, loss: Tensor, score: Tensor, gradient_norm: Tensor) -> None:
        """Take in one batch, as scalars that stay where they are."""
        self._unread += (loss.detach(), score, gradient_norm)

    def read(self) -> list[Reading]:
        """The batches added since the last reading."""
        if not self._unread:
            return []
        values = torch.stack(self._unread).tolist()
        readings = [Reading(*values[first : first + 3]) for first in range(0, len(values), 3)]
        self._unread.clear()
        self._since += readings
        self.steps_clipped += sum(reading.gradient_norm > self._clip for reading in readings)
        return readings

    def averages(self) -> Averages:
        """Means over what was read since `line`, or over the last line's batches where nothing was."""
        count = len(self._since)
        if count == 0:
            return self._last
        loss, score, norm = (math.fsum(column) / count for column in zip(*self._since, strict=True))
        clipped = sum(reading.gradient_norm > self._clip for reading in self._since)
        return Averages(batches=count, loss=loss, score=score, gradient_norm=norm, clipped_share=clipped / count)

    def line(self) -> Averages | None:
        """Means over what was read since the last line, which this call begins anew; None where nothing was."""
        if not self._since:
            return None
        self._last = self.averages()
        self._since = []
        return self._last

    def state(self) -> dict[str, Any]:
        """What was read and not yet averaged away, as JSON; everything must have been read."""
        assert not self._unread
        last = None if self._last.batches == 0 else vars(self._last)
        return {"since": [list(reading) for reading in self._since], "last": last, "clipped": self.steps_clipped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._unread = []
        self._since = [Reading(*values) for values in state["since"]]
        self._last = Averages() if state["last"] is None else Averages(**state["last"])
        self.steps_clipped = state["clipped"]

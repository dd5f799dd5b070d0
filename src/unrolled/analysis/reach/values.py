"""What comes out of a measurement of reach: frozen numbers, each with its standard error."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

__all__ = ["Estimate", "Reach"]


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error; 0 where it is exact.

    Attributes:
        value: the number.
        error: its standard error.
        freedom: degrees of freedom of the error.
    """

    value: float
    error: float
    freedom: int = 0

    def interval(self, confidence: float = 0.99) -> tuple[float, float]:
        """Where the exact value lies, by Student's t (Cornish and Fisher's expansion of its quantile)."""
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        n = max(self.freedom, 1)
        t = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        return self.value - t * self.error, self.value + t * self.error


@dataclass(frozen=True)
class Reach:
    """How much of the input at each distance an output hears, averaged over outputs.

    Attributes:
        unit: what a distance counts, "steps" or "hops".
        influence: at distance 0, 1, …: the influence of everything at that distance together, mean over the
            outputs. Unbiased.
        range_total: Σ_v I(u,v) d(u,v), mean over the outputs u. Unbiased.
        mean_distance: the range: Σ_v I(u,v) d(u,v) / Σ_v I(u,v), mean over the outputs. With probes a quotient of
            estimates, whose bias falls with their number.
        each: the mean distance of every output that was looked at (nodes, or sequences).
        outputs: which ones: node numbers, or 0..B-1.
        unreached: share of the influence that comes from where no path leads (a network that does more than
            follow the edges).
        exact: whether every output and the whole Jacobian was looked at, so that errors are 0 or tell of the
            inputs alone.
        kind: "jacobian", or "replacement".
    """

    unit: Literal["steps", "hops"]
    influence: tuple[Estimate, ...]
    range_total: Estimate
    mean_distance: Estimate
    each: tuple[float, ...]
    outputs: tuple[int, ...]
    unreached: float
    exact: bool
    kind: Literal["jacobian", "replacement"] = "jacobian"

    @property
    def shares(self) -> tuple[float, ...]:
        """The influence at each distance over the influence of all."""
        total = sum(each.value for each in self.influence)
        return tuple(each.value / total if total else 0.0 for each in self.influence)

    def horizon(self, share: float = 0.95) -> int | None:
        """The effective memory: the least distance within which ``share`` of the influence lies.

        None if nothing has any influence.
        """
        heard = 0.0
        for distance, part in enumerate(self.shares):
            heard += part
            if heard >= share:
                return distance
        return len(self.influence) - 1 if heard > 0 else None

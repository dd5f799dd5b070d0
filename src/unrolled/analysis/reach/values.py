"""What comes out of a measurement of reach: frozen numbers, each with its standard error."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

__all__ = ["Estimate", "Reach", "student"]


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error; 0 where it is exact.

    Attributes:
        value: the number.
        error: its standard error.
        freedom: degrees of freedom of the error.
        skew: third moment of the mean over the third power of its error, as the sample has it.
    """

    value: float
    error: float
    freedom: int = 0
    skew: float = 0.0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Where the exact value lies: Student's interval, made longer to the side where large deviations are.

        What is estimated is not negative, and large values are rarer than small ones: a sample that missed them has too
        small a mean and too small an error together. So the upper end is at least that of an interval for the
        logarithm, v exp(t e/v), and both ends at least those of Hall's transformation by the skewness (1992). With 8
        draws or more this is 1.05 to 1.2 times Student's width. No interval knows of a value that never was drawn:
        where one output feature in forty carries nearly everything, look at all of them.
        """
        t = student(0.5 + confidence / 2, max(self.freedom, 1))
        down, up = max(t, self._skewed(t)) * self.error, max(t, -self._skewed(-t)) * self.error
        if self.value <= 0 or up == 0:
            return self.value - down, self.value + up
        relative = t * self.error / self.value
        logarithmic = self.value * math.exp(relative) if relative < 700 else math.inf
        return max(self.value - down, 0.0), max(self.value + up, logarithmic)

    def _skewed(self, t: float) -> float:
        """The inverse of Hall's t + A t² + A² t³/3 + A/6, where A is a third of the skewness."""
        A = self.skew / 3
        if abs(A) < 1e-6:
            return t
        return (math.cbrt(1 + 3 * A * (t - A / 2)) - 1) / A


@functools.cache
def student(chance: float, freedom: int) -> float:
    """The quantile of Student's t for a chance of at least one half.

    By Abramowitz and Stegun's finite sums (26.7.3 and 26.7.4) over the angle θ = arctan(t/√n), halved until found; by
    Cornish and Fisher's expansion (26.7.5) from 100 degrees of freedom on.
    """
    n = freedom
    if n >= 100:
        z = NormalDist().inv_cdf(chance)
        return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, n) < 2 * chance - 1 else (low, middle)
    return math.sqrt(n) * math.tan(low)


def _within(angle: float, n: int) -> float:
    """The chance that |t| is at most √n tan(angle)."""
    cosine, term, total = math.cos(angle), 1.0, 0.0
    if n % 2:
        term = cosine
        for k in range(1, n - 1, 2):
            total += term
            term *= cosine**2 * (k + 1) / (k + 2)
        return 2 / math.pi * (angle + math.sin(angle) * total)
    for k in range(0, n - 1, 2):
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
    return math.sin(angle) * total


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

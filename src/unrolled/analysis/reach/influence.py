"""The influence of one input on one output, exactly or by probes, and averages over both.

The influence of input v on output u is the sum of the absolute entries of a Jacobian::

    I(u,v) = Σ_i Σ_j |∂y_u,i / ∂x_v,j|

which Xu et al. (2018) and PyG use. The range of Bamberger et al. (ICML 2025) is the mean distance of an input drawn by
its influence, E_{v∼I(u,·)} d(u,v). With one output and one input feature both are what one expects, |∂y_u/∂x_v|.

One vector-Jacobian product z gives zᵀ ∂y_u/∂x_v for every v at once. Probes: z = d e_i for an output feature i drawn
without replacement from d, so E Σ_j |zᵀJ|_j = I(u,v): unbiased, and exact once all d are drawn. ``norm="columns"`` is
the sum over j of the Euclidean norms of J's columns instead, for which Gaussian probes (Hutchinson's idea, for norms)
are unbiased: E|zᵀJ e_j| = √(2/π) ‖J e_j‖.

Error: outputs and probes are a two-stage sample (Cochran 1977, 10.3): n of N outputs, K of d probes each::

    variance = (1 - n/N) s_between²/n + (n/N) (1 - K/d) s_within²/(n K)

N is infinite for sequences (inputs are drawn from a task), d for Gaussian probes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from unrolled.analysis.reach.values import Estimate, Reach
from unrolled.errors import InputError, UnknownName

__all__ = ["NORMS", "Norm", "Sample", "draw_probes", "pulled_back", "require_finite", "summarise"]

Norm = Literal["entries", "columns"]
NORMS: tuple[Norm, ...] = ("entries", "columns")


@dataclass(frozen=True, eq=False)
class Sample:
    """What was measured of some outputs, a row an output.

    Attributes:
        profiles: [n,K,D]: the influence at each distance, by output and probe.
        outside: [n]: influence from where no path leads.
        outputs: which ones they are.
        population: N, or None for infinitely many.
        population_probes: d, or None for infinitely many.
    """

    profiles: Tensor
    outside: Tensor
    outputs: tuple[int, ...]
    population: int | None
    population_probes: int | None


def draw_probes(
    features: int, probes: int | None, norm: Norm, generator: Generator | None
) -> tuple[Tensor, int | None]:
    """[K,d] vectors for one output of d features, in float64, and how many different ones there are.

    Raises:
        UnknownName: no such norm.
        InputError: fewer than 2 probes (an error needs two), or Gaussian ones without a number.
    """
    if norm not in NORMS:
        raise UnknownName("norm", norm, NORMS)
    if probes is not None and probes < min(2, features if norm == "entries" else 2):
        raise InputError(f"probes is {probes}: at least 2, so that their spread tells the error")
    if norm == "entries":
        count = features if probes is None else min(probes, features)
        chosen = torch.arange(features) if count == features else torch.randperm(features, generator=generator)[:count]
        return features * torch.eye(features, dtype=torch.float64)[chosen], features
    if probes is None:
        raise InputError("norm 'columns' is estimated: give a number of probes, such as 32")
    drawn = torch.randn(probes, features, generator=generator, dtype=torch.float64)
    return math.sqrt(math.pi / 2) * drawn, None


def pulled_back(y: Tensor, x: Tensor, z: Tensor | None = None, *, again: bool = True) -> Tensor:
    """zᵀ ∂y/∂x, of the shape of x.

    Args:
        y: made from x.
        x: a leaf that takes gradients.
        z: of y's shape; None: 1 of a single number.
        again: whether more will be asked of y.

    Raises:
        InputError: y was not made from x.
    """
    (found,) = torch.autograd.grad(y, x, z, retain_graph=again, allow_unused=True)
    if found is None:
        raise InputError("the output does not depend on x, only on weights")
    return found


def require_finite(influence: Tensor, outputs: Sequence[int], what: str) -> None:
    """Refuse influence on some outputs [n,…] that no mean can be taken of.

    Raises:
        InputError: naming the first output of which something is inf or no number.
    """
    finite = torch.isfinite(influence).flatten(1).all(1)
    if not finite.all():
        first = outputs[int((~finite).nonzero()[0])]
        raise InputError(
            f"the influence on {what} {first} is inf or no number: are inputs and weights finite, does none overflow?"
        )


def summarise(sample: Sample, unit: Literal["steps", "hops"], kind: Literal["jacobian", "replacement"]) -> Reach:
    """Means and errors over the outputs and probes of a sample."""
    profiles = sample.profiles.double()
    n, K, D = profiles.shape
    distance = torch.arange(D, dtype=torch.float64)
    total, weighted = profiles.sum(-1), profiles @ distance
    by_probe = _quotients(weighted, total, sample.population_probes)
    influence = [_estimate(profiles[..., at], sample) for at in range(D)]
    outside = sample.outside.double()
    everything = float(outside.sum() + total.mean(1).sum())
    whole = sample.population_probes is not None and sample.population_probes == K
    return Reach(
        unit=unit,
        influence=tuple(influence),
        range_total=_estimate(weighted, sample),
        mean_distance=_estimate(by_probe, sample),
        each=tuple(by_probe.mean(1).tolist()),
        outputs=sample.outputs,
        unreached=float(outside.sum()) / everything if everything else 0.0,
        exact=whole and sample.population in (None, n),
        kind=kind,
    )


def _quotients(above: Tensor, below: Tensor, population: int | None) -> Tensor:
    """Σ above / Σ below of each output, as values by probe whose mean it is and whose spread tells its error.

    A quotient of estimates is biased by about 1/K, for all outputs alike, so that no number of them averages it away.
    Quenouille's jackknife takes that out: with r_k the quotient without probe k and f = 1 - K/d the share of the
    probes not drawn, r + f (K - 1) (r - mean r_k); exact once all are drawn.
    """
    K = above.shape[1]

    def over(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(b > 0, a / b.clamp(min=1e-300), 0.0)

    whole = over(above.sum(1), below.sum(1))[:, None]
    if K == 1:
        return whole
    without = over(above.sum(1, keepdim=True) - above, below.sum(1, keepdim=True) - below)
    middle = without.mean(1, keepdim=True)
    left = 1.0 if population is None else 1 - K / population
    return whole + (K - 1) * (left * (whole - middle) + (middle - without))


def _estimate(values: Tensor, sample: Sample) -> Estimate:
    """Mean of [n,K] and its two-stage standard error."""
    n, K = values.shape
    rows = values.mean(1)
    taken = 0.0 if sample.population is None else n / sample.population
    left = 1.0 if sample.population_probes is None else 1 - K / sample.population_probes
    between = float(rows.var()) if n > 1 else 0.0
    within = float(values.var(1).mean()) if K > 1 else 0.0
    if n == 1 and sample.population is None:
        taken = 1.0  # of the one sequence that was given
    variance = (1 - taken) * between / n + taken * left * within / (n * K)
    freedom = n - 1 if taken < 1 else _within_freedom(values)
    deviations = rows - rows.mean() if taken < 1 else (values - rows[:, None]).flatten()
    return Estimate(float(rows.mean()), math.sqrt(max(variance, 0.0)), freedom, _skew_of_mean(deviations))


def _within_freedom(values: Tensor) -> int:
    """Degrees of freedom of a sum of variances [n,K], of which some are larger than others (Satterthwaite 1946)."""
    variances = values.var(1) if values.shape[1] > 1 else torch.zeros(1)
    squares = float(variances.square().sum())
    return max(1, int((values.shape[1] - 1) * float(variances.sum()) ** 2 / squares)) if squares > 0 else 0


def _skew_of_mean(deviations: Tensor) -> float:
    """The skewness of a mean of so many: the sample's (bias taken out) over √m."""
    m, spread = len(deviations), float(deviations.square().mean().sqrt())
    if m < 3 or spread == 0:
        return 0.0
    sample = float(deviations.pow(3).mean()) / spread**3
    return sample * math.sqrt(m * (m - 1)) / (m - 2) / math.sqrt(m)

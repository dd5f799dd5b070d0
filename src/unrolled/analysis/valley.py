"""Four optimisers, with and without clipping, on a narrow curved valley of two parameters.

The valley is Rosenbrock's::

    f(u, v) = (1 - u)² + 100 (v - u²)²
    ∂f/∂u = -2 (1 - u) - 400 u (v - u²),   ∂f/∂v = 200 (v - u²)

The floor is the parabola v = u² and slopes gently to the minimum 0 at (1, 1); the walls are steep. At the
minimum the curvature across is 2508 times the curvature along, so the step that is safe across is tiny along.
At `START`, on a wall, the gradient is 153 long, on the floor at (0, 0) it is 2: the cliff that clipping is for.

Steps are torch.optim's own, in float64, with nothing drawn: one path for one set of arguments.

Source: Rosenbrock, *An automatic method for finding the greatest or least value of a function*, 1960.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop

from unrolled.errors import InputError, UnknownName

__all__ = [
    "MINIMUM",
    "OPTIMISERS",
    "RATES",
    "START",
    "Descent",
    "best_descent",
    "descend",
    "gradient",
    "height",
]

OPTIMISERS: Mapping[str, Callable[[list[Tensor], float], Optimizer]] = {
    "sgd": lambda point, rate: SGD(point, lr=rate, foreach=False),
    "momentum": lambda point, rate: SGD(point, lr=rate, momentum=0.9, foreach=False),
    "rmsprop": lambda point, rate: RMSprop(point, lr=rate, foreach=False),
    "adam": lambda point, rate: Adam(point, lr=rate, foreach=False),
}
"""The update rules by the names of the command line, with torch's defaults but the rate and momentum 0.9."""

START = (-1.5, 2.5)
"""Where every path begins: on the wall, on the other side of the bend from the minimum; f = 12.5 there."""

MINIMUM = (1.0, 1.0)

RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""The learning rates that `best_descent` tries."""

_LOST = 1e12
"""A height from which a path is taken to have diverged."""


@dataclass(frozen=True)
class Descent:
    """The path of one optimiser.

    Attributes:
        optimiser: its name.
        clip: the largest norm of the gradient, None without clipping.
        learning_rate: the rate, constant.
        points: (u, v) before the first step and after each; the last is finite even where the path diverged.
        heights: f at each of them.
        tolerance: what counts as arrived.
        steps_to_tolerance: after how many steps f is below it for good; None where it never is. A path that
            only swings through the minimum has not arrived.
        clipped_share: share of the steps on which clipping acted.
        diverged: whether f passed 1e12, where the path ends.
    """

    optimiser: str
    clip: float | None
    learning_rate: float
    points: tuple[tuple[float, float], ...]
    heights: tuple[float, ...]
    tolerance: float
    steps_to_tolerance: int | None
    clipped_share: float
    diverged: bool


def height(u: float, v: float) -> float:
    """The height f(u, v) of the valley."""
    return (1 - u) ** 2 + 100 * (v - u * u) ** 2


def gradient(u: float, v: float) -> tuple[float, float]:
    """(∂f/∂u, ∂f/∂v)."""
    across = v - u * u
    return -2 * (1 - u) - 400 * u * across, 200 * across


def descend(
    optimiser: str,
    *,
    learning_rate: float,
    clip: float | None = None,
    steps: int = 1000,
    tolerance: float = 1e-3,
    start: tuple[float, float] = START,
) -> Descent:
    """Follow one optimiser down the valley.

    Args:
        optimiser: sgd, momentum, rmsprop or adam.
        learning_rate: above 0.
        clip: largest norm of the gradient, above 0; None for no clipping.
        steps: most steps, 0 or more; the path goes on after it has arrived.
        tolerance: the height below which it has arrived.
        start: (u, v) to begin at.

    Raises:
        UnknownName: no such optimiser.
        InputError: a rate, norm or number of steps out of range.
    """
    if optimiser not in OPTIMISERS:
        raise UnknownName("optimiser", optimiser, OPTIMISERS)
    if not learning_rate > 0:
        raise InputError(f"learning_rate is {learning_rate}: above 0")
    if clip is not None and not clip > 0:
        raise InputError(f"clip is {clip}: above 0, or none")
    if steps < 0:
        raise InputError(f"steps is {steps}: 0 or more")
    point = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    rule = OPTIMISERS[optimiser]([point], learning_rate)
    points, heights, clipped, diverged = [start], [height(*start)], 0, False
    for _ in range(steps):
        du, dv = gradient(*points[-1])
        norm = math.hypot(du, dv)
        if clip is not None and norm > clip:
            du, dv = du * clip / norm, dv * clip / norm
            clipped += 1
        point.grad = torch.tensor((du, dv), dtype=torch.float64)
        rule.step()
        u, v = point.tolist()
        here = height(u, v) if math.isfinite(u) and math.isfinite(v) else math.inf
        if here > _LOST:
            diverged = True
            break
        points.append((u, v))
        heights.append(here)
    taken = len(points) - 1 + diverged
    return Descent(
        optimiser=optimiser,
        clip=clip,
        learning_rate=learning_rate,
        points=tuple(points),
        heights=tuple(heights),
        tolerance=tolerance,
        steps_to_tolerance=None if diverged else _arrival(heights, tolerance),
        clipped_share=clipped / max(taken, 1),
        diverged=diverged,
    )


def best_descent(
    optimiser: str,
    *,
    clip: float | None = None,
    steps: int = 1000,
    tolerance: float = 1e-3,
    rates: Sequence[float] = RATES,
) -> Descent:
    """The path at the best rate of ``rates``: the soonest to arrive, or else the lowest at its end.

    Comparing optimisers at one rate compares rates; this gives each the rate that suits it.
    """
    if not rates:
        raise InputError("no learning rates to choose from: give at least one")
    paths = [descend(optimiser, learning_rate=rate, clip=clip, steps=steps, tolerance=tolerance) for rate in rates]
    return min(paths, key=_lateness)


def _arrival(heights: Sequence[float], tolerance: float) -> int | None:
    above = [step for step, here in enumerate(heights) if here >= tolerance]
    arrival = above[-1] + 1 if above else 0
    return arrival if arrival < len(heights) else None


def _lateness(path: Descent) -> tuple[float, float]:
    arrived = math.inf if path.steps_to_tolerance is None else path.steps_to_tolerance
    return arrived, math.inf if path.diverged else path.heights[-1]

"""A protein's motion through a test run, as it was and as it was forecast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unrolled.analysis.evaluation import evaluating
from unrolled.data import ProteinMotion
from unrolled.errors import InputError

__all__ = ["Motion", "forecast_motion"]

_WINDOWS = 32  # at once: bounds the memory, not the result


@dataclass(frozen=True, eq=False)
class Motion:
    """Alpha carbons in the common pose, seen flat: along the two directions in which they lie widest apart.

    Attributes:
        ahead: how many frames before it each forecast was made.
        frames: numbers of the frames within the test run's windows, K of them.
        true: ``[K, N, 2]`` in angstroms, where they were.
        forecast: ``[K, N, 2]``, where the network said that they would be.
        still: ``[K, N, 2]``, where they were when the forecast was made.
    """

    ahead: int
    frames: tuple[int, ...]
    true: Tensor
    forecast: Tensor
    still: Tensor


def forecast_motion(model: nn.Module, task: ProteinMotion, *, ahead: int | None = None, frames: int = 45) -> Motion:
    """Forecast every test window, and lay what came beside it.

    Args:
        model: keeps the protocol of `unrolled.nn.GraphForecaster`.
        task: with the test run.
        ahead: one of the task's horizons; None: the farthest.
        frames: the most that are kept, evenly spaced.

    Raises:
        InputError: no such horizon.
    """
    ahead = task.horizons[-1] if ahead is None else ahead
    if ahead not in task.horizons:
        raise InputError(f"ahead is {ahead}: one of {', '.join(map(str, task.horizons))} would do")
    place = task.horizons.index(ahead)
    count = min(frames, task.count("test"))
    windows = torch.linspace(0, task.count("test") - 1, count).round().long()
    weight = next(model.parameters())
    still, moved, came = [], [], []
    with evaluating(model):
        for some in torch.split(windows, _WINDOWS):
            batch = task.batch("test", some).to(weight.device, weight.dtype)
            still.append(task.places("test", some))
            moved.append(batch.forecast(model(batch.inputs, batch.graphs))[place].cpu().double())
            came.append(batch.targets[place].cpu().double())
    begins = torch.cat(still)
    true, forecast = begins + torch.cat(came), begins + torch.cat(moved)
    view = _widest(true)
    numbers = tuple((windows + task.window + ahead).tolist())
    return Motion(ahead, numbers, true @ view, forecast @ view, begins @ view)


def _widest(places: Tensor) -> Tensor:
    """``[3, 2]``: the two directions of most variance, with signs that do not depend on the machine."""
    points = places.flatten(0, 1)
    points = points - points.mean(0)
    directions = torch.linalg.eigh(points.T @ points).eigenvectors[:, [2, 1]]
    largest = directions.abs().argmax(0)
    view: Tensor = directions * directions[largest, torch.arange(2)].sign()
    return view

"""`Readings`: what sensors on a graph said, hour by hour, and where they said nothing."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph

__all__ = ["OUTAGE_STEPS", "Readings", "regular", "seasons_of"]

OUTAGE_STEPS: Final = 24
"""So many zeros of one sensor in a row are an outage, not readings (a day of hours)."""

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
_YEAR: Final = 365.25 * _DAY
_MOST_GAPS: Final = 3  # a table that would grow more than so many times is no regular series


@final
@dataclass(frozen=True, eq=False)
class Readings:
    """T readings of N sensors, the graph that joins these, and which readings there are.

    A missing reading is False in ``observed`` and 0 in ``values``: no arithmetic meets a NaN.

    Attributes:
        title: what it is.
        values: ``[T, N]`` float32.
        observed: ``[T, N]`` bool.
        graph: of N nodes, its names the sensors'.
        seasons: periods in steps, shortest first: a day and a week of hours are ``(24, 168)``.
        begins: the time of the first step, in ISO form, where it is known.
        seconds: between two steps, where it is known.
        unit: of the values.

    Raises:
        ShapeError: values, mask and graph that do not match.
        InputError: no step, no sensor, no reading at all, or an infinite one.
    """

    title: str
    values: Tensor
    observed: Tensor
    graph: Graph
    seasons: tuple[int, ...] = ()
    begins: str | None = None
    seconds: int | None = None
    unit: str = "reading"
    names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.observed.shape != self.values.shape:
            raise ShapeError(
                f"{self.title}: values {list(self.values.shape)} and mask {list(self.observed.shape)}: [T, N] both"
            )
        steps, sensors = self.values.shape
        if not steps or not sensors or not self.observed.any():
            raise InputError(
                f"{self.title}: {steps} steps of {sensors} sensors with {int(self.observed.sum())} readings: "
                "there is nothing to learn from"
            )
        if self.graph.num_nodes != sensors:
            raise ShapeError(
                f"{self.title}: readings of {sensors} sensors, but a graph of {self.graph.num_nodes} nodes; "
                "a column a node, in the same order, would do"
            )
        if not torch.isfinite(self.values[self.observed]).all():
            raise InputError(f"{self.title}: a reading is not finite; leave a missing one empty, or write nan")
        names = self.graph.names or range(sensors)
        object.__setattr__(self, "names", tuple(map(str, names)))
        object.__setattr__(self, "values", torch.where(self.observed, self.values, 0.0).float())

    @property
    def steps(self) -> int:
        """T."""
        return len(self.values)

    @property
    def sensors(self) -> int:
        """N."""
        return self.values.shape[1]

    @property
    def missing(self) -> float:
        """The share of readings that are missing."""
        return 1.0 - float(self.observed.float().mean())

    @property
    def sha256(self) -> str:
        """Of the readings, the mask and the edges: what a run's spec records."""
        digest = hashlib.sha256()
        for tensor in (self.values, self.observed, self.graph.edge_index, self.graph.weights(torch.float32)):
            digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
        return digest.hexdigest()

    def time(self, step: int) -> str:
        """When a step is, or its number where no times are known."""
        if self.begins is None or self.seconds is None:
            return f"step {step}"
        moment = datetime.datetime.fromisoformat(self.begins) + datetime.timedelta(seconds=step * self.seconds)
        return moment.isoformat(" ", "minutes") if self.seconds < _DAY else moment.date().isoformat()

    def without_zeros(self, rule: str) -> Readings:
        """The same with zeros taken for what they are.

        Args:
            rule: ``readings``: a zero is a reading; ``missing``: none is (METR-LA's and PEMS-BAY's); ``outages``:
                `OUTAGE_STEPS` or more in a row are none.
        """
        if rule == "readings":
            return self
        zero = (self.values == 0) & self.observed
        if rule == "outages":
            zero = _runs(zero | ~self.observed, zero, OUTAGE_STEPS)
        return Readings(
            self.title,
            self.values,
            self.observed & ~zero,
            self.graph,
            self.seasons,
            self.begins,
            self.seconds,
            self.unit,
        )


def _runs(quiet: Tensor, zero: Tensor, least: int) -> Tensor:
    """The zeros that lie in runs of ``least`` or more quiet steps (zero or missing), sensor by sensor."""
    found = torch.zeros_like(zero)
    for sensor in range(quiet.shape[1]):
        edges = np.diff(np.concatenate([[0], quiet[:, sensor].numpy().astype(np.int8), [0]]))
        for begin, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            if end - begin >= least:
                found[begin:end, sensor] = zero[begin:end, sensor]
    return found


def seasons_of(seconds: int | None) -> tuple[int, ...]:
    """The periods, in steps, that a series of that spacing is likely to have: day and week, or week, or year."""
    if seconds is None or seconds <= 0:
        return ()
    if seconds < _DAY:
        return tuple(period // seconds for period in (_DAY, _WEEK) if period % seconds == 0)
    if seconds < _WEEK:
        return (_WEEK // seconds,) if seconds == _DAY else ()
    return (round(_YEAR / seconds),) if seconds < _YEAR / 2 else ()


def regular(
    values: np.ndarray, times: Sequence[np.datetime64] | np.ndarray, title: str
) -> tuple[np.ndarray, np.datetime64, int]:
    """Rows put at equal distances in time, those between them missing (NaN).

    The distance is the commonest one: where clocks are put forward an hour, or a recorder stood still, rows are
    filled in.

    Args:
        values: ``[T, N]``, NaN where missing.
        times: ``[T]``.
        title: what it is, for the error.

    Returns:
        The rows, the first one's time, seconds between two.

    Raises:
        InputError: times that go back, stand still, or lie at no multiple of their commonest distance.
    """
    seconds = np.asarray(times).astype("datetime64[s]").astype(np.int64)
    steps = np.diff(seconds)
    if len(steps) and steps.min() <= 0:
        row = int(np.argmax(steps <= 0)) + 1
        raise InputError(
            f"{title}: row {row + 1} ({times[row]}) does not come after the row before it ({times[row - 1]}); "
            "rows in the order of time, each once, would do"
        )
    if not len(steps):
        raise InputError(f"{title}: one row makes no series")
    found, counts = np.unique(steps, return_counts=True)
    step = int(found[counts.argmax()])
    places = (seconds - seconds[0]) // step
    if ((seconds - seconds[0]) % step).any() or places[-1] + 1 > _MOST_GAPS * len(seconds):
        raise InputError(f"{title}: rows are mostly {step} seconds apart, but not all at multiples of it")
    filled = np.full((int(places[-1]) + 1, values.shape[1]), np.nan, dtype=np.float32)
    filled[places] = values
    return filled, np.datetime64(int(seconds[0]), "s"), step

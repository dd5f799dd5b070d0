"""What the sensors of a graph will read some steps ahead, from what they read, with readings missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import torch
from torch import Tensor

from unrolled.data.forecasting import ForecastBatch, Forecasting, Part
from unrolled.data.sensors.readings import Readings
from unrolled.errors import InputError

__all__ = ["SensorForecasts"]

_MOST_VALIDATED: Final = 1024
"""Windows that validate: where there are more, so many of them at equal distances."""


@final
class SensorForecasts(Forecasting):
    """The reading of every sensor, 1, 3, 6 and 12 steps ahead; what is missing is neither read nor asked.

    Time is cut in three: training, then validation, then test. Each sensor's mean m and standard deviation s are those
    of its training readings. Features of sensor and step: ``(x − m)/s`` (0 where missing), whether there is a reading,
    and the sine and cosine of every season's phase. The network's rest counts in units of s.

    Simple forecasts, of which a network takes shares and which stand beside it:

    * *persistence*: the sensor's last reading;
    * *last N steps*, of each season of N: the reading N steps before what is asked, or the least multiple of N
      that has passed and has a reading;
    * *usual*: the training part's mean at that phase of the longest season (or of all of it).

    *Linear*, along the last two readings where both are there, stands beside it too.

    Args:
        readings: and their graph.
        window: T.
        horizons: steps ahead, in rising order.
        validation: share of the steps, before those of the test.
        test: share of the steps, at the end.

    Raises:
        InputError: too few steps, or no reading to learn from.
    """

    name = "sensors"
    outputs = 1

    def __init__(
        self,
        readings: Readings,
        *,
        window: int = 24,
        horizons: tuple[int, ...] = (1, 3, 6, 12),
        validation: float = 0.15,
        test: float = 0.2,
    ) -> None:
        self.readings = readings
        self.window = window
        self.horizons = horizons
        self.nodes = readings.sensors
        self.unit = readings.unit
        self.seasons = tuple(season for season in readings.seasons if season > 1)
        self.features = 2 + 2 * len(self.seasons)
        self.simple = ("persistence", *(f"last {season} steps" for season in self.seasons), "usual")
        self.shares = (1 / len(self.simple),) * len(self.simple)
        total = readings.steps
        end, cut = round(total * (1 - test)), round(total * (1 - test - validation))
        self._mean, self._deviation = _moments(readings, cut)
        self._read = self._features()
        self._held = _held(readings, 1, self._mean)
        self._seasonal = [_held(readings, season, self._mean) for season in self.seasons]
        self._usual = _usual(readings, cut, self.seasons[-1] if self.seasons else 1, self._mean)
        bounds: tuple[tuple[Part, int, int], ...] = (("train", 0, cut), ("validation", cut, end), ("test", end, total))
        self._lasts = {part: self._windows(part, first, after) for part, first, after in bounds}
        chosen = self._lasts["validation"]
        if len(chosen) > _MOST_VALIDATED:
            places = torch.linspace(0, len(chosen) - 1, _MOST_VALIDATED).round().long()
            self._lasts["validation"] = chosen[places]

    def describe(self) -> str:
        """The readings and their parts in one line."""
        readings = self.readings
        counts = ", ".join(f"{len(lasts)} for {part}" for part, lasts in self._lasts.items())
        return (
            f"{readings.title}: {readings.sensors} sensors, {readings.steps} steps from {readings.time(0)}, "
            f"{readings.missing:.1%} missing, {readings.graph.num_edges} edges; windows of {self.window} steps, "
            f"{counts}; without a network: {', '.join(self.simple)}, linear"
        )

    def count(self, part: Part) -> int:
        """How many windows a part has."""
        return len(self._lasts[part])

    def batch(self, part: Part, windows: Tensor) -> ForecastBatch:
        """Some windows of a part."""
        lasts = self._lasts[part][windows]
        asked = self._asked(lasts)
        steps = lasts + torch.arange(1 - self.window, 1).unsqueeze(1)
        return ForecastBatch(
            inputs=self._read[steps],
            graphs=self.readings.graph,
            bases=torch.stack([*self._simple(lasts).values()], -1).unsqueeze(-2),
            scale=self._deviation.unsqueeze(-1),
            targets=self.readings.values[asked].unsqueeze(-1),
            known=self.readings.observed[asked],
        )

    def asked(self, part: Part, windows: Tensor) -> int:
        """How many targets of these windows there are."""
        return int(self.readings.observed[self._asked(self._lasts[part][windows])].sum())

    def baselines(self, batch: ForecastBatch) -> Mapping[str, Tensor]:
        """The simple forecasts, and the line through the last two readings."""
        found = dict(zip(self.simple, batch.bases.unbind(-1), strict=True))
        both = batch.inputs[-2:, ..., 1].prod(0)
        steps = torch.tensor(self.horizons, dtype=batch.inputs.dtype).view(-1, 1, 1)
        rise = (batch.inputs[-1, ..., 0] - batch.inputs[-2, ..., 0]) * both * batch.scale.squeeze(-1)
        return {**found, "linear": found["persistence"] + (steps * rise).unsqueeze(-1)}

    def last_steps(self, part: Part) -> Tensor:
        """Which step each window of a part reads last, ``[count]``."""
        return self._lasts[part]

    def _windows(self, part: str, first: int, end: int) -> Tensor:
        """The last steps read of windows whose every target lies in first … end − 1 and of which one is known."""
        begin = max(self.window, first) - 1
        lasts = torch.arange(begin, max(end - self.horizons[-1], begin))
        lasts = lasts[self.readings.observed.any(1)[self._asked(lasts)].any(0)] if len(lasts) else lasts
        if len(lasts) == 0:
            raise InputError(
                f"{self.readings.title} has {end - first} steps for {part}, too few readings for a window of "
                f"{self.window} with its horizon of {self.horizons[-1]}: give more, or a smaller window or horizon"
            )
        return lasts

    def _asked(self, lasts: Tensor) -> Tensor:
        """``[P, B]``, the steps that are asked for."""
        return lasts + torch.tensor(self.horizons).unsqueeze(1)

    def _simple(self, lasts: Tensor) -> dict[str, Tensor]:
        """``[P, B, N]`` each, in the order of `simple`."""
        asked = self._asked(lasts)
        found = [self._held[lasts].expand(len(self.horizons), -1, -1)]
        for season, held in zip(self.seasons, self._seasonal, strict=True):
            behind = torch.tensor([-(-horizon // season) * season for horizon in self.horizons]).unsqueeze(1)
            before = asked - behind
            found.append(torch.where((before >= 0).unsqueeze(-1), held[before.clamp(min=0)], self._mean))
        found.append(self._usual[asked % len(self._usual)])
        return dict(zip(self.simple, found, strict=True))

    def _features(self) -> Tensor:
        """``[T, N, F]``."""
        readings = self.readings
        scaled = (readings.values - self._mean) / self._deviation
        read = [torch.where(readings.observed, scaled, 0.0), readings.observed.float()]
        steps = torch.arange(readings.steps, dtype=torch.float64)
        for season in self.seasons:
            turn = 2 * torch.pi * (steps / season).frac()
            read += [wave.float().unsqueeze(1).expand(-1, readings.sensors) for wave in (turn.sin(), turn.cos())]
        return torch.stack(read, -1)


def _moments(readings: Readings, cut: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each sensor's training readings, of all together where it has fewer than two.

    Raises:
        InputError: nothing was read in the training part.
    """
    values, observed = readings.values[:cut].double(), readings.observed[:cut]
    if not observed.any():
        raise InputError(f"{readings.title}: the {cut} steps to learn from have no reading")
    count = observed.sum(0)
    together = values[observed]
    mean = torch.where(count > 1, values.sum(0) / count.clamp(min=1), together.mean())
    squares = torch.where(observed, (values - mean).square(), 0.0).sum(0) / count.clamp(min=1)
    deviation = torch.where(count > 1, squares.sqrt(), together.std(correction=0))
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    return mean.float(), deviation.float()


def _held(readings: Readings, season: int, mean: Tensor) -> Tensor:
    """``[T, N]``: each reading, or the latest before it at its phase; the mean before there is any."""
    held = torch.where(readings.observed, readings.values, torch.nan)
    held[:season] = torch.where(readings.observed[:season], held[:season], mean)
    for begin in range(season, readings.steps, season):
        block = held[begin : begin + season]
        torch.where(block.isnan(), held[begin - season : begin - season + len(block)], block, out=block)
    return held


def _usual(readings: Readings, cut: int, season: int, mean: Tensor) -> Tensor:
    """``[season, N]``: the mean of the training readings at each phase, the sensor's own where there is none."""
    phase = torch.arange(cut) % season
    sums = torch.zeros(season, readings.sensors).index_add_(0, phase, readings.values[:cut])
    counts = torch.zeros(season, readings.sensors).index_add_(0, phase, readings.observed[:cut].float())
    return torch.where(counts > 0, sums / counts.clamp(min=1), mean)

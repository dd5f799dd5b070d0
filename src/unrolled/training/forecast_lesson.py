"""Windows of the past, taught by what came after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from unrolled.analysis.forecast_evaluation import (
    ForecastEvaluation,
    evaluate_forecasts,
    forecast_loss,
    simple_forecasts,
)
from unrolled.data import Forecasting
from unrolled.spec import RunSpec
from unrolled.training.lesson import Answer, Lesson
from unrolled.training.processes import Processes
from unrolled.training.streams import stream

__all__ = ["ForecastLesson"]


@final
class ForecastLesson(Lesson):
    """Windows drawn at random from the training part, evaluated on those of validation, at the end on those of test.

    Every process draws the same windows and takes its rows of them.
    """

    figures = ("loss", "mae")

    def __init__(self, spec: RunSpec, task: Forecasting, device: torch.device, processes: Processes) -> None:
        self._task = task
        self._size = spec.training.batch
        self._rows = processes.rows(self._size)
        self._draws = stream(spec.training.seed, "draws")
        self._place = device, torch.float64 if spec.training.precision == "float64" else torch.float32

    def answer(self, model: nn.Module, step: int) -> Answer:
        """On this process's rows of the windows drawn next."""
        windows = torch.randint(self._task.count("train"), (self._size,), generator=self._draws)
        batch = self._task.batch("train", windows[self._rows]).to(*self._place)
        forecast = batch.forecast(model(batch.inputs, batch.graphs))
        asked = max(self._task.asked("train", windows), 1)
        sizes = (forecast.detach() - batch.targets).square().sum(-1).sqrt()
        size = torch.where(batch.known, sizes, torch.zeros_like(sizes)).sum()
        return Answer(forecast_loss(batch, forecast) / asked, size / asked)

    def evaluate(self, model: nn.Module, step: int) -> ForecastEvaluation:
        """On the validation windows."""
        return evaluate_forecasts(model, self._task, "validation")

    def test(self, model: nn.Module) -> ForecastEvaluation:
        """On the test windows, beside the forecasts that need no network."""
        found = evaluate_forecasts(model, self._task, "test")
        return replace(found, baselines=simple_forecasts(self._task, "test"))

    def tensors(self) -> dict[str, Tensor]:
        """The state of the draws."""
        return {"draws": self._draws.get_state()}

    def position(self) -> dict[str, Any]:
        """Nothing: the draws say it."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """Draw on from there."""
        self._draws.set_state(tensors["draws"])

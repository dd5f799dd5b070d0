"""How good forecasts are at every horizon on windows that nothing was learnt from, beside forecasts of no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unrolled.analysis.evaluation import Evaluation, evaluating
from unrolled.data.forecasting import ForecastBatch, Forecasting, Part
from unrolled.errors import RecordError

__all__ = [
    "ForecastEvaluation",
    "HorizonErrors",
    "evaluate_forecasts",
    "forecast_loss",
    "read_evaluation",
    "simple_forecasts",
]

_WINDOWS = 32  # at once: bounds the memory, not the result


@dataclass(frozen=True, kw_only=True)
class HorizonErrors:
    """Errors of forecasts, a number a horizon.

    Attributes:
        rmse: root of the mean square, over windows and nodes, of a node's error (its length, where it is a vector).
        mae: mean of its size, likewise.
        mape: mean of its size over the target's, where the target is one number and not 0; None of vectors.
    """

    rmse: tuple[float, ...]
    mae: tuple[float, ...]
    mape: tuple[float, ...] | None = None

    def to_mapping(self) -> dict[str, list[float]]:
        """As JSON."""
        found = {"rmse": list(self.rmse), "mae": list(self.mae)}
        return found if self.mape is None else found | {"mape": list(self.mape)}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> HorizonErrors:
        """From what `to_mapping` gave."""
        mape = mapping.get("mape")
        return cls(rmse=tuple(mapping["rmse"]), mae=tuple(mapping["mae"]), mape=None if mape is None else tuple(mape))


@dataclass(frozen=True, kw_only=True)
class ForecastEvaluation:
    """Forecasts on one part of a task's windows.

    Attributes:
        loss: what training makes small: the mean squared error in units of each window's scale.
        horizons: steps ahead.
        errors: in the data's unit.
        count: targets that were known, at each horizon.
        baselines: the same errors of forecasts that need no network, by name.
    """

    loss: float
    horizons: tuple[int, ...]
    errors: HorizonErrors
    count: tuple[int, ...]
    baselines: Mapping[str, HorizonErrors] = field(default_factory=dict)

    accuracy: ClassVar[None] = None
    solved: ClassVar[bool] = False

    @property
    def loss_nats(self) -> float:
        """The loss, for rules that compare losses; it is not in nats."""
        return self.loss

    def skill(self, baseline: str) -> tuple[float, ...]:
        """``1 − rmse / rmse of the baseline`` at each horizon: 0 is as good as it, 1 is perfect, below 0 is worse."""
        return tuple(
            1 - own / other if other else 0.0
            for own, other in zip(self.errors.rmse, self.baselines[baseline].rmse, strict=True)
        )

    def to_mapping(self) -> dict[str, Any]:
        """The figures by name; `from_mapping` reads it."""
        mapping = {"loss": self.loss, "horizons": list(self.horizons), **self.errors.to_mapping()}
        mapping["count"] = list(self.count)
        if self.baselines:
            mapping["baselines"] = {name: errors.to_mapping() for name, errors in self.baselines.items()}
        return mapping

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> ForecastEvaluation:
        """The evaluation in a mapping, whose other keys are passed over."""
        return cls(
            loss=mapping["loss"],
            horizons=tuple(mapping["horizons"]),
            errors=HorizonErrors.from_mapping(mapping),
            count=tuple(mapping["count"]),
            baselines={
                name: HorizonErrors.from_mapping(errors) for name, errors in mapping.get("baselines", {}).items()
            },
        )


def read_evaluation(mapping: dict[str, Any]) -> Evaluation | ForecastEvaluation:
    """An evaluation of either kind from what its ``to_mapping`` gave.

    Raises:
        RecordError: it is neither.
    """
    try:
        return (ForecastEvaluation if "horizons" in mapping else Evaluation).from_mapping(mapping)
    except (KeyError, TypeError) as error:
        raise RecordError(f"this is no evaluation: {error}") from None


def forecast_loss(batch: ForecastBatch, forecast: Tensor) -> Tensor:
    """The sum of squared errors over known targets, each in units of its window's scale and averaged over O."""
    squares = ((forecast - batch.targets) / batch.scale).square().mean(-1)
    return torch.where(batch.known, squares, torch.zeros_like(squares)).sum()


def evaluate_forecasts(model: nn.Module, task: Forecasting, part: Part) -> ForecastEvaluation:
    """Evaluate ``model`` on all windows of a part, without touching it.

    Args:
        model: keeps the protocol of `unrolled.nn.GraphForecaster`.
        task: the data and its parts.
        part: which windows.
    """
    weight = next(model.parameters())
    with evaluating(model):
        tally = _Tally(len(task.horizons))
        for windows in _pieces(task.count(part)):
            batch = task.batch(part, windows).to(weight.device, weight.dtype)
            tally.add(batch, batch.forecast(model(batch.inputs, batch.graphs)))
    return ForecastEvaluation(loss=tally.loss, horizons=task.horizons, errors=tally.errors, count=tally.count)


def simple_forecasts(task: Forecasting, part: Part) -> dict[str, HorizonErrors]:
    """The errors of the task's forecasts that need no network, on all windows of a part."""
    tallies: dict[str, _Tally] = {}
    for windows in _pieces(task.count(part)):
        batch = task.batch(part, windows)
        for name, forecast in task.baselines(batch).items():
            tallies.setdefault(name, _Tally(len(task.horizons))).add(batch, forecast)
    return {name: tally.errors for name, tally in tallies.items()}


def _pieces(count: int) -> list[Tensor]:
    return list(torch.split(torch.arange(count), _WINDOWS))


class _Tally:
    """Errors so far, a number a horizon."""

    def __init__(self, horizons: int) -> None:
        self._squares = torch.zeros(horizons, dtype=torch.float64)
        self._sizes = torch.zeros(horizons, dtype=torch.float64)
        self._count = torch.zeros(horizons, dtype=torch.long)
        self._shares = torch.zeros(horizons, dtype=torch.float64)
        self._counted = torch.zeros(horizons, dtype=torch.long)
        self._are_numbers = False
        self._loss = 0.0

    def add(self, batch: ForecastBatch, forecast: Tensor) -> None:
        squares = (forecast - batch.targets).double().square().sum(-1)
        squares = torch.where(batch.known, squares, torch.zeros_like(squares))
        self._squares += squares.sum((1, 2)).cpu()
        self._sizes += squares.sqrt().sum((1, 2)).cpu()
        self._count += batch.known.sum((1, 2)).cpu()
        self._are_numbers = batch.targets.shape[-1] == 1
        if self._are_numbers:
            size = batch.targets.squeeze(-1).double().abs()
            there = batch.known & (size > 0)
            self._shares += torch.where(there, squares.sqrt() / size.clamp(min=1e-300), 0.0).sum((1, 2)).cpu()
            self._counted += there.sum((1, 2)).cpu()
        self._loss += float(forecast_loss(batch, forecast))

    def _mean(self, sums: Tensor, then: Callable[[Tensor], Tensor]) -> tuple[float, ...]:
        return tuple(then(sums / self._count.clamp(min=1)).tolist())

    @property
    def errors(self) -> HorizonErrors:
        shares = tuple((self._shares / self._counted.clamp(min=1)).tolist())
        return HorizonErrors(
            rmse=self._mean(self._squares, torch.sqrt),
            mae=self._mean(self._sizes, lambda each: each),
            mape=shares if self._are_numbers else None,
        )

    @property
    def count(self) -> tuple[int, ...]:
        return tuple(self._count.tolist())

    @property
    def loss(self) -> float:
        return self._loss / max(int(self._count.sum()), 1)

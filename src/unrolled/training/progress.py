"""What training tells while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.forecast_evaluation import ForecastEvaluation, read_evaluation
from unrolled.record import Run

__all__ = ["Progress"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One look at a training run.

    Attributes:
        step: steps taken.
        steps: steps asked for.
        loss_nats: training loss, averaged over the batches since the last line of the metrics; nan before any.
        accuracy: training accuracy, likewise.
        loss: of forecasts, instead: mean squared error in units of each window's scale.
        mae: of forecasts, instead: mean absolute error in the data's unit.
        evaluation: the evaluation made at this step, where one was.
        gradient_norm: mean norm of the gradient before clipping, over the same batches.
        clipped_share: share of those steps on which clipping acted.
        learning_rate: of the last step taken.
        seconds: spent training so far, those before a resume included.
        steps_per_second: since this process began.
        seconds_left: at that speed, were all steps taken; None before the first step.
        sample: the text sampled at this step, where one was.
        test: the evaluation on test data, on the last value, where the task has any.
        weights_of_step: after how many steps the network had the weights that would be kept were this the end.
        size: of the task that is trained on at present, where a curriculum makes it grow.
        stopped: why training ended, on the last value: steps, diverged, or the name of the rule.
        run: the finished run, on the last value, where it was written.
        model: the trained network, on the last value.
        elsewhere: whether a process trains it that is none of ours; then it is read from the record.
    """

    step: int
    steps: int
    loss_nats: float = math.nan
    accuracy: float = math.nan
    loss: float = math.nan
    mae: float = math.nan
    evaluation: Evaluation | ForecastEvaluation | None
    gradient_norm: float
    clipped_share: float
    learning_rate: float
    seconds: float
    steps_per_second: float
    seconds_left: float | None
    sample: str | None = None
    test: Evaluation | ForecastEvaluation | None = None
    weights_of_step: int = 0
    size: int | None = None
    stopped: str | None = None
    run: Run | None = None
    model: nn.Module | None = None
    elsewhere: bool = False

    @classmethod
    def of(cls, run: Run) -> Progress:
        """The last progress of a run that has ended, from its record."""
        result = run.result
        assert result is not None
        evaluation = result.get("evaluation")
        lines = run.metrics("train")
        last = lines[-1] if lines else {}
        return cls(
            step=result["steps"],
            steps=run.spec.training.steps,
            loss_nats=_number(result.get("loss_nats")),
            accuracy=_number(result.get("accuracy")),
            loss=_number(result.get("loss")),
            mae=_number(result.get("mae")),
            evaluation=None if evaluation is None else read_evaluation(evaluation),
            gradient_norm=_number(last.get("gradient_norm")),
            clipped_share=last.get("clipped_share", 0.0),
            learning_rate=last.get("learning_rate", run.spec.training.learning_rate),
            seconds=result.get("seconds", 0.0),
            steps_per_second=result.get("steps_per_second", 0.0),
            seconds_left=0.0,
            test=None if result.get("test") is None else read_evaluation(result["test"]),
            weights_of_step=run.weights_of_step(),
            size=result["sizes"][-1][1] if "sizes" in result else None,
            stopped=result["stopped"],
            run=run,
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value

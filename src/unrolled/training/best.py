"""The best evaluation so far and the weights it was made with, for runs that keep those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, nn

from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.forecast_evaluation import ForecastEvaluation, read_evaluation

__all__ = ["Best"]

_PREFIX = "best."


@final
class Best:
    """Keeps the weights of the evaluation with the lowest loss, the first of equals.

    Attributes:
        evaluation: that one, once there was any.
        step: steps taken before it.
        weights: the network's tensors then, on the CPU.
    """

    def __init__(self) -> None:
        self.evaluation: Evaluation | ForecastEvaluation | None = None
        self.step = 0
        self.weights: dict[str, Tensor] = {}

    def offer(self, model: nn.Module, step: int, evaluation: Evaluation | ForecastEvaluation) -> None:
        """Take note of an evaluation."""
        if self.evaluation is None or evaluation.loss_nats < self.evaluation.loss_nats:
            self.evaluation, self.step = evaluation, step
            self.weights = {key: value.detach().to("cpu", copy=True) for key, value in model.state_dict().items()}

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of it."""
        return {_PREFIX + key: value for key, value in self.weights.items()}

    def position(self) -> dict[str, Any] | None:
        """The rest of what a checkpoint keeps, as JSON."""
        return None if self.evaluation is None else {"step": self.step, "evaluation": self.evaluation.to_mapping()}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any] | None) -> None:
        """Go on from what `tensors` and `position` gave."""
        self.weights = {key.removeprefix(_PREFIX): value for key, value in tensors.items() if key.startswith(_PREFIX)}
        if position is not None:
            self.step, self.evaluation = position["step"], read_evaluation(position["evaluation"])

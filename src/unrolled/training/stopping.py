"""When training ends before its last step, by name.

A rule is told of every batch and of every evaluation and says whether to stop. What it remembers is plain numbers
(`state`), so that a resumed run stops at the step at which the uninterrupted one does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, final

from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.forecast_evaluation import ForecastEvaluation
from unrolled.data import Choice, Question
from unrolled.errors import SpecError
from unrolled.spec import TrainingSpec

__all__ = [
    "STOP_RULES",
    "Never",
    "Perfect",
    "Plateau",
    "ReportA",
    "Solved",
    "StopRule",
    "Validation",
    "build_stop_rule",
]


class StopRule(ABC):
    """Says when to stop.

    Attributes:
        every_batch: the rule looks at single batches, so the loop reads every one as it comes.
    """

    every_batch = False

    def batch(self, loss_nats: float, accuracy: float) -> bool:
        """Whether to stop after this training batch."""
        return False

    def evaluation(self, step: int, evaluation: Evaluation | ForecastEvaluation) -> bool:
        """Whether to stop after this evaluation, made after ``step`` steps."""
        return False

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What the rule remembers, as JSON."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""


@final
class Never(StopRule):
    """All steps are taken."""

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


@final
class Solved(StopRule):
    """Stop at the first evaluation with accuracy .99 or more on 2000 fresh samples."""

    def evaluation(self, step: int, evaluation: Evaluation | ForecastEvaluation) -> bool:
        """Whether the task is solved."""
        return evaluation.solved

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


@final
class Perfect(StopRule):
    """Stop when every answer was right in k training batches in a row.

    Args:
        patience: k.
    """

    every_batch = True

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._in_a_row = 0

    def batch(self, loss_nats: float, accuracy: float) -> bool:
        """Whether this was the k-th perfect batch in a row."""
        self._in_a_row = self._in_a_row + 1 if accuracy == 1.0 else 0
        return self._in_a_row >= self.patience

    def state(self) -> dict[str, Any]:
        """The perfect batches in a row so far."""
        return {"in_a_row": self._in_a_row}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Count on from there."""
        self._in_a_row = state["in_a_row"]


@final
class ReportA(StopRule):
    """Report A's rule: stop when the loss averaged over 100 batches has stopped moving::

        | mean(L_{s-99} … L_s) − mean(L_{s-199} … L_{s-100}) | < 10⁻⁶

    It cannot tell the end from the first plateau; `Plateau` can.
    """

    every_batch = True
    window = 100
    tolerance = 1e-6

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=2 * self.window)

    def batch(self, loss_nats: float, accuracy: float) -> bool:
        """Whether the two means have met."""
        self._losses.append(loss_nats)
        if len(self._losses) < 2 * self.window:
            return False
        losses = list(self._losses)
        before, last = losses[: self.window], losses[self.window :]
        return abs(math.fsum(last) - math.fsum(before)) / self.window < self.tolerance

    def state(self) -> dict[str, Any]:
        """The losses of the two windows."""
        return {"losses": list(self._losses)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with those windows."""
        self._losses = deque(state["losses"], maxlen=2 * self.window)


@final
class Plateau(StopRule):
    """Stop on the last plateau, not on the first.

    Networks learn to remember in stairs: the loss lies flat near that of guessing, sometimes for most of the run,
    then falls. So a flat stretch ends the run only where all of these hold:

    * something has been learned: the evaluation's accuracy is more than 3 standard errors above that of the best
      constant answer. Below that the run is still on its first plateau, and takes all its steps;
    * the best evaluation loss has not been undercut, by more than 10⁻³ nats, in ``patience`` evaluations;
    * and not in as many steps again as it took to reach that best, so a later stair gets as long to come as the
      earlier ones took.

    Args:
        patience: evaluations to wait at least.
        majority: accuracy of the best constant answer.
    """

    tolerance_nats = 1e-3
    standard_errors = 3.0

    def __init__(self, patience: int, majority: float) -> None:
        self.patience = patience
        self.majority = majority
        self._best_nats = math.inf
        self._best_step = 0
        self._waited = 0

    def evaluation(self, step: int, evaluation: Evaluation | ForecastEvaluation) -> bool:
        """Whether this is the last plateau."""
        if evaluation.loss_nats < self._best_nats - self.tolerance_nats:
            self._best_nats, self._best_step, self._waited = evaluation.loss_nats, step, 0
            return False
        self._waited += 1
        assert isinstance(evaluation, Evaluation)
        error = math.sqrt(self.majority * (1 - self.majority) / evaluation.count)
        has_learned = evaluation.accuracy > self.majority + self.standard_errors * error
        return has_learned and self._waited >= self.patience and step - self._best_step >= self._best_step

    def state(self) -> dict[str, Any]:
        """The best evaluation and how long ago it was."""
        return {
            "best_nats": None if math.isinf(self._best_nats) else self._best_nats,
            "best_step": self._best_step,
            "waited": self._waited,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Wait on from there."""
        self._best_nats = math.inf if state["best_nats"] is None else state["best_nats"]
        self._best_step, self._waited = state["best_step"], state["waited"]


@final
class Validation(StopRule):
    """Stop when neither the loss nor the accuracy of an evaluation has got better than ever in ``patience`` of them.

    Source: Veličković et al. 2018, whose patience is 100 epochs; there, being as good as ever counts too.

    Args:
        patience: evaluations to wait.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._best_nats = math.inf
        self._best_accuracy = 0.0
        self._waited = 0

    def evaluation(self, step: int, evaluation: Evaluation | ForecastEvaluation) -> bool:
        """Whether nothing has got better for long enough."""
        accuracy = evaluation.accuracy or 0.0
        is_best = evaluation.loss_nats < self._best_nats or accuracy > self._best_accuracy
        self._best_nats = min(self._best_nats, evaluation.loss_nats)
        self._best_accuracy = max(self._best_accuracy, accuracy)
        self._waited = 0 if is_best else self._waited + 1
        return self._waited >= self.patience

    def state(self) -> dict[str, Any]:
        """The bests and how long ago they were."""
        best = None if math.isinf(self._best_nats) else self._best_nats
        return {"best_nats": best, "best_accuracy": self._best_accuracy, "waited": self._waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Wait on from there."""
        self._best_nats = math.inf if state["best_nats"] is None else state["best_nats"]
        self._best_accuracy, self._waited = state["best_accuracy"], state["waited"]


def _plateau(spec: TrainingSpec, task: Question) -> StopRule:
    if not isinstance(task, Choice):
        raise SpecError(f"stop is 'plateau', which asks for a best constant answer; {task.name} has none: validation")
    return Plateau(spec.patience, task.majority)


STOP_RULES: Mapping[str, Callable[[TrainingSpec, Question], StopRule]] = {
    "never": lambda spec, task: Never(),
    "solved": lambda spec, task: Solved(),
    "perfect": lambda spec, task: Perfect(spec.patience),
    "plateau": _plateau,
    "report-a": lambda spec, task: ReportA(),
    "validation": lambda spec, task: Validation(spec.patience),
}
"""Every rule by the name that specs use."""


def build_stop_rule(spec: TrainingSpec, task: Question) -> StopRule:
    """The rule of a spec."""
    return STOP_RULES[spec.stop](spec, task)

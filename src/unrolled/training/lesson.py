"""What the loop learns: batches to go down the gradient of, and how good the network is on what it is not taught.

The loop knows nothing of sequences, graphs or forecasts; a lesson knows nothing of steps taken, optimisers or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Generator, Tensor, nn

from unrolled.analysis.evaluation import Evaluation, evaluate
from unrolled.analysis.forecast_evaluation import ForecastEvaluation
from unrolled.analysis.node_evaluation import evaluate_batch, node_answers
from unrolled.data import IGNORED, Marking, NextCharacter, NodeClassification, Task, check_full_batch
from unrolled.errors import SpecError
from unrolled.spec import RunSpec
from unrolled.training.curriculum import Curriculum
from unrolled.training.feed import build_feed
from unrolled.training.processes import Processes
from unrolled.training.streams import stream

__all__ = ["Answer", "Lesson", "NodeLesson", "SequenceLesson"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came of a process's share of a training batch: its part of two means over the whole batch.

    Attributes:
        loss: what is gone down, with its gradient.
        score: what else is told of a batch, without.
    """

    loss: Tensor
    score: Tensor

    @classmethod
    def marked(cls, marking: Marking, said: Tensor, targets: Tensor, asked: int) -> Answer:
        """The loss in nats, and the share of right answers.

        Args:
            marking: how answers are marked.
            said: ``[n, K]``.
            targets: ``[n]``, the right answers; `IGNORED` where nothing is asked.
            asked: how many answers the whole batch asks for, of all processes.
        """
        return cls(marking.loss_nats(said, targets) / asked, marking.right(said.detach(), targets) / asked)


class Lesson(ABC):
    """Teaches one network; the same step and what is kept between two give the same batch.

    Attributes:
        figures: what the loss and the score of an `Answer` are called in the record.
        curriculum: hears of every batch's answers as it is taken, and decides by them what is taught next; None:
            nothing does.
    """

    figures: ClassVar[tuple[str, str]] = ("loss_nats", "accuracy")
    curriculum: Curriculum | None = None

    @abstractmethod
    def answer(self, model: nn.Module, step: int) -> Answer:
        """What the model says to the training batch of ``step``, which is taken.

        Args:
            model: in training mode.
            step: steps taken before.
        """

    @abstractmethod
    def evaluate(self, model: nn.Module, step: int) -> Evaluation | ForecastEvaluation:
        """On data that no step is taught: what stopping and keeping may look at."""

    @abstractmethod
    def test(self, model: nn.Module) -> Evaluation | ForecastEvaluation | None:
        """On data that nothing looks at before the end; None where `evaluate` draws such data every time."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What is kept between two steps, for a checkpoint; all processes call this together."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Where the next batch is, as JSON."""

    @abstractmethod
    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `position` gave."""


@final
class SequenceLesson(Lesson):
    """Fresh sequences of a task, or windows of a text.

    Raises:
        TextError: too little text, which is said now and not at the first evaluation.
    """

    def __init__(self, spec: RunSpec, task: Task, device: torch.device, processes: Processes) -> None:
        if isinstance(task, NextCharacter):
            task.require_held_out()
        self._feed = build_feed(spec, task, processes)
        self.curriculum = self._feed.curriculum
        self._rows = processes.rows(spec.training.batch)
        self._task = task
        self._training = spec.training
        self._device = device

    def answer(self, model: nn.Module, step: int) -> Answer:
        """On this process's rows of what the feed gives next."""
        whole = self._feed.next()
        batch = whole.rows(self._rows)
        said = self._feed.answer(model, batch, self._device).flatten(0, -2)
        targets = batch.targets.to(self._device).flatten()
        return Answer.marked(self._task.marking, said, targets, int((whole.targets != IGNORED).sum()))

    def evaluate(self, model: nn.Module, step: int) -> Evaluation:
        """On fresh sequences, other ones at every step, or on the held-out text."""
        return evaluate(model, self._task, stream(self._training.seed, "evaluation", step))

    def test(self, model: nn.Module) -> Evaluation | None:
        """None."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """The feed's."""
        return self._feed.tensors()

    def position(self) -> dict[str, Any]:
        """The feed's."""
        return self._feed.position()

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """The feed goes on from there."""
        self._feed.restore(tensors, position)


@final
class NodeLesson(Lesson):
    """The nodes of a graph. The order of an epoch is drawn from the seed and its number, so any step can be resumed.

    Raises:
        InputError: a step on the whole graph needs more memory than there is.
        SpecError: several processes, which share no graph.
    """

    def __init__(self, spec: RunSpec, task: NodeClassification, device: torch.device, processes: Processes) -> None:
        if processes.count > 1:
            raise SpecError(f"{processes.count} processes share no graph: train nodes without torchrun")
        self._draws = stream(spec.training.seed, "draws")
        model = spec.on_graph
        self._task = task
        self._training = spec.training
        self._place = device, torch.float64 if spec.training.precision == "float64" else torch.float32
        if task.batching == "full" and device.type == "cpu":
            hidden = [model.width(place) for place in range(model.layers - 1)]
            heads = model.heads if model.layer in ("gat", "gatv2") else 0
            check_full_batch(
                task.graph,
                [task.features.shape[1], *hidden, task.classes],
                heads=heads,
                dropout=model.dropout > 0,
                terms=model.hops + 1 if model.layer == "cheb" else 1,
            )
        self._per_epoch = task.steps_per_epoch(spec.training.batch)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)
        self._validation = task.whole("validation").to(*self._place)
        self._test = task.whole("test").to(*self._place)
        self._whole = task.batch(1, self._order, 0, Generator()).to(*self._place) if task.batching == "full" else None

    def answer(self, model: nn.Module, step: int) -> Answer:
        """On the training nodes of the step."""
        batch = self._whole
        if batch is None:
            epoch, place = divmod(step, self._per_epoch)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, self._task.order(stream(self._training.seed, "order", epoch))
            batch = self._task.batch(self._training.batch, self._order, place, self._draws).to(*self._place)
        return Answer.marked(self._task.marking, node_answers(model, batch), batch.targets, len(batch.targets))

    def evaluate(self, model: nn.Module, step: int) -> Evaluation:
        """On the validation nodes."""
        return evaluate_batch(model, self._validation)

    def test(self, model: nn.Module) -> Evaluation | None:
        """On the test nodes."""
        return evaluate_batch(model, self._test)

    def tensors(self) -> dict[str, Tensor]:
        """The state of the draws."""
        return {"draws": self._draws.get_state()}

    def position(self) -> dict[str, Any]:
        """Nothing: the number of the step says it."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """Draw on from there."""
        self._draws.set_state(tensors["draws"])

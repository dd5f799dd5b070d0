"""What the loop learns: batches to go down the gradient of, and how good the network is on what it is not taught.

The loop knows nothing of sequences or graphs; a lesson knows nothing of steps taken, optimisers or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Generator, Tensor, nn

from unrolled.analysis.evaluation import Evaluation, answers, evaluate
from unrolled.analysis.node_evaluation import evaluate_batch, node_answers
from unrolled.data import NextCharacter, NodeClassification, Question, Task, check_full_batch
from unrolled.spec import RunSpec
from unrolled.training.streams import stream

__all__ = ["Lesson", "NodeLesson", "SequenceLesson", "build_lesson"]


class Lesson(ABC):
    """Teaches one network; the same step and state of the draws give the same batch."""

    @abstractmethod
    def answer(self, model: nn.Module, step: int, draws: Generator) -> tuple[Tensor, Tensor]:
        """Logits ``[n, K]`` on the training batch of ``step``, and the right answers ``[n]``.

        Args:
            model: in training mode.
            step: steps taken before.
            draws: advanced by what is drawn.
        """

    @abstractmethod
    def evaluate(self, model: nn.Module, step: int) -> Evaluation:
        """On data that no step is taught: what stopping and keeping may look at."""

    @abstractmethod
    def test(self, model: nn.Module) -> Evaluation | None:
        """On data that nothing looks at before the end; None where `evaluate` draws such data every time."""


@final
class SequenceLesson(Lesson):
    """Fresh sequences of a task, or windows of a text.

    Raises:
        TextError: too little text, which is said now and not at the first evaluation.
    """

    def __init__(self, spec: RunSpec, task: Task, device: torch.device) -> None:
        if isinstance(task, NextCharacter):
            task.held_out_windows()
        self._task = task
        self._training = spec.training
        self._device = device

    def answer(self, model: nn.Module, step: int, draws: Generator) -> tuple[Tensor, Tensor]:
        """On the next draw."""
        batch = self._task.sample(self._training.batch, draws)
        logits = answers(model, batch.inputs.to(self._device)).flatten(0, -2)
        return logits, batch.targets.to(self._device).flatten()

    def evaluate(self, model: nn.Module, step: int) -> Evaluation:
        """On fresh sequences, other ones at every step, or on the held-out text."""
        return evaluate(model, self._task, stream(self._training.seed, "evaluation", step))

    def test(self, model: nn.Module) -> Evaluation | None:
        """None."""
        return None


@final
class NodeLesson(Lesson):
    """The nodes of a graph. The order of an epoch is drawn from the seed and its number, so any step can be resumed.

    Raises:
        InputError: a step on the whole graph needs more memory than there is.
    """

    def __init__(self, spec: RunSpec, task: NodeClassification, device: torch.device) -> None:
        model = spec.on_graph
        self._task = task
        self._training = spec.training
        self._place = device, torch.float64 if spec.training.precision == "float64" else torch.float32
        if task.batching == "full" and device.type == "cpu":
            hidden = [model.width(place) for place in range(model.layers - 1)]
            heads = model.heads if model.layer in ("gat", "gatv2") else 0
            check_full_batch(task.graph, [task.features.shape[1], *hidden, task.classes], heads=heads)
        self._per_epoch = task.steps_per_epoch(spec.training.batch)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)
        self._validation = task.whole("validation").to(*self._place)
        self._test = task.whole("test").to(*self._place)
        self._whole = task.batch(1, self._order, 0, Generator()).to(*self._place) if task.batching == "full" else None

    def answer(self, model: nn.Module, step: int, draws: Generator) -> tuple[Tensor, Tensor]:
        """On the training nodes of the step."""
        batch = self._whole
        if batch is None:
            epoch, place = divmod(step, self._per_epoch)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, self._task.order(stream(self._training.seed, "order", epoch))
            batch = self._task.batch(self._training.batch, self._order, place, draws).to(*self._place)
        return node_answers(model, batch), batch.targets

    def evaluate(self, model: nn.Module, step: int) -> Evaluation:
        """On the validation nodes."""
        return evaluate_batch(model, self._validation)

    def test(self, model: nn.Module) -> Evaluation | None:
        """On the test nodes."""
        return evaluate_batch(model, self._test)


def build_lesson(spec: RunSpec, task: Question, device: torch.device) -> Lesson:
    """The lesson of a spec."""
    if isinstance(task, NodeClassification):
        return NodeLesson(spec, task, device)
    assert isinstance(task, Task)
    return SequenceLesson(spec, task, device)

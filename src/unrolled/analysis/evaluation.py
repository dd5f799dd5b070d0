"""How good a model is on what it has not seen: fresh samples of a task, or the held-out part of a text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from unrolled.data import Batch, NextCharacter, Task

__all__ = ["SOLVED", "Evaluation", "answers", "evaluate", "evaluating"]

SOLVED = 0.99
"""The accuracy from which a task counts as solved."""

COUNT = 2000
"""Fresh samples (or held-out windows) of an evaluation, and the least that "solved" may rest on."""

_ROWS = 500  # sequences at once: bounds the memory, not the result
_STREAMS = 32  # contiguous pieces of the held-out text that are read side by side with the state carried on
_STREAM_WINDOWS = 40  # windows a stream should at least have, so that its cold start weighs little


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and loss on unseen data.

    Attributes:
        accuracy: share of right answers; for a text from a zero state at the start of every window.
        loss_nats: mean cross-entropy.
        count: answers that were counted.
        carried_accuracy: text only: with the state carried on through contiguous streams.
        carried_loss_nats: the mean cross-entropy that goes with it.
    """

    accuracy: float
    loss_nats: float
    count: int
    carried_accuracy: float | None = None
    carried_loss_nats: float | None = None

    @property
    def bits(self) -> float:
        """The loss in bits: for a text, bits per character."""
        return self.loss_nats / math.log(2)

    @property
    def carried_bits(self) -> float | None:
        """The loss in bits per character with the state carried on; text only."""
        return None if self.carried_loss_nats is None else self.carried_loss_nats / math.log(2)

    @property
    def solved(self) -> bool:
        """Accuracy of at least `SOLVED` on at least 2000 answers."""
        return self.accuracy >= SOLVED and self.count >= COUNT

    def to_mapping(self) -> dict[str, Any]:
        """The figures by name, without those that the task does not have; `from_mapping` reads it."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Evaluation:
        """The evaluation in a mapping, whose other keys are passed over."""
        return cls(**{f.name: mapping[f.name] for f in dataclasses.fields(cls) if f.name in mapping})


def answers(model: torch.nn.Module, inputs: Tensor) -> Tensor:
    """The model's logits for symbols [T, B]: [B, K] of a classifier, [T, B, V] of a character model.

    At least float32, so that a loss under autocast is not summed in bfloat16.
    """
    given = model(inputs)
    logits: Tensor = given[0] if isinstance(given, tuple) else given
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def evaluate(model: torch.nn.Module, task: Task, generator: Generator, *, count: int | None = COUNT) -> Evaluation:
    """Evaluate ``model`` without touching it: dropout off, no gradients, its mode afterwards as before.

    A sampled task draws ``count`` fresh sequences. A text is read in two ways: in windows of T that each begin
    from a zero state, as in training, and in contiguous streams through which the state is carried on.

    Args:
        model: keeps the protocol of `unrolled.nn.SequenceClassifier` or, for a text, `unrolled.nn.CharacterModel`.
        task: where fresh samples or the held-out text come from.
        generator: a CPU generator to draw the samples from; a text needs none of it.
        count: sequences to draw, or the most held-out windows to read; None: 2000, or the whole held-out part.
    """
    with evaluating(model):
        if isinstance(task, NextCharacter):
            return _evaluate_text(model, task, count)
        count = COUNT if count is None else count
        tally = _Tally(model)
        for first in range(0, count, _ROWS):
            batch = task.sample(min(_ROWS, count - first), generator)
            tally.add(answers(model, tally.here(batch.inputs)), batch.targets)
        return Evaluation(accuracy=tally.accuracy, loss_nats=tally.loss_nats, count=tally.count)


def _evaluate_text(model: torch.nn.Module, task: NextCharacter, count: int | None) -> Evaluation:
    windows = task.held_out_windows()
    available = windows.inputs.shape[1]
    used = available if count is None else min(count, available)
    cold = _Tally(model)
    for first in range(0, used, _ROWS):
        rows = slice(first, min(first + _ROWS, used))
        cold.add(answers(model, cold.here(windows.inputs[:, rows])), windows.targets[:, rows])

    streams = task.held_out_streams(max(1, min(_STREAMS, available // _STREAM_WINDOWS)))
    carried = _Tally(model)
    state = None
    for piece in _pieces(streams, task.window, share=used / available):
        logits, state = model(carried.here(piece.inputs), state)
        carried.add(logits.to(torch.promote_types(logits.dtype, torch.float32)), piece.targets)
    return Evaluation(
        accuracy=cold.accuracy,
        loss_nats=cold.loss_nats,
        count=cold.count,
        carried_accuracy=carried.accuracy,
        carried_loss_nats=carried.loss_nats,
    )


def _pieces(streams: Batch, window: int, share: float) -> Iterator[Batch]:
    """The first ``share`` of streams [T′, B], a window at a time."""
    for first in range(0, math.ceil(share * len(streams.inputs)), window):
        yield Batch(inputs=streams.inputs[first : first + window], targets=streams.targets[first : first + window])


class _Tally:
    """Right answers and losses so far, on the model's device."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.device = next(model.parameters()).device
        self.count = 0
        self._right = 0
        self._loss = 0.0

    def here(self, symbols: Tensor) -> Tensor:
        return symbols.to(self.device)

    def add(self, logits: Tensor, targets: Tensor) -> None:
        """Logits [..., K] and their targets [...]."""
        targets = self.here(targets).flatten()
        logits = logits.flatten(0, -2)
        self.count += len(targets)
        self._right += int((logits.argmax(-1) == targets).sum())
        self._loss += float(cross_entropy(logits, targets, reduction="sum"))

    @property
    def accuracy(self) -> float:
        return self._right / self.count

    @property
    def loss_nats(self) -> float:
        return self._loss / self.count


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Dropout off and no gradients inside; every submodule's mode afterwards as before."""
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True

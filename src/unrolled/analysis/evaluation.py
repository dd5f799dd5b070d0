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

from unrolled.data import IGNORED, Batch, Marking, NextCharacter, Task
from unrolled.nn import states

__all__ = ["COUNT", "SOLVED", "Evaluation", "answers", "at_least_float32", "carried_answers", "evaluate", "evaluating"]

SOLVED = 0.99
"""The accuracy from which a task counts as solved."""

COUNT = 2000
"""Fresh samples (or held-out windows) of an evaluation, and the least that "solved" may rest on."""

_ROWS = 500  # sequences at once: bounds the memory, not the result
_STREAMS = 32  # contiguous pieces of the held-out text that are read side by side with the state carried on
_STREAM_WINDOWS = 40  # windows a stream should at least have
_WARM_CHARACTERS = 256  # read before a stream begins, and not counted


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and loss on unseen data.

    Attributes:
        accuracy: share of right answers; for a text from a zero state at the start of every window.
        loss_nats: mean cross-entropy; of a task whose answer is a number the mean squared error (see `Near`).
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
        """The loss in bits: for a text, per symbol of it, a character or a byte."""
        return self.loss_nats / math.log(2)

    @property
    def carried_bits(self) -> float | None:
        """The loss in bits per symbol with the state carried on; text only."""
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
    return at_least_float32(logits)


def at_least_float32(logits: Tensor) -> Tensor:
    """Logits in a dtype that losses can be summed in."""
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
        tally = _Tally(model, task.marking)
        for first in range(0, count, _ROWS):
            batch = task.sample(min(_ROWS, count - first), generator)
            tally.add(answers(model, tally.here(batch.inputs)), batch.targets)
        return Evaluation(accuracy=tally.accuracy, loss_nats=tally.loss_nats, count=tally.count)


def _evaluate_text(model: torch.nn.Module, task: NextCharacter, count: int | None) -> Evaluation:
    task.require_held_out()
    available = task.held_out_count
    used = available if count is None else min(count, available)
    cold = _Tally(model, task.marking)
    for first in range(0, used, _ROWS):
        batch = task.held_out_windows(first, min(_ROWS, used - first))
        cold.add(answers(model, cold.here(batch.inputs)), batch.targets)

    carried = _Tally(model, task.marking)
    for batch, logits in carried_answers(model, task, used):
        carried.add(logits, batch.targets)
    return Evaluation(
        accuracy=cold.accuracy,
        loss_nats=cold.loss_nats,
        count=cold.count,
        carried_accuracy=carried.accuracy,
        carried_loss_nats=carried.loss_nats,
    )


def carried_answers(model: torch.nn.Module, task: NextCharacter, windows: int) -> Iterator[tuple[Batch, Tensor]]:
    """The first held-out windows and the model's logits for them, the state carried on from window to window.

    The text is read in up to 32 pieces side by side. A piece that begins inside a document first reads the 256
    characters before it, which are asked of another piece and not counted here, so that it does not begin cold.

    Args:
        model: a character model.
        task: where the held-out text is.
        windows: how many of its windows to read.
    """
    pieces = max(1, min(_STREAMS, windows // _STREAM_WINDOWS))
    whole = windows == task.held_out_count
    layout = task.held_out_stream(pieces, None if whole else windows * task.window)
    warm = -(-_WARM_CHARACTERS // task.window) if pieces > 1 else 0
    device = next(model.parameters()).device
    state: Any = None
    for index in range(-warm, layout.columns):
        batch = layout.column(index, warm)
        assert batch.fresh is not None
        logits, state = model(batch.inputs.to(device), states.zero_rows(state, batch.fresh.to(device)))
        if index >= 0:
            yield batch, at_least_float32(logits)


class _Tally:
    """Right answers and losses so far, on the model's device."""

    def __init__(self, model: torch.nn.Module, marking: Marking) -> None:
        self._marking = marking
        self.device = next(model.parameters()).device
        self.count = 0
        self._right = 0
        self._loss = 0.0

    def here(self, symbols: Tensor) -> Tensor:
        return symbols.to(self.device)

    def add(self, logits: Tensor, targets: Tensor) -> None:
        """Logits [..., K] and their targets [...], of which `IGNORED` ones do not count."""
        targets = self.here(targets).flatten()
        logits = logits.flatten(0, -2)
        self.count += int((targets != IGNORED).sum())
        self._right += int(self._marking.right(logits, targets))
        self._loss += float(self._marking.loss_nats(logits, targets))

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

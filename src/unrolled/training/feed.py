"""Where the next batch comes from, and what is kept between two: nothing, or the state that is carried on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from unrolled.analysis.evaluation import answers, at_least_float32
from unrolled.data import Batch, NextCharacter, Task
from unrolled.nn import states
from unrolled.spec import RunSpec, TextSpec
from unrolled.training.curriculum import Curriculum
from unrolled.training.processes import Processes
from unrolled.training.streams import stream

__all__ = ["Feed", "build_feed"]


class Feed(ABC):
    """Gives whole batches, the same to every process of a run, and has a process's rows of them answered.

    Attributes:
        curriculum: decides from what the network answered which batches come next; None: nothing does.
    """

    curriculum: Curriculum | None = None

    @abstractmethod
    def next(self) -> Batch:
        """The next batch."""

    @abstractmethod
    def answer(self, model: torch.nn.Module, batch: Batch, device: torch.device) -> Tensor:
        """The model's logits for some rows of the batch that `next` gave last, at least float32."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What is kept, of all processes' rows, for a checkpoint; all of them call this together."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Where the next batch is, as JSON."""

    @abstractmethod
    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `position` gave."""


def build_feed(spec: RunSpec, task: Task, processes: Processes) -> Feed:
    """The feed that a spec asks for."""
    if isinstance(spec.task, TextSpec) and spec.task.state == "carried":
        assert isinstance(task, NextCharacter)
        return _Carried(task, spec, processes)
    return _Drawn(task, spec) if spec.training.curriculum is None else _Growing(task, spec)


@final
class _Drawn(Feed):
    """Independent sequences from a random stream, each from a zero state."""

    def __init__(self, task: Task, spec: RunSpec) -> None:
        self._task = task
        self._size = spec.training.batch
        self._draws = stream(spec.training.seed, "draws")

    def next(self) -> Batch:
        return self.next_of(self._task)

    def next_of(self, task: Task) -> Batch:
        return task.sample(self._size, self._draws)

    def answer(self, model: torch.nn.Module, batch: Batch, device: torch.device) -> Tensor:
        return answers(model, batch.inputs.to(device))

    def tensors(self) -> dict[str, Tensor]:
        return {"draws": self._draws.get_state()}

    def position(self) -> dict[str, Any]:
        return {}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        self._draws.set_state(tensors["draws"])


@final
class _Growing(Feed):
    """Independent sequences of a task that grows."""

    def __init__(self, task: Task, spec: RunSpec) -> None:
        self._drawn = _Drawn(task, spec)
        self.curriculum = self._growth = Curriculum(spec)

    def next(self) -> Batch:
        return self._drawn.next_of(self._growth.task)

    def answer(self, model: torch.nn.Module, batch: Batch, device: torch.device) -> Tensor:
        return self._drawn.answer(model, batch, device)

    def tensors(self) -> dict[str, Tensor]:
        return self._drawn.tensors()

    def position(self) -> dict[str, Any]:
        return {"curriculum": self._growth.state()}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        self._drawn.restore(tensors, position)
        self._growth.restore(position["curriculum"])


@final
class _Carried(Feed):
    """Contiguous streams through the text: truncated back-propagation, the state kept from window to window.

    ::

        h_0 of a window = h_T of the window before it, without its gradient; 0 where a document begins

    A pass reads every training character once, in `Layout`'s columns. Each pass draws the length of the documents'
    first windows anew, so that the gradient is not cut at the same characters in all of them.
    """

    def __init__(self, task: NextCharacter, spec: RunSpec, processes: Processes) -> None:
        self._task = task
        self._size, self._seed = spec.training.batch, spec.training.seed
        self._processes = processes
        self._state: Any = None
        self._enter(0, 0)

    def _enter(self, number: int, column: int) -> None:
        """Pass ``number``, before its batch ``column``."""
        draws = stream(self._seed, "draws", number)
        first = 1 + int(torch.randint(self._task.window, (), generator=draws))
        self._layout = self._task.stream(self._size, first)
        self._pass, self._column = number, column

    def next(self) -> Batch:
        if self._column == self._layout.columns:
            self._enter(self._pass + 1, 0)
        self._column += 1
        return self._layout.column(self._column - 1)

    def answer(self, model: torch.nn.Module, batch: Batch, device: torch.device) -> Tensor:
        assert batch.fresh is not None
        state = states.zero_rows(self._state, batch.fresh.to(device))
        logits, state = model(batch.inputs.to(device), state)
        self._state = states.detach(state)
        return at_least_float32(logits)

    def tensors(self) -> dict[str, Tensor]:
        own = states.to_tensors(self._state)
        return {f"carried.{key}": self._processes.gathered(tensor, -2) for key, tensor in own.items()}

    def position(self) -> dict[str, Any]:
        return {"pass": self._pass, "column": self._column}

    def restore(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        self._enter(position["pass"], position["column"])
        rows = self._processes.rows(self._size)
        kept = {key.removeprefix("carried."): t for key, t in tensors.items() if key.startswith("carried.")}
        self._state = states.from_tensors({key: tensor[..., rows, :].clone() for key, tensor in kept.items()})

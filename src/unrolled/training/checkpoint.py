"""Everything a run needs to go on bit for bit, as tensors and a JSON position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from unrolled.errors import RecordError, SpecError, UserCodeError
from unrolled.record import MODEL_PREFIX
from unrolled.training.lesson import Lesson
from unrolled.training.processes import Processes
from unrolled.training.workplace import Workplace

__all__ = ["Checkpoint", "capture", "restore"]

_OPTIMISER, _RANDOM = "optimiser.", "random."


@dataclass(frozen=True)
class Checkpoint:
    """A moment between two steps.

    Attributes:
        tensors: the network's (under ``model.``), the optimiser's, what the lesson keeps, the states of the random
            generators (of several processes joined in their order), and the network's at its best evaluation, where
            the run keeps those.
        position: step, time, place in the lesson, averages, the stop rule's memory and a text's characters, as JSON.
    """

    tensors: Mapping[str, Tensor]
    position: Mapping[str, Any]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's tensors by their own names."""
        return {
            key.removeprefix(MODEL_PREFIX): value for key, value in self.tensors.items() if key.startswith(MODEL_PREFIX)
        }

    def ending_with(self, weights: Mapping[str, Tensor], step: int) -> Checkpoint:
        """The same with other weights, those of ``step``."""
        tensors = dict(self.tensors) | {MODEL_PREFIX + key: value for key, value in weights.items()}
        return Checkpoint(tensors, {**self.position, "step": step})

    @property
    def is_finite(self) -> bool:
        """Whether every number in it is one, so that training can go on from here."""
        return all(bool(torch.isfinite(value).all()) for value in self.tensors.values())


def capture(
    model: nn.Module,
    optimiser: Optimizer,
    lesson: Lesson,
    workplace: Workplace,
    processes: Processes,
    position: Mapping[str, Any],
    further: Mapping[str, Tensor],
) -> Checkpoint:
    """Copy the moment, and further tensors, to the CPU; all processes call this together."""
    tensors = dict(further)
    for key, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            raise UserCodeError(f"the model keeps {key!r} in its state_dict, a {type(value).__name__}; use tensors")
        tensors[MODEL_PREFIX + key] = value
    for index, slots in optimiser.state_dict()["state"].items():
        for key, value in slots.items():
            if value is not None:
                tensors[f"{_OPTIMISER}{index}.{key}"] = value
    tensors |= lesson.tensors()
    for place, state in workplace.random_states.items():
        tensors[_RANDOM + place] = processes.gathered(state, 0)
    # The copy is also torch-aligned and the network may train on while it is written.
    return Checkpoint({key: value.detach().to("cpu", copy=True) for key, value in tensors.items()}, position)


def restore(
    checkpoint: Checkpoint,
    model: nn.Module,
    optimiser: Optimizer,
    lesson: Lesson,
    workplace: Workplace,
    processes: Processes,
) -> None:
    """Put everything back to the moment, save for what of the position is the job's.

    Raises:
        RecordError: the checkpoint is not of this network.
        SpecError: it was made on another kind of device, or by another number of processes.
    """
    count = checkpoint.position.get("processes", 1)
    if count != processes.count:
        raise SpecError(
            f"this run was trained by {count} process(es), and {processes.count} would not go on bit for bit: "
            + (
                f"resume it under torchrun --nproc-per-node {count} or with --engine ray --processes {count}"
                if count > 1
                else "resume it with one"
            )
        )
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        detail = " ".join(line.strip() for line in str(error).splitlines()[1:2])
        raise RecordError(f"the checkpoint is not of this network: {detail}") from None
    slots: dict[int, dict[str, Tensor]] = {}
    random_states = {}
    for key, value in checkpoint.tensors.items():
        if key.startswith(_OPTIMISER):
            index, name = key.removeprefix(_OPTIMISER).split(".", 1)
            slots.setdefault(int(index), {})[name] = value.clone()
        elif key.startswith(_RANDOM):
            random_states[key.removeprefix(_RANDOM)] = value.chunk(processes.count)[processes.rank].clone()
    optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
    lesson.restore(checkpoint.tensors, checkpoint.position.get("lesson", {}))
    workplace.restore(checkpoint.position["seconds"], random_states)

"""The gradient microscope along training: what of the loss reaches each state, before the first step and on the way.

A look is taken of a copy, in float64, on sequences of its own random stream, the same at every step: the run ends with
the very weights that it would end with unwatched.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

from unrolled.analysis.gradients import LayerGradients, state_gradients
from unrolled.data import Question, Task
from unrolled.errors import UserCodeError
from unrolled.nn import CharacterModel, RecurrentLayer, SequenceClassifier
from unrolled.spec import RunSpec
from unrolled.training.streams import stream

__all__ = ["SEQUENCES", "look_at", "require_looking"]

SEQUENCES = 16
"""That a look averages over."""


def require_looking(spec: RunSpec, model: torch.nn.Module) -> None:
    """Refuse a given network that the microscope cannot see into, where looks are asked for.

    Raises:
        UserCodeError: saying what would do.
    """
    seen = isinstance(model, SequenceClassifier | CharacterModel) and isinstance(model.layer, RecurrentLayer)
    if spec.training.look_every > 0 and not seen:
        raise UserCodeError(
            f"the states inside {type(model).__name__} cannot be seen on the way: give a SequenceClassifier or "
            "CharacterModel on a layer of unrolled.nn, or set look_every to 0"
        )


def look_at(model: torch.nn.Module, task: Question, seed: int, step: int) -> dict[str, Any]:
    """A line of ``looks.jsonl``: the step, the loss and every layer's curves.

    Args:
        model: as `require_looking` wants it; left as it is.
        task: of sequences.
        seed: of the run.
        step: steps taken.
    """
    assert isinstance(task, Task) and isinstance(model, SequenceClassifier | CharacterModel)
    drawn = task.sample(SEQUENCES, stream(seed, "looks"))
    seen = state_gradients(
        copy.deepcopy(model).cpu(), drawn.inputs, drawn.targets, contributions=False, marking=task.marking
    )
    return {
        "step": step,
        "sequences": seen.batch,
        "loss_nats": _number(seen.loss_nats),
        "layers": [_layer(layer) for layer in seen.layers],
    }


def _layer(layer: LayerGradients) -> dict[str, Any]:
    sizes = layer.spectra.values()
    return {
        "layer": layer.layer,
        "direction": layer.direction,
        "norms": {field: [_number(norm) for norm in norms] for field, norms in layer.norms.items()},
        "saturated": {name: sum(shares.saturated) / len(shares.mean) for name, shares in layer.gates.items()},
        "spectral_radius": max((size.spectral_radius for size in sizes), default=None),
        "largest_singular_value": max((size.largest_singular_value for size in sizes), default=None),
    }


def _number(value: float) -> float | None:
    """None for a gradient that left the numbers: a line of JSON has no place for it."""
    return value if math.isfinite(value) else None

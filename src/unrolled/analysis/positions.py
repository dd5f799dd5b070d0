"""How well each place of a window is predicted: the first ones have little to go by."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from unrolled.analysis.evaluation import COUNT, answers, evaluating
from unrolled.data import NextCharacter

__all__ = ["bits_by_position"]

_ROWS = 500


def bits_by_position(model: torch.nn.Module, task: NextCharacter, *, count: int = COUNT) -> tuple[float, ...]:
    """Mean −log₂ p of the answer at each of the T places of the held-out windows, each from a zero state.

    Their mean is the held-out figure from a zero state.

    Args:
        model: a character model; it is left as it was.
        task: where the held-out text is.
        count: the most windows to read.

    Raises:
        TextError: no held-out window.
    """
    task.require_held_out()
    used = min(count, task.held_out_count)
    device = next(model.parameters()).device
    nats = torch.zeros(task.window, dtype=torch.float64)
    with evaluating(model):
        for first in range(0, used, _ROWS):
            batch = task.held_out_windows(first, min(_ROWS, used - first))
            logits = answers(model, batch.inputs.to(device))
            losses: Tensor = cross_entropy(logits.flatten(0, 1), batch.targets.to(device).flatten(), reduction="none")
            nats += losses.view_as(batch.targets).sum(1).double().cpu()
    return tuple((nats / used / math.log(2)).tolist())

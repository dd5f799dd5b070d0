"""What an instrument lets a model read, and what it takes for the answer."""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.nn import CharacterModel, SequenceClassifier

__all__ = ["last_answer", "require_batch"]


def require_batch(model: SequenceClassifier | CharacterModel, inputs: Tensor) -> None:
    """Refuse what is no batch of sequences as the model reads them, symbols [T,B] or numbers [T,B,F].

    Raises:
        InputError: naming the shape.
    """
    numbers = model.numbers if isinstance(model, SequenceClassifier) else 0
    if inputs.dim() != (3 if numbers else 2) or inputs.numel() == 0:
        wanted = f"numbers, [T, B, {numbers}]" if numbers else "symbols, [T, B]"
        raise InputError(f"the input has shape {list(inputs.shape)}: give a batch of at least one sequence of {wanted}")


def last_answer(model: torch.nn.Module, inputs: Tensor) -> Tensor:
    """What a classifier or a character model says at the last step, [B,K]."""
    given = model(inputs)
    said: Tensor = given[0] if isinstance(given, tuple) else given
    return said[-1] if said.dim() == 3 else said

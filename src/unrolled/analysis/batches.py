"""What an instrument lets a model read."""

from __future__ import annotations

from torch import Tensor

from unrolled.errors import InputError
from unrolled.nn import CharacterModel, SequenceClassifier

__all__ = ["require_batch"]


def require_batch(model: SequenceClassifier | CharacterModel, inputs: Tensor) -> None:
    """Refuse what is no batch of sequences as the model reads them, symbols [T,B] or numbers [T,B,F].

    Raises:
        InputError: naming the shape.
    """
    numbers = model.numbers if isinstance(model, SequenceClassifier) else 0
    if inputs.dim() != (3 if numbers else 2) or inputs.numel() == 0:
        wanted = f"numbers, [T, B, {numbers}]" if numbers else "symbols, [T, B]"
        raise InputError(f"the input has shape {list(inputs.shape)}: give a batch of at least one sequence of {wanted}")

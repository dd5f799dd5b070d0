"""Dropout on the recurrent weights: one draw for a whole sequence, whatever the cell and its kernel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from unrolled.errors import InputError
from unrolled.kernels.dropout import dropout

__all__ = ["call_with_weight_drop", "recurrent_weights"]

PREFIX = "weight_hh"
"""How torch.nn, and every layer here, calls the weights between one step and the next."""


def recurrent_weights(layer: torch.nn.Module) -> dict[str, Tensor]:
    """The layer's recurrent weights by their names.

    Raises:
        InputError: it has none of that name.
    """
    found: dict[str, Tensor] = {
        name: w for name, w in layer.named_parameters() if name.rpartition(".")[2].startswith(PREFIX)
    }
    if not found:
        raise InputError(
            f"recurrent dropout acts on weights called {PREFIX}…, as torch.nn calls them, "
            f"and {type(layer).__name__} has none"
        )
    return found


def call_with_weight_drop(layer: torch.nn.Module, share: float, *inputs: Any, **options: Any) -> Any:
    """Call a layer with a share p of its recurrent weights at zero and the others grown to make up for it.

    ::

        W_hh ← W_hh ⊙ m / (1 − p)        m_ij ~ Bernoulli(1 − p), drawn once for all steps and rows

    Source: weight-drop, Merity, Keskar & Socher 2018.

    Args:
        layer: of the house's; torch.nn's own keep a list of their weights beside their names.
        share: p.
        inputs: of the layer.
        options: of the layer.

    Raises:
        InputError: as `recurrent_weights`.
    """
    dropped = {name: dropout(weight, share) for name, weight in recurrent_weights(layer).items()}
    return functional_call(layer, dropped, inputs, options)

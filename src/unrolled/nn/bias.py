"""One bias vector per gate, as the reports' equations have it, in torch's two."""

from __future__ import annotations

from typing import TypeVar

import torch

from unrolled.errors import InputError

__all__ = ["bias_vectors", "single_bias"]

M = TypeVar("M", bound=torch.nn.Module)


def single_bias(layer: M) -> M:
    """Zero and freeze every `bias_hh`, so that `bias_ih` is the equations' one b; return the layer.

    The state_dict keeps torch's keys.

    Raises:
        InputError: the layer has no second bias.
    """
    second = _second_biases(layer)
    if not second:
        raise InputError(f"{type(layer).__name__} has no bias_hh to freeze; make it with bias=True")
    for bias in second:
        with torch.no_grad():
            bias.zero_()
        bias.requires_grad_(False)
    return layer


def bias_vectors(layer: torch.nn.Module) -> int:
    """How many bias vectors a gate has: 2, 1 after `single_bias`, 0 without bias."""
    second = _second_biases(layer)
    if not second:
        return 0
    frozen = all(not bias.requires_grad and not bool(bias.any()) for bias in second)
    return 1 if frozen else 2


def _second_biases(layer: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [p for name, p in layer.named_parameters() if name.rsplit(".", 1)[-1].startswith("bias_hh")]

"""Swap torch.nn's recurrent layers inside a model for the house's."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import torch

from unrolled.nn.gru import GRU
from unrolled.nn.lstm import LSTM
from unrolled.nn.rnn import RNN

__all__ = ["convert"]

M = TypeVar("M", bound=torch.nn.Module)

_SWAPS: dict[type, type] = {torch.nn.RNN: RNN, torch.nn.GRU: GRU, torch.nn.LSTM: LSTM}
_CACHES = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs", "_all_weights", "mode")


def convert(module: M) -> M:
    """Swap every torch.nn.RNN, GRU and LSTM inside `module` for ours, in place, and return it.

    A layer stays the same object with the same parameters and only changes its class, so optimisers, shared
    layers, hooks, weight_norm's too, and the training flag keep working; `module` itself may be such a layer. What
    cannot be swapped (a projection, a subclass, and so a layer with torch.nn.utils.parametrizations) is left as it
    is, and one warning names all of it.

    Args:
        module: any module; converting twice does nothing more.
    """
    left = []
    for name, child in module.named_modules():
        if not isinstance(child, torch.nn.RNNBase):
            continue
        swap = _SWAPS.get(type(child))
        if swap is None:
            left.append(f"{name or 'the module'} (a subclass, {type(child).__name__})")
        elif child.proj_size != 0:
            left.append(f"{name or 'the module'} (proj_size={child.proj_size})")
        else:
            _swap(child, swap)
    if left:
        warnings.warn(f"convert left as torch's: {', '.join(left)}", stacklevel=2)
    return module


def _swap(layer: Any, swap: type) -> None:
    for cache in _CACHES:
        layer.__dict__.pop(cache, None)
    layer.__class__ = swap

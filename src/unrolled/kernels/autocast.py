"""Mixed precision: under autocast a whole sequence runs in autocast's dtype, as in torch.nn's layers."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from unrolled.kernels import modes
from unrolled.kernels.reference.cell import Cell, State, Weights
from unrolled.kernels.reference.graph_cell import GraphCell

__all__ = ["cast", "dtype_of", "is_on", "linear"]


def is_on(device: torch.device) -> bool:
    """Whether autocast is on for a device; false where the device has no autocast."""
    kind = device.type
    if kind == "cpu":  # every call of a layer asks
        return torch.is_autocast_enabled(kind)
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def dtype_of(x: Tensor) -> torch.dtype:
    """What x is computed in: autocast's dtype where that is on, but float64 and integers stay as they are."""
    if not is_on(x.device) or not x.is_floating_point() or x.dtype == torch.float64:
        return x.dtype
    return torch.get_autocast_dtype(x.device.type)


def cast(
    cell: Cell | GraphCell, x: Tensor, state: State | None, weights: Weights
) -> tuple[Tensor, State | None, Weights]:
    """Everything in autocast's dtype, differentiably; float64 and tokens stay as they are."""
    if x.dtype == torch.float64:
        return x, state, weights
    dtype = torch.get_autocast_dtype(x.device.type)
    W_ih, W_hh, *rest = weights
    optional = (None if w is None else w.to(dtype) for w in rest)
    return (
        x.to(dtype) if x.is_floating_point() else x,
        None if state is None else cell.state(*(s.to(dtype) for s in state)),
        Weights(W_ih.to(dtype), W_hh.to(dtype), *optional),
    )


def linear(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    """layer(x) in autocast's dtype; in float32 first where torch's products of that dtype take eighty times as long."""
    if modes.is_recorded() or x.device.type != "cpu" or not is_on(x.device) or _multiplies_half():
        y: Tensor = layer(x)
        return y
    with torch.autocast("cpu", enabled=False):
        y = layer(x.to(layer.weight.dtype))
    return y.to(dtype_of(y))


@functools.cache
def _multiplies_half() -> bool:
    """Whether torch multiplies bfloat16 fast on this processor: on x86 its oneDNN wants AVX-512."""
    return torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2")

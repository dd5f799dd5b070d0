"""One layer in one direction: picks how a cell is unrolled, and says why.

`UNROLLED_KERNELS` chooses: `native` (or a variant of it, `native-v2`), `torch` or `reference`; unset, the
best there is. `native` takes what it can and leaves the rest to torch: torch's own kernels where they are
the faster ones (`vendor`), the house's loop elsewhere (`eager`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.errors import UnknownName
from unrolled.kernels import autocast, autograd, eager, modes, native, operators, reference, transforms, vendor
from unrolled.kernels.implementation import Implementation, Inputs, Steps
from unrolled.kernels.reference import Cell, State, Weights

__all__ = ["Dissection", "PathChoice", "Seen", "asked_path", "dissect", "observe", "path", "pick", "step", "unroll"]

VARIABLE = "UNROLLED_KERNELS"
PATHS = ("native", *(f"native-{variant}" for variant in native.VARIANTS), "torch", "reference")


class Seen(NamedTuple):
    """What `observe` gives: output and final state as from `unroll`, and each field of the cell's Step, [T,B,H]."""

    output: Tensor
    state: State
    values: dict[str, Tensor]


class Dissection(NamedTuple):
    """What `dissect` gives: as `Seen`, and the way back, from ∂L/∂output, ∂L/∂final state and whether x's is wanted."""

    output: Tensor
    state: State
    values: dict[str, Tensor]
    back: Callable[[Tensor | None, tuple[Tensor | None, ...], bool], Steps]


class PathChoice(NamedTuple):
    """Which path unrolls the cells, and why."""

    name: str
    reason: str


def unroll(
    cell: Cell,
    x: Tensor,
    state: State | None,
    weights: Weights,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Run `cell` over a sequence and return the hidden state after each step and the final state.

    Equal to `reference.unroll` in value and in every derivative, whichever path runs.

    Args:
        cell: one of `unrolled.kernels.reference`.
        x: [T,B,I], T ≥ 1; or tokens [T,B] int64, each in 0..I-1, which stand for rows of the identity.
        state: the initial state, every field [B,H]; None: zeros.
        weights: see the cell's page.
        lengths: [B] int64, each in 0..T: the steps of each row; what stands after them is padding. None: T
            for all.
        reverse: run each row from its own last step to its first.

    Returns:
        output [T,B,H], zero in the padding, and the state at each row's end.

    Raises:
        UnknownName: the environment variable UNROLLED_KERNELS names no path.
    """
    if autocast.is_on(x.device):
        x, state, weights = autocast.cast(cell, x, state, weights)
        with torch.autocast(x.device.type, enabled=False):
            return unroll(cell, x, state, weights, lengths=lengths, reverse=reverse)
    if modes.is_recorded():
        return operators.unroll(cell, x, state, weights, lengths, reverse)
    if modes.is_transformed():
        return transforms.unroll(cell, x, state, weights, lengths, reverse)
    inputs = _inputs(cell, x, state, weights, lengths, reverse)
    implementation = pick(cell, inputs)
    if implementation is None or not implementation.reads_tokens:
        inputs = autograd.in_full(inputs)
    if implementation is None:
        unrolled = reference.unroll(
            cell, inputs.x, cell.state(*inputs.state), weights, lengths=lengths, reverse=reverse
        )
        return unrolled.output, unrolled.state
    return autograd.apply(cell, implementation, inputs)


def observe(
    cell: Cell,
    x: Tensor,
    state: State | None,
    weights: Weights,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> Seen | None:
    """Run `cell` as `unroll` does and keep every gate, candidate and state; None where the path in use shows none.

    The values are zero past a row's end, and differentiable. Arguments and errors as in `unroll`.
    """
    if modes.is_watched():
        return None
    if autocast.is_on(x.device):
        x, state, weights = autocast.cast(cell, x, state, weights)
        with torch.autocast(x.device.type, enabled=False):
            return observe(cell, x, state, weights, lengths=lengths, reverse=reverse)
    inputs = _inputs(cell, x, state, weights, lengths, reverse)
    implementation = pick(cell, inputs)
    if implementation is None or implementation.observe is None:
        return None
    return Seen(*autograd.observe(cell, implementation, inputs))


def dissect(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Weights,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> Dissection | None:
    """Run `cell` as `observe` does, outside autograd, with a backward pass that shows each of its steps.

    None where the path in use shows none. Arguments and errors as in `unroll`.
    """
    if autocast.is_on(x.device) or modes.is_watched():
        return None
    inputs = Inputs(x, tuple(state), weights, lengths, reverse, train=True)
    implementation = pick(cell, inputs)
    if implementation is None or implementation.observe is None or implementation.dissect is None:
        return None
    with torch.no_grad():
        result, shown = implementation.observe(inputs)
    values = {**dict(zip(implementation.observed, shown, strict=True)), "hidden": result.output}
    names = dict.fromkeys((*cell.input_blocks, *reversed(cell.state_names)))
    back = functools.partial(implementation.dissect, inputs, result.saved)
    return Dissection(result.output, cell.state(*result.state), {name: values[name] for name in names}, back)


def step(
    cell: Cell, x: Tensor, state: tuple[Tensor, ...], weights: Sequence[Tensor | None]
) -> tuple[Tensor, State] | None:
    """One step of a whole stack of layers where one call of a kernel takes it; None where they go one by one.

    None where a gradient may be wanted: it would have to come back through each layer.

    Args:
        cell: one of `unrolled.kernels.reference`.
        x: [B,I] or [I].
        state: [layers,B,H] each, or [layers,H]; hidden first.
        weights: W_ih, W_hh, b_ih, b_hh, p of every layer in turn.

    Returns:
        The top layer's hidden state and the state after the step, shaped as they came.

    Raises:
        UnknownName: the environment variable UNROLLED_KERNELS names no path.
    """
    if modes.is_watched() or autocast.is_on(x.device):
        return None
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, *state, *weights)):
        return None
    asked = asked_path()
    taken = None if asked in ("torch", "reference") else native.step(cell, x, state, weights, asked)
    return None if taken is None else (taken.output, cell.state(*taken.state))


def _inputs(
    cell: Cell, x: Tensor, state: State | None, weights: Weights, lengths: Tensor | None, reverse: bool
) -> Inputs:
    fields = (None,) * len(cell.state_names) if state is None else tuple(state)
    train = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (*weights, x, *fields))
    return Inputs(x, fields, weights, lengths, reverse, train)


def path() -> PathChoice:
    """Which path is in use in this process, for `unrolled info`."""
    asked = asked_path()
    because = f"{VARIABLE}={asked}" if asked else f"{VARIABLE} is not set"
    if asked == "reference":
        return PathChoice("reference", f"{because}: the equations, step by step")
    missing = ""
    if asked != "torch":
        try:
            compiled = native.describe(asked)
            return PathChoice(asked or "native", f"{because}: {compiled}; torch takes what it does not")
        except native.NativeUnavailable as reason:
            missing = f"; no native kernels ({reason})"
    return PathChoice("torch", f"{because}{missing}: {vendor.describe()}, our own loop for the rest")


def asked_path() -> str:
    """What UNROLLED_KERNELS asks for; empty: the best there is.

    Raises:
        UnknownName: it names no path.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked and asked not in PATHS:
        raise UnknownName(f"{VARIABLE} value", asked, PATHS)
    return asked


def pick(cell: Cell, inputs: Inputs) -> Implementation | None:
    """The fastest that is there and allowed; None stands for the reference itself."""
    asked = asked_path()
    if asked == "reference":
        return None
    found = None if asked == "torch" else native.implementation(cell, inputs, asked)
    return found or vendor.implementation(cell, inputs) or eager.IMPLEMENTATIONS.get(cell.name)

"""The compiled kernels: plain C with vector extensions, loaded by ctypes, on tensors' own memory.

`implementation` is the door that `kernels.recurrent` knocks at. What lies behind it: `library` (one call, numbers in
and numbers out), `half` (the same for bfloat16), `widened` (what there is in its place), `loader` (which variant),
`memory` (blocks that go round), `build` (the compiler), src/ (the kernels).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from unrolled.kernels.implementation import Gradients, Implementation, Inputs, Result, Steps
from unrolled.kernels.native import half
from unrolled.kernels.native.library import KINDS, OBSERVED, Call, Library
from unrolled.kernels.native.loader import VARIANTS, NativeUnavailable, halves, load, load_half, variants
from unrolled.kernels.native.stack import Stack, Stepped, take_step
from unrolled.kernels.native.widened import widened
from unrolled.kernels.reference.cell import Cell

__all__ = ["VARIANTS", "NativeUnavailable", "Stepped", "describe", "faster", "implementation", "load", "loaded", "step"]


def implementation(cell: Cell, inputs: Inputs, asked: str) -> Implementation | None:
    """The native implementation of `cell` for these inputs; None: not this cell, dtype, device or machine.

    `asked` is UNROLLED_KERNELS: empty leaves it to `faster`, anything else is taken at its word.
    """
    if cell.name not in KINDS or not _readable(inputs) or not (asked or faster(inputs)):
        return None
    found = loaded(asked)
    if found is None:
        return None
    wide = _implementation(cell.name, found)
    if inputs.weights.W_hh.dtype != torch.bfloat16:
        return wide
    try:
        return half.implementation(cell.name, load_half(asked))
    except NativeUnavailable:  # a variant of float32 was asked for, or the processor has none for bfloat16
        return widened(wide, torch.bfloat16)


def step(
    cell: Cell, x: Tensor, state: tuple[Tensor, ...], weights: Sequence[Tensor | None], asked: str
) -> Stepped | None:
    """One step of a stack of layers; None: not this cell, dtype, device, layout or machine. See `stack.take_step`."""
    tensors = [x, *state, *(w for w in weights if w is not None)]
    if cell.name not in KINDS or not x.numel() or (x.dim() == 2 and x.stride(1) != 1):
        return None
    for tensor in tensors:
        if tensor.dtype is not torch.float32 or not tensor.is_cpu or type(tensor) not in _PLAIN:
            return None
        if (tensor is not x and not tensor.is_contiguous()) or tensor.is_neg():
            return None
    library = loaded(asked)
    if library is None:
        return None
    return take_step(library, Stack(cell.name, weights, state[0].shape[-1]), x, state)


def loaded(asked: str = "") -> Library | None:
    """The library that UNROLLED_KERNELS asks for (empty: the best); None, said once, where there is none."""
    try:
        return load(asked)
    except NativeUnavailable as reason:
        _warn_once(str(reason))
        return None


def faster(inputs: Inputs) -> bool:
    """Whether the native kernels beat torch on these inputs: yes, but for a few rows through large weights.

    A call copies the weights once into the order in which its products read them. That is nothing beside a batch,
    but where each weight is used only a few times and none of them lies in a cache, it costs more than it brings.
    Our time over torch.nn's, one thread of an AVX-512 machine, CPU time:

                                   forward + backward       forward alone
                                   LSTM   GRU    RNN        LSTM   GRU    RNN
        H 512   B 64  T 20         .85    .83    .95        .93    .78    .87
        H 1024  B 64  T 10         .97    .95    .95        .93    .88    .82
        H 2048  B 32  T 5          .49    .76    .81        .57    .82    .94
        H 1024  B 1   T 10         .74    .76    .84       1.30   1.35   1.98   <- these are torch's
        H 128   B 1   T 30         .91    .22    .46        .97    .44    .49
    """
    T, B = inputs.x.shape[:2]
    few, large = T * B < FEW_ROWS, inputs.weights.W_ih.numel() + inputs.weights.W_hh.numel() > LARGE_WEIGHTS
    return inputs.train or not (few and large)


FEW_ROWS = 32
LARGE_WEIGHTS = 1 << 18  # floats: 1 MiB, a core's second cache


def describe(asked: str = "") -> str:
    """What UNROLLED_KERNELS loads (empty: the best) and what else would run here, in words.

    Raises:
        NativeUnavailable: nothing can be loaded; says why.
    """
    library = load(asked)
    try:
        in_half = f", {load_half(asked).file.name} in bfloat16"
    except NativeUnavailable:
        in_half = " and, widened, in bfloat16"
    return f"{library.file.name} in float32{in_half}; of {', '.join((*variants(), *halves()))}"


def _readable(inputs: Inputs) -> bool:
    """Whether there is plain memory of one dtype of ours behind every tensor, and something in it."""
    x, dtype = inputs.x, inputs.weights.W_hh.dtype
    if dtype not in _DTYPES or not x.is_cpu or type(x) not in _PLAIN or not x.numel():
        return False
    for t in (None if x.dim() == 2 else x, *inputs.state, *inputs.weights):
        if t is not None and (t.dtype is not dtype or not t.is_cpu or type(t) not in _PLAIN):
            return False
    return True


_PLAIN = (Tensor, torch.nn.Parameter)
_DTYPES = (torch.float32, torch.bfloat16)


@functools.cache
def _warn_once(reason: str) -> None:
    warnings.warn(f"no native kernels, torch serves instead: {reason}", stacklevel=5)


@functools.cache
def _implementation(name: str, library: Library) -> Implementation:
    def forward(inputs: Inputs) -> Result:
        done = library.forward(_call(name, inputs), keep=inputs.train)
        saved = () if done.saved is None else (done.output.detach(), done.saved)
        return Result(done.output, done.state, saved)

    def observe(inputs: Inputs) -> tuple[Result, tuple[Tensor, ...]]:
        done = library.forward(_call(name, inputs), keep=inputs.train, observe=True)
        saved = () if done.saved is None else (done.output.detach(), done.saved)
        return Result(done.output, done.state, saved), done.observed

    def backward(
        inputs: Inputs,
        saved: tuple[Tensor, ...],
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        want_x: bool,
    ) -> Gradients:
        output, kept = saved
        done = library.backward(
            _call(name, inputs), output, kept, grad_output, grad_state, want_x=want_x, want_state=_given(inputs)
        )
        return Gradients(done.x, done.state, done.weights)

    def dissect(
        inputs: Inputs,
        saved: tuple[Tensor, ...],
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        want_x: bool,
    ) -> Steps:
        output, kept = saved
        done = library.dissect(_call(name, inputs), output, kept, grad_output, grad_state, want_x=want_x)
        return Steps(done.x, done.state, done.gates, done.states)

    variant = library.file.stem.rpartition("-")[2]
    return Implementation(f"native {variant}", forward, backward, observe, OBSERVED[name], dissect, reads_tokens=True)


def _given(inputs: Inputs) -> bool:
    """Whether there is an initial state to have a gradient."""
    return any(s is not None for s in inputs.state)


def _call(name: str, inputs: Inputs) -> Call:
    return Call(name, inputs.x, inputs.state, tuple(inputs.weights), inputs.lengths, inputs.reverse)

"""The native library as Python calls it: numbers in, numbers out, on data pointers, with the GIL released.

A call is one layer in one direction. `Library.forward` gives the output, the final state and what it kept;
`Library.backward` takes that and gives the gradients, `Library.dissect` the same by step. Nothing here knows autograd.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.kernels.native.memory import Memory

__all__ = ["INTERFACE", "KINDS", "OBSERVED", "Call", "Dissected", "Forward", "Gradients", "Library"]

INTERFACE = 7
"""The number of the structs in src/ that this folder mirrors; it grows when one of them changes."""

KINDS = {
    "rnn-tanh": 0,
    "rnn-relu": 1,
    "gru": 2,
    "gru-reset-before": 3,
    "lstm": 4,
    "peephole": 5,
    "full-peephole": 6,
}
"""The reference cells' names, numbered as `enum cell_kind` numbers them."""


_LSTM = ("input_gate", "forget_gate", "candidate", "output_gate", "memory")
OBSERVED = {
    "rnn-tanh": (),
    "rnn-relu": (),
    "gru": ("candidate", "reset_gate", "update_gate"),
    "gru-reset-before": ("candidate", "reset_gate", "update_gate"),
    "lstm": _LSTM,
    "peephole": _LSTM,
    "full-peephole": ("candidate", "input_gate", "forget_gate", "output_gate", "memory"),
}
"""What each shows beside its output, in the order of the slots that src/ gives its gates."""


class Call(NamedTuple):
    """One layer in one direction: what goes in.

    Attributes:
        cell: a key of `KINDS`.
        x: [T,B,I] of the library's dtype, its last axis contiguous; or int64 tokens [T,B], which stand for rows of the
            identity. In bfloat16, I (but for tokens) and H are even.
        state: [B,H] each, hidden first, which has the library's dtype, the memory float32; None stands for zeros.
        weights: W_ih, W_hh, b_ih, b_hh, p as in `reference.cell.Weights`, float32.
        lengths: int64 [B] in 0..T, or None.
        reverse: from each row's last step to its first.
    """

    cell: str
    x: Tensor
    state: tuple[Tensor | None, ...]
    weights: tuple[Tensor | None, ...]
    lengths: Tensor | None = None
    reverse: bool = False


class Forward(NamedTuple):
    """Output [T,B,H], the final state [B,H] each, what backward needs (None: not kept), what `OBSERVED` names."""

    output: Tensor
    state: tuple[Tensor, ...]
    saved: Tensor | None
    observed: tuple[Tensor, ...] = ()


class Gradients(NamedTuple):
    """∂L/∂ each input; x and state are None where they were not wanted, x also for tokens."""

    x: Tensor | None
    state: tuple[Tensor | None, ...]
    weights: tuple[Tensor | None, ...]


class Dissected(NamedTuple):
    """∂L/∂x and ∂L/∂ the initial state as in `Gradients`, and what each step adds: see `implementation.Steps`."""

    x: Tensor | None
    state: tuple[Tensor | None, ...]
    gates: Tensor
    states: Tensor


_record = struct.Struct("=13q28q").pack
"""What packs `struct layer` of src/layer.h, field by field: bytes are made faster than a ctypes.Structure."""


class Library:
    """One variant of the library, loaded.

    Attributes:
        file: where it lies.
        lanes: floats in a vector.
        dtype: of the sequences it reads and writes: float32, or bfloat16 with all sums and weights in float32.

    Args:
        file: the shared library.

    Raises:
        OSError: it cannot be loaded, or has another interface.
    """

    def __init__(self, file: Path) -> None:
        library = ctypes.CDLL(str(file))
        found = _function(library, "unrolled_interface")()
        if found != INTERFACE:
            raise OSError(f"{file.name} has interface {found}, this package wants {INTERFACE}: build it again")
        self.file = file
        self.lanes: int = _function(library, "unrolled_lanes")()
        self._saved_floats = _function(library, "unrolled_saved_floats", ctypes.c_char_p)
        self._forward = _function(library, "unrolled_forward", ctypes.c_char_p)
        self._backward = _function(library, "unrolled_backward", ctypes.c_char_p)
        self._memory = Memory(library)
        self._shown_gates = _function(library, "unrolled_shown_gates", ctypes.c_int64)
        self.dtype = {4: torch.float32, 2: torch.bfloat16}[_function(library, "unrolled_element_bytes")()]
        _function(library, "unrolled_use_team", ctypes.c_void_p)(_torch_team())
        self._library = library

    def function(self, name: str, *arguments: type) -> ctypes._NamedFuncPointer:
        """A function of the library by its name, which gives a number back."""
        return _function(self._library, name, *arguments)

    def call(self, name: str, record: ctypes.Structure) -> int:
        """Call a function of the graph kernels: it reads `record` and gives a number back."""
        found: int = self.function(name, ctypes.c_void_p)(ctypes.addressof(record))
        return found

    def run(self, name: str, record: ctypes.Structure) -> None:
        """The same for a function that gives 0, or 1 where it got no memory.

        Raises:
            MemoryError: there is none.
        """
        _check(self.call(name, record))

    def forward(self, call: Call, *, keep: bool, observe: bool = False) -> Forward:
        """Run the layer; `keep` what `backward` needs; `observe` the gates and memories of every step."""
        x, state, weights, lengths = _dense(call)
        T, B, H = x.shape[0], x.shape[1], weights[1].shape[1]  # type: ignore[union-attr]
        output = self._memory.tensor(T, B, H, dtype=self.dtype)
        final = [x.new_empty((B, H), dtype=torch.float32 if i else self.dtype) for i, _ in enumerate(state)]
        seen = len(OBSERVED[call.cell]) if observe else 0
        observed = self._memory.tensor(seen, T, B, H) if seen else None
        given, saved = (*_sizes(call, x, weights, output), 0, 0, *_read(x, state, weights, lengths)), None
        if keep:
            saved = self._memory.floats(self._saved_floats(_record(*given, *(0,) * 18)))
        results = _addresses(output, *_two(final), saved, observed)
        _check(self._forward(_record(*given, *results, *(0,) * 13)))
        return Forward(output, tuple(final), saved, () if observed is None else observed.unbind())

    def backward(
        self,
        call: Call,
        output: Tensor,
        saved: Tensor,
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        *,
        want_x: bool,
        want_state: bool = True,
    ) -> Gradients:
        """The gradients of every weight given to `forward`, and of x and the initial state where wanted."""
        weights = tuple([None if w is None else w.new_empty(w.shape) for w in call.weights])
        grad_x, grads = self._go_back(call, output, saved, grad_output, grad_state, want_x, want_state, weights, ())
        return Gradients(grad_x, grads, weights)

    def dissect(
        self,
        call: Call,
        output: Tensor,
        saved: Tensor,
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        *,
        want_x: bool,
    ) -> Dissected:
        """In place of the weights' gradients, what they are made of at each step."""
        T, B, H = output.shape
        gates = self._memory.tensor(T, B, self._shown_gates(KINDS[call.cell]) * H)
        states = self._memory.tensor(len(call.state), T, B, H)
        none = (None,) * len(call.weights)
        grad_x, grads = self._go_back(call, output, saved, grad_output, grad_state, want_x, True, none, (gates, states))
        return Dissected(grad_x, grads, gates, states)

    def _go_back(
        self,
        call: Call,
        output: Tensor,
        saved: Tensor,
        grad_output: Tensor | None,
        grad_state: tuple[Tensor | None, ...],
        want_x: bool,
        want_state: bool,
        grad_weights: tuple[Tensor | None, ...],
        shown: tuple[Tensor, ...],
    ) -> tuple[Tensor | None, tuple[Tensor | None, ...]]:
        """Fill `grad_weights` and `shown`; ∂L/∂x and ∂L/∂ the initial state."""
        x, state, weights, lengths = _dense(call)
        above: Tensor | None = None
        strides: tuple[int, ...] = (0, 0)
        if grad_output is not None:
            above = _rows_dense(grad_output)
            strides = above.stride()[:2]
        final = [None if g is None else _whole(g.float()) for g in grad_state]
        grad_x = self._memory.tensor(*x.shape, dtype=self.dtype) if want_x and x.is_floating_point() else None
        grads = [output.new_empty(output.shape[1:], dtype=torch.float32) if want_state else None for _ in state]
        record = _record(
            *_sizes(call, x, weights, output),
            *strides,
            *_read(x, state, weights, lengths),
            *_addresses(output, None, None, saved, None),
            *_addresses(above, *_two(final), grad_x, *_two(grads), *grad_weights, *(shown or (None, None))),
        )
        _check(self._backward(record))
        return grad_x, tuple(grads)


def _function(library: ctypes.CDLL, name: str, *arguments: type) -> ctypes._NamedFuncPointer:
    function = library[name]
    function.argtypes = arguments
    function.restype = ctypes.c_int64
    return function


def _torch_team() -> int | None:
    """The address of GOMP_parallel in the OpenMP that torch itself uses; None where it has none."""
    try:
        return ctypes.cast(ctypes.CDLL(torch._C.__file__).GOMP_parallel, ctypes.c_void_p).value
    except (OSError, AttributeError):
        return None


def _check(code: int) -> None:
    if code:
        raise MemoryError("the native kernels could not get their scratch memory")


def _addresses(*tensors: Tensor | None) -> list[int]:
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


def _rows_dense(x: Tensor) -> Tensor:
    """X [T,B,·] itself if its last axis is contiguous; else a copy."""
    x = x.resolve_neg()
    return x if x.stride(2) == 1 or x.shape[2] == 1 else x.contiguous()


def _whole(tensor: Tensor | None) -> Tensor | None:
    """The numbers as they lie in memory: contiguous, none of them lazily negative."""
    return None if tensor is None else tensor.resolve_neg().contiguous()


_Tensors = Sequence[Tensor | None]


def _two(state: _Tensors) -> _Tensors:
    return state if len(state) == 2 else (state[0], None)


def _dense(call: Call) -> tuple[Tensor, _Tensors, _Tensors, Tensor | None]:
    """The tensors of a call in the layout that the library reads; they must outlive the call."""
    x = call.x if call.x.dim() == 2 else _rows_dense(call.x)
    state = [_whole(s) for s in call.state]
    weights = [_whole(w) for w in call.weights]
    lengths = None if call.lengths is None else call.lengths.contiguous()
    return x, state, weights, lengths


def _sizes(call: Call, x: Tensor, weights: _Tensors, output: Tensor) -> tuple[int, ...]:
    """The record's numbers, but for the strides of ∂L/∂output."""
    W_ih, W_hh = weights[:2]
    assert W_ih is not None and W_hh is not None
    (T, B), (I, H) = x.shape[:2], (W_ih.shape[1], W_hh.shape[1])  # noqa: E741
    strides = *x.stride()[:2], *output.stride()[:2]
    return KINDS[call.cell], torch.get_num_threads(), T, B, I, H, call.reverse, *strides


def _read(x: Tensor, state: _Tensors, weights: _Tensors, lengths: Tensor | None) -> list[int]:
    """The addresses of what the library reads, both ways."""
    tokens = x.dim() == 2
    return _addresses(lengths, None if tokens else x, x if tokens else None, *_two(state), *weights)

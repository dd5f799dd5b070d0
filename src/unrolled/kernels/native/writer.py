"""A character model in the native library: packed once, then read to and made to write, a chunk of steps at a time.

Numbers in, numbers out: codes, states, logits. The GIL is released while C runs, and a call does not end before its
steps are done, so callers choose chunks that Ctrl-C can wait for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.kernels.native.library import KINDS, Library

__all__ = ["PRECISIONS", "Choice", "Model", "Writer", "Written"]

INTERFACE = 1
"""The number of the records in src/writer.h that this file mirrors."""

PRECISIONS = {"float32": 0, "bf16": 1, "int8": 2}
"""What the packed weights may be, numbered as `enum precision` numbers them."""


class Model(NamedTuple):
    """What is packed.

    Attributes:
        cell: a key of `KINDS`.
        layers: W_ih, W_hh, b_ih, b_hh, p of each layer as in `reference.cell.Weights`.
        embedding: [V,I], or None where the input is one-hot.
        output: W [V,H] and b [V].
    """

    cell: str
    layers: Sequence[tuple[Tensor | None, ...]]
    embedding: Tensor | None
    output: tuple[Tensor, Tensor | None]


class Choice(NamedTuple):
    """How a symbol is chosen, as `struct choice` has it: temperature 0 is greedy, top_k 0 and top_p 1 keep all."""

    temperature: float
    top_k: int
    top_p: float
    seed: int


class Written(NamedTuple):
    """What was written: symbols int64 [T,B], log-probabilities [T,B] and logits [T,B,V] (None where not wanted)."""

    symbols: Tensor
    log_probabilities: Tensor | None
    logits: Tensor | None


class _Weights(ctypes.Structure):
    """`struct writer_weights`."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("w_ih", "w_hh", "b_ih", "b_hh", "peephole")]


class _Writer(ctypes.Structure):
    """`struct writer`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("kind", "layers", "input", "hidden", "symbols", "precision", "portable")),
        *((name, ctypes.c_void_p) for name in ("weights", "embedding", "w_out", "b_out", "packed")),
    ]


class _Choice(ctypes.Structure):
    """`struct choice`."""

    _fields_ = [
        ("temperature", ctypes.c_double),
        ("top_p", ctypes.c_double),
        ("top_k", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
    ]


class _Writing(ctypes.Structure):
    """`struct writing`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("threads", "rows", "steps")),
        *((name, ctypes.c_void_p) for name in ("h", "c", "symbol", "given", "lengths", "logits", "chosen")),
        *((name, ctypes.c_void_p) for name in ("likelihood", "choice")),
        *((name, ctypes.c_int64) for name in ("first_row", "place")),
    ]


class Writer:
    """A model's weights as the library packs them; it keeps no state between calls.

    Args:
        library: a loaded variant.
        model: float32 tensors on the CPU; they are copied, and later changes to them not seen.
        precision: a key of `PRECISIONS`.
        portable: leave out the instructions that only some processors of the variant have; for tests.

    Raises:
        OSError: the library has other records than this file.
    """

    def __init__(self, library: Library, model: Model, precision: str = "float32", *, portable: bool = False) -> None:
        functions = ctypes.CDLL(str(library.file))  # loaded already: the same library again
        found = functions["unrolled_writer_interface"]
        found.argtypes, found.restype = (), ctypes.c_int64
        if found() != INTERFACE:
            raise OSError(f"{library.file.name} has writer interface {found()}, this package wants {INTERFACE}")
        self._run = functions["unrolled_writer_run"]
        self._run.argtypes, self._run.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_int64
        self._layers = len(model.layers)
        self._memory = len(_state_names(model.cell)) > 1
        self._pack(functions, model, precision, portable)

    def _pack(self, functions: ctypes.CDLL, model: Model, precision: str, portable: bool) -> None:
        size, pack = functions["unrolled_writer_bytes"], functions["unrolled_writer_pack"]
        size.argtypes, size.restype = (ctypes.c_void_p,), ctypes.c_int64
        pack.argtypes, pack.restype = (ctypes.c_void_p, ctypes.c_int64), None
        held = [[_dense(weight) for weight in layer] for layer in model.layers]
        output = [_dense(weight) for weight in model.output]
        embedding = _dense(model.embedding)
        weights = (_Weights * len(held))(*(_Weights(*map(_address, layer)) for layer in held))
        W_ih, W_hh, W_out = held[0][0], held[0][1], output[0]
        assert W_ih is not None and W_hh is not None and W_out is not None
        self.symbols, self.hidden = W_out.shape
        sizes = (W_ih.shape[1], self.hidden, self.symbols)
        self._writer = _Writer(KINDS[model.cell], len(held), *sizes, PRECISIONS[precision], portable)
        self._writer.weights = ctypes.addressof(weights)
        self._writer.embedding = _address(embedding)
        self._writer.w_out, self._writer.b_out = map(_address, output)
        count: int = size(ctypes.addressof(self._writer))
        block = torch.empty(count + 64, dtype=torch.uint8, device="cpu")
        self._packed = block[-block.data_ptr() % 64 :][:count]
        self._writer.packed = self._packed.data_ptr()
        pack(ctypes.addressof(self._writer), torch.get_num_threads())
        for name in ("weights", "embedding", "w_out", "b_out"):  # they may go now
            setattr(self._writer, name, None)

    def zeros(self, rows: int) -> tuple[Tensor, ...]:
        """The state before the first symbol: [layers,B,H] each, hidden first."""
        fields = 2 if self._memory else 1
        return tuple(_floats(self._layers, rows, self.hidden).zero_() for _ in range(fields))

    def read(
        self, state: tuple[Tensor, ...], given: Tensor, lengths: Tensor | None = None, *, logits: bool = False
    ) -> Tensor | None:
        """Read symbols [T,B], each row so many of them as `lengths` [B] says; `state` is changed in place.

        Returns:
            The logits [T,B,V] behind every symbol, where wanted; undefined past a row's length.
        """
        given = given.to(torch.int64).contiguous()
        self._check(given)
        lengths = None if lengths is None else lengths.to(torch.int64).contiguous()
        call = self._describe(state, given.shape[1], given.shape[0])
        call.given, call.lengths = given.data_ptr(), _address(lengths)
        found = _floats(*given.shape, self.symbols) if logits else None
        call.logits = _address(found)
        self._call(call)
        return found

    def write(
        self,
        state: tuple[Tensor, ...],
        symbol: Tensor,
        steps: int,
        choice: Choice,
        *,
        first_row: int = 0,
        place: int = 0,
        log_probabilities: bool = False,
        logits: bool = False,
    ) -> Written:
        """Write `steps` symbols behind `symbol` [B], the last one of each row that was not read; both change in place.

        Args:
            state: of every row, before `symbol` is read.
            symbol: int64, contiguous.
            steps: how many.
            choice: how each is chosen.
            first_row: the number of the first row among all that `choice.seed` stands for.
            place: the number of the first step.
            log_probabilities: whether they are wanted: of each symbol at temperature 1, among all symbols.
            logits: whether they are wanted.

        Raises:
            InputError: a logit is not finite.
        """
        rows = len(symbol)
        self._check(symbol)
        call = self._describe(state, rows, steps)
        rule = _Choice(choice.temperature, choice.top_p, choice.top_k, choice.seed)
        symbols = torch.empty(steps, rows, dtype=torch.int64, device="cpu")
        likelihood = _floats(steps, rows, 2) if log_probabilities else None
        found = _floats(steps, rows, self.symbols) if logits else None
        call.symbol, call.chosen = symbol.data_ptr(), symbols.data_ptr()
        call.likelihood, call.logits = _address(likelihood), _address(found)
        call.choice, call.first_row, call.place = ctypes.addressof(rule), first_row, place
        self._call(call)
        return Written(symbols, None if likelihood is None else likelihood[..., 0] - likelihood[..., 1].log(), found)

    def _describe(self, state: tuple[Tensor, ...], rows: int, steps: int) -> _Writing:
        for field in state:
            assert field.shape == (self._layers, rows, self.hidden) and field.is_contiguous()
        call = _Writing(torch.get_num_threads(), rows, steps, state[0].data_ptr())
        call.c = state[1].data_ptr() if self._memory else None
        return call

    def _check(self, symbols: Tensor) -> None:
        if symbols.numel() and not (int(symbols.min()) >= 0 and int(symbols.max()) < self.symbols):
            raise InputError(f"a symbol is outside 0 to {self.symbols - 1}")

    def _call(self, call: _Writing) -> None:
        code = self._run(ctypes.addressof(self._writer), ctypes.addressof(call))
        if code == 1:
            raise MemoryError("the native kernels could not get their scratch memory")
        if code == 2:
            raise InputError("the model gives logits that are not finite: its training diverged, take an earlier run")


def _state_names(cell: str) -> tuple[str, ...]:
    return ("hidden",) if cell.startswith(("rnn", "gru")) else ("hidden", "memory")


def _dense(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight.detach().to(torch.float32).resolve_neg().contiguous()


def _floats(*shape: int) -> Tensor:
    """Not cleared; whatever torch's default dtype and device are."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()

"""Rows that read and write side by side: natively where it can be, step by step in torch where it cannot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, final

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.generation.choice import Choice, choose, uniform
from unrolled.kernels import writing
from unrolled.nn import CellLayer, CharacterModel
from unrolled.nn.coding import OneHot

__all__ = ["Piece", "Precision", "Scribe", "evaluating", "open_scribe"]

Precision = Literal["float32", "bf16", "int8"]
"""What the weights are rounded to for writing: float32 not at all, bf16 to 8 bits of mantissa, int8 to 255 steps."""

READ_AT_ONCE = 1024
"""Symbols of a row that are read in one call: bounds the memory, and how long Ctrl-C waits."""


class Piece(NamedTuple):
    """Some steps of all rows: symbols [T,B], and their log-probabilities [T,B] in nats where they were wanted."""

    symbols: Tensor
    log_probabilities: Tensor | None


class Scribe(ABC):
    """Abstract: a model with a state for each row.

    Attributes:
        rows: B.
        reason: why it is not native; empty where it is.
    """

    rows: int
    reason: str = ""

    @abstractmethod
    def read(self, codes: Tensor, lengths: Tensor | None) -> None:
        """Read [T,B] codes, of each row so many as `lengths` [B] says (None: all)."""

    @abstractmethod
    def write(
        self,
        symbols: Tensor,
        steps: int,
        choice: Choice,
        *,
        seed: int,
        first_row: int,
        place: int,
        log_probabilities: bool,
    ) -> Piece:
        """Read `symbols` [B], choose the next ones, and so on for `steps`; the state stands before the last chosen.

        `first_row` and `place` number the first row and the first step for `uniform`.
        """

    @abstractmethod
    def advance(self, symbols: Tensor) -> Tensor:
        """Read one symbol [B] in each row: the logits [B,V] behind it."""

    @abstractmethod
    def select(self, rows: Tensor) -> None:
        """Go on with copies of these rows, in this order."""


def open_scribe(model: CharacterModel, rows: int, precision: Precision = "float32") -> Scribe:
    """The fastest way to write with a model, at its beginning: the state is zero.

    Raises:
        InputError: no such precision, or one that only the native kernels have and they are not to be had.
    """
    if precision not in writing.PRECISIONS:
        raise InputError(f"weights is {precision!r}: float32, bf16 or int8")
    packed = _pack(model, precision)
    if not isinstance(packed, str):
        return _NativeScribe(packed, rows)
    if precision != "float32":
        raise InputError(f"weights={precision!r} needs the native kernels: {packed}; float32 will do")
    return _StepScribe(model, rows, packed)


def _pack(model: CharacterModel, precision: str) -> writing.Writer | str:
    """The model for the native library, or why it cannot be."""
    if type(model) is not CharacterModel or not isinstance(model.layer, CellLayer):
        return "only a CharacterModel on one of the package's own layers is native"
    if isinstance(model.coding, torch.nn.Embedding):
        embedding = model.coding.weight
    elif isinstance(model.coding, OneHot):
        embedding = None
    else:
        return f"the coding {type(model.coding).__name__} has no native kernel"
    layer = model.layer
    weights = [tuple(layer.cell_weights(k)) for k in range(layer.num_layers)]
    return writing.pack(
        writing.Model(layer.cell.name, weights, embedding, (model.output.weight, model.output.bias)), precision
    )


@final
class _NativeScribe(Scribe):
    """In C, a piece at a time."""

    def __init__(self, writer: writing.Writer, rows: int) -> None:
        self.rows = rows
        self._writer = writer
        self._state = writer.zeros(rows)

    def read(self, codes: Tensor, lengths: Tensor | None) -> None:
        self._writer.read(self._state, codes, lengths)

    def write(
        self,
        symbols: Tensor,
        steps: int,
        choice: Choice,
        *,
        seed: int,
        first_row: int,
        place: int,
        log_probabilities: bool,
    ) -> Piece:
        rule = writing.Choice(choice.temperature or 0.0, choice.top_k or 0, choice.top_p or 1.0, seed)
        written = self._writer.write(
            self._state,
            symbols.clone(),
            steps,
            rule,
            first_row=first_row,
            place=place,
            log_probabilities=log_probabilities,
        )
        return Piece(written.symbols, written.log_probabilities)

    def advance(self, symbols: Tensor) -> Tensor:
        logits = self._writer.read(self._state, symbols[None], logits=True)
        assert logits is not None
        return logits[0]

    def select(self, rows: Tensor) -> None:
        self.rows = len(rows)
        self._state = tuple(field[:, rows].contiguous() for field in self._state)


@final
class _StepScribe(Scribe):
    """With `model.step`, whatever the model is."""

    def __init__(self, model: Any, rows: int, reason: str) -> None:
        self.rows, self.reason = rows, reason
        self._model = model
        self._device = next(model.parameters()).device
        self._state: Any = None

    @torch.no_grad()
    def read(self, codes: Tensor, lengths: Tensor | None) -> None:
        options = {} if lengths is None else {"lengths": lengths}
        with evaluating(self._model):
            _, self._state = self._model(codes.to(self._device), self._state, **options)

    @torch.no_grad()
    def write(
        self,
        symbols: Tensor,
        steps: int,
        choice: Choice,
        *,
        seed: int,
        first_row: int,
        place: int,
        log_probabilities: bool,
    ) -> Piece:
        written, likelihoods = [], []
        for step in range(steps):
            uniforms = [uniform(seed, first_row + row, place + step) for row in range(len(symbols))]
            symbols, likelihood = choose(self.advance(symbols), choice, uniforms)
            written.append(symbols)
            likelihoods.append(likelihood.float())
        return Piece(torch.stack(written), torch.stack(likelihoods) if log_probabilities else None)

    @torch.no_grad()
    def advance(self, symbols: Tensor) -> Tensor:
        with evaluating(self._model):
            logits: Tensor
            logits, self._state = self._model.step(symbols.to(self._device), self._state)
        return logits

    def select(self, rows: Tensor) -> None:
        self.rows = len(rows)
        self._state = _rows_of(self._state, rows.to(self._device))


def _rows_of(state: Any, rows: Tensor) -> Any:
    """Rows of a state: a tensor [...,B,H], or tuples, lists and dicts of them."""
    if isinstance(state, Tensor):
        return state.index_select(-2, rows)
    if isinstance(state, dict):
        return {key: _rows_of(value, rows) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_rows_of(value, rows) for value in state))
    if isinstance(state, tuple | list):
        return type(state)(_rows_of(value, rows) for value in state)
    return state


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Dropout off inside, every submodule's mode as it was after."""
    training: list[Any] = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True

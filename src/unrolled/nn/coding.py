"""How a symbol enters a network: as one of V axes, as a learnt vector, or as its bare number."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError, UnknownName

__all__ = ["CODINGS", "OneHot", "Scalar", "build_coding"]

CODINGS = ("one-hot", "embedding", "scalar")


@final
class OneHot(torch.nn.Module):
    """x_t is the symbol's axis: [T,B] → [T,B,V]. Nothing of size V×V is kept, so V may be thousands."""

    zero: Tensor

    def __init__(self, symbols: int, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.symbols = symbols
        self.register_buffer("zero", torch.zeros((), device=device, dtype=dtype), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Code the tokens."""
        return self.zero.new_zeros(*tokens.shape, self.symbols).scatter_(-1, tokens.unsqueeze(-1), 1.0)

    def extra_repr(self) -> str:
        """The number of symbols."""
        return str(self.symbols)


@final
class Scalar(torch.nn.Module):
    """x_t is the symbol's number: [T,B] → [T,B,1]. What the course's palindromes do; numbers [T,B,F] stay as they are.

    Args:
        numbers: F; 0 is symbols.
        device: where the result lies.
        dtype: its dtype.
    """

    one: Tensor

    def __init__(self, numbers: int = 0, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.numbers = numbers
        self.register_buffer("one", torch.ones((), device=device, dtype=dtype), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Code the tokens."""
        given = tokens.to(self.one.dtype)
        return given if self.numbers else given.unsqueeze(-1)


def build_coding(
    coding: str,
    symbols: int,
    embedding_size: int | None,
    layer: torch.nn.Module,
    *,
    numbers: int = 0,
    device: Any,
    dtype: Any,
) -> torch.nn.Module:
    """Make the module that turns tokens into the layer's input.

    Args:
        coding: one of CODINGS.
        symbols: V.
        embedding_size: the learnt vector's size; None is the layer's input_size.
        layer: what reads the result; its `input_size`, where it has one, is checked.
        numbers: F, of a sequence of numbers in place of symbols; 0: symbols.
        device: where weights and buffers lie.
        dtype: their dtype.

    Raises:
        UnknownName: no such coding.
        ShapeError: the coded symbol has another size than the layer's input.
        InputError: an embedding size without an embedding, or none to be had; numbers under another coding than scalar.
    """
    if coding not in CODINGS:
        raise UnknownName("coding", coding, CODINGS)
    if numbers and coding != "scalar":
        raise InputError(f"numbers={numbers} enter as they are: the coding is 'scalar', not {coding!r}")
    expected = getattr(layer, "input_size", None)
    if coding != "embedding" and embedding_size is not None:
        raise InputError(f"embedding_size={embedding_size} is for the coding 'embedding', not {coding!r}")
    if coding == "embedding" and embedding_size is None:
        if expected is None:
            raise InputError("the coding 'embedding' needs an embedding_size: the layer does not say its input_size")
        embedding_size = expected
    size = {"one-hot": symbols, "scalar": numbers or 1}.get(coding, embedding_size)
    if expected is not None and size != expected:
        what = f"{numbers} numbers" if numbers else f"{symbols} symbols"
        raise ShapeError(f"the coding {coding!r} of {what} has size {size}, the layer's input {expected}")
    if coding == "one-hot":
        return OneHot(symbols, device=device, dtype=dtype)
    if coding == "scalar":
        return Scalar(numbers, device=device, dtype=dtype)
    assert embedding_size is not None
    return torch.nn.Embedding(symbols, embedding_size, device=device, dtype=dtype)

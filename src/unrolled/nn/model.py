"""What the two models share: a coding, a recurrent layer, a linear output layer."""

from __future__ import annotations

import math
from abc import ABC
from typing import Any

import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.kernels.dropout import dropout
from unrolled.nn.coding import OneHot, build_coding
from unrolled.nn.initialisers import initialise_linear
from unrolled.nn.weight_drop import call_with_weight_drop, recurrent_weights

__all__ = ["Model"]


class Model(torch.nn.Module, ABC):
    """Abstract: tokens [T,B] → coding [T,B,I] → layer [T,B,H·directions] → output layer.

    The layer may be any module called as torch.nn.LSTM is, `layer(x, state) -> (output, state)`, with a
    `hidden_size`.

    Attributes:
        coding, layer, output: the three parts; `coding(tokens)` is what the layer reads.
        symbols: V; 0 where sequences of numbers are read.
        recurrent_dropout: share of the recurrent weights that is dropped while training, anew at every call.
        output_dropout: share of the layer's outputs that is dropped before the output layer while training.
        tied: whether the output layer's weights are the embedding's.
    """

    layer: torch.nn.Module
    coding: torch.nn.Module
    output: torch.nn.Linear

    def __init__(
        self,
        layer: torch.nn.Module,
        symbols: int,
        outputs: int,
        coding: str,
        embedding_size: int | None,
        recurrent_dropout: float,
        output_dropout: float,
        tied: bool = False,
        numbers: int = 0,
    ) -> None:
        super().__init__()
        first = ("symbols", symbols) if not numbers else ("numbers", numbers)
        for name, number in (first, ("the number of outputs", outputs)):
            if not isinstance(number, int) or number <= 0:
                raise InputError(f"{name} must be an integer above zero, not {number!r}")
        hidden = getattr(layer, "hidden_size", None)
        if not isinstance(hidden, int):
            raise InputError(f"the layer {type(layer).__name__} must say its hidden_size")
        like = next(layer.parameters(), torch.empty(0))
        self.symbols = symbols
        self.layer = layer
        self.coding = build_coding(
            coding, symbols, embedding_size, layer, numbers=numbers, device=like.device, dtype=like.dtype
        )
        read = hidden * (2 if self.bidirectional else 1)
        self.output = torch.nn.Linear(read, outputs, device=like.device, dtype=like.dtype)
        for name, share in (("recurrent_dropout", recurrent_dropout), ("output_dropout", output_dropout)):
            if not 0 <= share < 1:
                raise InputError(f"{name} must be a share from 0 to below 1, not {share!r}")
        if recurrent_dropout > 0:
            recurrent_weights(layer)
        self.recurrent_dropout = recurrent_dropout
        self.output_dropout = output_dropout
        self.tied = tied
        if tied:
            self._tie()

    def _tie(self) -> None:
        """One matrix for both ends (Press & Wolf 2017; Inan et al. 2017)."""
        embedding = self.coding
        if not isinstance(embedding, torch.nn.Embedding) or embedding.weight.shape != self.output.weight.shape:
            raise InputError(
                f"a tied output needs the coding 'embedding' of the output layer's size, "
                f"{list(self.output.weight.shape)}: make the embedding as large as the hidden state"
            )
        self.output.weight = embedding.weight

    @property
    def bidirectional(self) -> bool:
        """Whether the layer has a second direction."""
        return bool(getattr(self.layer, "bidirectional", False))

    def initialise(
        self,
        name: str,
        *,
        forget_bias: float | None = None,
        chrono: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the whole model anew: both layers by the same rule, an embedding from N(0, 1), a tied one N(0, 1/H).

        The output layer's bias is 0, but drawn under `normal` (report A's) and `torch`.

        Raises:
            UnknownName: no such initialiser.
            InputError: a forget bias that the layer has no place for, or a layer that cannot be initialised
                by name.
        """
        if not hasattr(self.layer, "initialise"):
            raise InputError(f"the layer {type(self.layer).__name__} has no initialise(name, ...)")
        self.layer.initialise(name, forget_bias=forget_bias, chrono=chrono, generator=generator)  # type: ignore[operator]
        self.initialise_ends(name, generator=generator)

    def initialise_ends(self, name: str, *, generator: torch.Generator | None = None) -> None:
        """Draw what stands around the layer, as `initialise` does, and leave the layer as it is."""
        initialise_linear(self.output, name, generator=generator)
        if isinstance(self.coding, torch.nn.Embedding):
            weight = self.coding.weight
            device = weight.device if generator is None else generator.device
            with torch.no_grad():
                weight.copy_(torch.empty(weight.shape, device=device).normal_(generator=generator))
                if self.tied:
                    weight /= math.sqrt(weight.shape[1])

    def _run(self, tokens: Tensor, state: Any, lengths: Any) -> tuple[Tensor, Any]:
        """The layer's output [T,B,·] and state, time first whatever the layer's own order is.

        A layer of the house's looks one-hot symbols up by itself: a column of W_ih each, and no product.
        """
        coded = isinstance(self.coding, OneHot) and getattr(self.layer, "reads_tokens", False)
        x = tokens if coded else self.coding(tokens)
        batch_first = bool(getattr(self.layer, "batch_first", False))
        options = {} if lengths is None else {"lengths": lengths}
        x = x.transpose(0, 1) if batch_first else x
        if self.training and self.recurrent_dropout > 0:
            output, state = call_with_weight_drop(self.layer, self.recurrent_dropout, x, state, **options)
        else:
            output, state = self.layer(x, state, **options)
        if self.training and self.output_dropout > 0:
            output = dropout(output, self.output_dropout)
        return output.transpose(0, 1) if batch_first else output, state

"""From each character to the next."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.kernels import autocast
from unrolled.nn.model import Model

__all__ = ["CharacterModel"]


@final
class CharacterModel(Model):
    """Predicts the next character after each one.

        p_t = W_ph h_t + b_p

    Shapes: tokens [T,B] int64 → logits [T,B,V], and the layer's state to carry on from.

    Source: reports A and B (two LSTM layers of 128 over 30 characters).

    Args:
        layer: a recurrent layer in one direction, `layer(x, state) -> (output, state)`.
        symbols: V.
        coding: "one-hot", "embedding" or "scalar".
        embedding_size: of the embedding; None is the layer's input_size.
        recurrent_dropout: see `unrolled.nn.weight_drop`.
        output_dropout: of the layer's outputs.
        tied: the output layer's weights are the embedding's, W_ph = E.

    Raises:
        UnknownName: no such coding.
        ShapeError: the coded symbol does not fit the layer.
        InputError: a bidirectional layer, which would see the answer; a layer without hidden_size; a tied output
            that does not fit.
    """

    def __init__(
        self,
        layer: torch.nn.Module,
        *,
        symbols: int,
        coding: str = "one-hot",
        embedding_size: int | None = None,
        recurrent_dropout: float = 0.0,
        output_dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        super().__init__(layer, symbols, symbols, coding, embedding_size, recurrent_dropout, output_dropout, tied)
        if self.bidirectional:
            raise InputError(
                "a character model needs one direction: a bidirectional layer sees the character to predict"
            )

    def forward(self, tokens: Tensor, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """Predict after each of tokens [T,B]: logits [T,B,V] and the state after the last.

        Raises:
            ShapeError: tokens that are not [T,B].
        """
        if tokens.dim() != 2:
            raise ShapeError(f"tokens must be [T, B], but have shape {list(tokens.shape)}")
        output, state = self._run(tokens, state, lengths)
        return autocast.linear(self.output, output), state

    def step(self, token: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Predict after one more token [B]: logits [B,V] and the new state.

        Raises:
            ShapeError: a token that is not [B].
        """
        if token.dim() != 1:
            raise ShapeError(f"a step's token must be [B], but has shape {list(token.shape)}")
        if hasattr(self.layer, "step"):
            output, state = self.layer.step(self.coding(token), state)  # type: ignore[operator]
            return autocast.linear(self.output, output), state
        logits, state = self(token.unsqueeze(0), state)
        return logits[0], state

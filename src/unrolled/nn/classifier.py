"""From a whole sequence of symbols to one class."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from unrolled.errors import ShapeError
from unrolled.nn.model import Model

__all__ = ["SequenceClassifier"]


@final
class SequenceClassifier(Model):
    """Reads a sequence and names its class from the last hidden state.

        p = W_ph h(T) + b_p;   bidirectional: p = W_ph [h_fwd(T); h_bwd(1)] + b_p

    h_fwd(T) has seen the whole sequence, and so has h_bwd(1). With lengths, T is each row's own.

    Shapes: tokens [T,B] int64 → logits [B,K].

    Source: reports A and B; the bidirectional readout is the course's.

    Args:
        layer: a recurrent layer, `layer(x, state) -> (output, state)`.
        symbols: V.
        classes: K.
        coding: "one-hot", "embedding" or "scalar" (the symbol's number as it is).
        embedding_size: of the embedding; None is the layer's input_size.
        recurrent_dropout: see `unrolled.nn.weight_drop`.
        output_dropout: of the layer's outputs.

    Raises:
        UnknownName: no such coding.
        ShapeError: the coded symbol does not fit the layer.
        InputError: a layer without hidden_size, or numbers that cannot be.
    """

    def __init__(
        self,
        layer: torch.nn.Module,
        *,
        symbols: int,
        classes: int,
        coding: str = "one-hot",
        embedding_size: int | None = None,
        recurrent_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__(layer, symbols, classes, coding, embedding_size, recurrent_dropout, output_dropout)
        self.classes = classes

    def forward(self, tokens: Tensor, lengths: Any = None) -> Tensor:
        """Classify tokens [T,B]: logits [B,K]. `lengths` as in the layer's call.

        Raises:
            ShapeError: tokens that are not [T,B].
        """
        if tokens.dim() != 2:
            raise ShapeError(f"tokens must be [T, B], but have shape {list(tokens.shape)}")
        output, _ = self._run(tokens, None, lengths)
        return self.readout(output, lengths)

    def readout(self, output: Tensor, lengths: Any = None) -> Tensor:
        """Logits [B,K] from the layer's output [T,B,H·directions]."""
        H = output.shape[-1] // (2 if self.bidirectional else 1)
        forward = output[..., :H]
        if lengths is None:
            last = forward[-1]
        else:
            end = torch.as_tensor(lengths, device=output.device).to(torch.int64).sub(1).clamp_min(0)
            last = forward[end, torch.arange(output.shape[1], device=output.device)]
        if self.bidirectional:
            last = torch.cat([last, output[0, :, H:]], -1)
        logits: Tensor = self.output(last)
        return logits

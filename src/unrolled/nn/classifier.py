"""From a whole sequence of symbols or numbers to one class, or to one at each of its last steps."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.kernels import autocast
from unrolled.nn.model import Model

__all__ = ["SequenceClassifier"]


@final
class SequenceClassifier(Model):
    """Reads a sequence and names its class from the last hidden state.

        p = W_ph h(T) + b_p;   bidirectional: p = W_ph [h_fwd(T); h_bwd(1)] + b_p

    h_fwd(T) has seen the whole sequence, and so has h_bwd(1). With lengths, T is each row's own. With several
    answers, A, each of the last A steps is read by the same weights: p(t) = W_ph h(t) + b_p, T − A < t ≤ T; of two
    directions [h_fwd(t); h_bwd(t)].

    Shapes: tokens [T,B] int64 → logits [B,K], of several answers [A,B,K]. Of numbers [T,B,F], float. A number as the
    answer is K = 1.

    Source: reports A and B; the bidirectional readout is the course's.

    Args:
        layer: a recurrent layer, `layer(x, state) -> (output, state)`.
        symbols: V; 0 where numbers are read.
        classes: K; 1: the answer is a number.
        coding: "one-hot", "embedding" or "scalar" (the symbol's number as it is).
        embedding_size: of the embedding; None is the layer's input_size.
        recurrent_dropout: see `unrolled.nn.weight_drop`.
        output_dropout: of the layer's outputs.
        numbers: F, how many numbers a step has, where numbers are read; the coding is then scalar.
        answers: A.

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
        numbers: int = 0,
        answers: int = 1,
    ) -> None:
        super().__init__(
            layer,
            symbols,
            classes,
            coding,
            embedding_size,
            recurrent_dropout,
            output_dropout,
            numbers=numbers,
        )
        if answers < 1:
            raise InputError(f"answers must be above zero, not {answers!r}")
        self.classes = classes
        self.numbers = numbers
        self.answers = answers

    def forward(self, tokens: Tensor, lengths: Any = None) -> Tensor:
        """Classify tokens [T,B]: logits [B,K]. `lengths` as in the layer's call.

        Raises:
            ShapeError: tokens that are not [T,B], or numbers that are not [T,B,F].
        """
        if self.numbers and (tokens.dim() != 3 or tokens.shape[-1] != self.numbers):
            raise ShapeError(f"numbers must be [T, B, {self.numbers}], but have shape {list(tokens.shape)}")
        if not self.numbers and tokens.dim() != 2:
            raise ShapeError(f"tokens must be [T, B], but have shape {list(tokens.shape)}")
        output, _ = self._run(tokens, None, lengths)
        return self.readout(output, lengths)

    def readout(self, output: Tensor, lengths: Any = None) -> Tensor:
        """Logits [B,K], of several answers [A,B,K], from the layer's output [T,B,H·directions].

        Raises:
            ShapeError: a row of fewer steps than answers.
        """
        if self.answers > 1:
            return self._read_several(output, lengths)
        H = output.shape[-1] // (2 if self.bidirectional else 1)
        forward = output[..., :H]
        if lengths is None:
            last = forward[-1]
        else:
            end = torch.as_tensor(lengths, device=output.device).to(torch.int64).sub(1).clamp_min(0)
            last = forward[end, torch.arange(output.shape[1], device=output.device)]
        if self.bidirectional:
            last = torch.cat([last, output[0, :, H:]], -1)
        return autocast.linear(self.output, last)

    def _read_several(self, output: Tensor, lengths: Any) -> Tensor:
        T, B = output.shape[:2]
        A = self.answers
        ends = torch.full((B,), T) if lengths is None else torch.as_tensor(lengths)
        if int(ends.min()) < A:
            raise ShapeError(f"{A} answers are read at the last {A} steps, but a sequence has {int(ends.min())}")
        steps = ends.to(output.device, torch.int64) - A + torch.arange(A, device=output.device).unsqueeze(1)
        last = output[-A:] if lengths is None else output[steps, torch.arange(B, device=output.device)]
        return autocast.linear(self.output, last)

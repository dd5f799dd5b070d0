"""Reach over time: how many steps back an output still hears."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from unrolled.analysis.batches import require_batch
from unrolled.analysis.reach.influence import Norm, Sample, draw_probes, pulled_back, require_finite, summarise
from unrolled.analysis.reach.values import Reach
from unrolled.errors import InputError
from unrolled.nn import CharacterModel, SequenceClassifier

__all__ = ["model_reach", "sequence_reach", "symbol_function"]


def sequence_reach(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    at: int | None = None,
    probes: int | None = None,
    norm: Norm = "entries",
    batch_first: bool = False,
    generator: Generator | None = None,
) -> Reach:
    """The influence of each step's input on an output, by the steps between them.

    Args:
        function: any module or function, from x to y: [B,d], row b of it made from row b of x alone; or one vector a
            step, [T,B,d] ([B,T,d]), of which step ``at`` is taken. What comes as a tuple is taken by its first.
        x: [T,B,I] floating point ([B,T,I] under ``batch_first``); its dtype is the one computed in.
        at: the step of the output, from 0; negative from the end. Default: the last, from which distances count
            even where y is [B,d].
        probes: output features that are drawn for each sequence; None: all d, exactly.
        norm: "entries" or "columns", see `influence`.
        batch_first: the batch comes first.
        generator: draws the probes.

    Raises:
        InputError: no floating-point [T,B,I], an output of the wrong shape or one that does not depend on x, or
            influence that is no finite number.
    """
    if not isinstance(x, Tensor) or x.dim() != 3 or 0 in x.shape or not x.is_floating_point():
        given = f"{list(x.shape)} {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        raise InputError(f"x is {given}: floating point [T, B, I] would do (of symbols: their coding)")
    T, B = (x.shape[1], x.shape[0]) if batch_first else x.shape[:2]
    place = T - 1 if at is None else at + T if at < 0 else at
    if not 0 <= place < T:
        raise InputError(f"no step {at}: the sequence has steps 0…{T - 1}")
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        y = _vector_of(function(leaf), T, B, place, batch_first)
    vectors = [draw_probes(y.shape[1], probes, norm, generator) for _ in range(B)]
    z = torch.stack([each for each, _ in vectors], 1).to(y)  # [K,B,d]
    rows = []
    for index, probe in enumerate(z):
        size = pulled_back(y, leaf, probe, again=index + 1 < len(z)).abs().sum(-1)
        rows.append(size if batch_first else size.T)
    influence = torch.stack(rows, 1)  # [B,K,T]
    require_finite(influence, range(B), "the output of sequence")
    back = influence[..., : place + 1].flip(-1)
    outside = influence[..., place + 1 :].sum(-1).mean(1)  # later steps, which only a look ahead can hear
    sample = Sample(back, outside, tuple(range(B)), None, vectors[0][1])
    return summarise(sample, "steps", "jacobian")


def model_reach(
    model: SequenceClassifier | CharacterModel,
    inputs: Tensor,
    *,
    probes: int | None = None,
    norm: Norm = "entries",
    generator: Generator | None = None,
    dtype: torch.dtype = torch.float64,
) -> Reach:
    """The reach of a model of symbols or numbers, through what its coding makes of them, to what it says last.

    Args:
        model: trained or untrained; it is not changed.
        inputs: symbols, int64 [T,B], or numbers [T,B,F] where the model reads those.
        probes: as in `sequence_reach`.
        norm: as in `sequence_reach`.
        generator: as in `sequence_reach`.
        dtype: computed in.

    Raises:
        InputError: inputs of another shape; as `sequence_reach`.
    """
    require_batch(model, inputs)
    model = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
    return sequence_reach(symbol_function(model), model.coding(inputs), probes=probes, norm=norm, generator=generator)


def symbol_function(model: SequenceClassifier | CharacterModel) -> Callable[[Tensor], Tensor]:
    """From coded symbols [T,B,I] to the logits at the last step [B,d]."""

    def function(x: Tensor) -> Tensor:
        batch_first = bool(getattr(model.layer, "batch_first", False))
        output = model.layer(x.transpose(0, 1) if batch_first else x)[0]
        output = output.transpose(0, 1) if batch_first else output
        logits: Tensor = model.readout(output) if isinstance(model, SequenceClassifier) else model.output(output[-1])
        return logits[-1] if logits.dim() == 3 else logits

    return function


def _vector_of(y: object, T: int, B: int, place: int, batch_first: bool) -> Tensor:
    """The output [B,d] at one step."""
    if isinstance(y, tuple):
        y = y[0]
    steps = [B, T] if batch_first else [T, B]
    if isinstance(y, Tensor) and y.dim() == 3 and list(y.shape[:2]) == steps:
        y = y[:, place] if batch_first else y[place]
    if not isinstance(y, Tensor) or y.dim() != 2 or y.shape[0] != B or y.shape[1] == 0:
        given = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise InputError(f"the output is {given}: [B, d] = [{B}, d] would do, or one vector a step, {[*steps, 'd']}")
    if not y.requires_grad:
        raise InputError("the output does not depend on x: was it computed under no_grad, or from symbols?")
    return y

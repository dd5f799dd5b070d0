"""What the gates of a network do while it reads: one sequence unit by unit, or a batch in shares.

A gate is a number between 0 and 1 per unit and step. Below 0.1 it is taken as shut, above 0.9 as open; the
shares of units that are either say how far the network uses its gates as switches. For the forget gate open
means *kept*: c = g ⊙ i + c' ⊙ f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.analysis.evaluation import evaluating
from unrolled.errors import InputError
from unrolled.nn import CharacterModel, RecurrentLayer, SequenceClassifier

__all__ = ["OPEN", "SHUT", "GateTrace", "Shares", "Values", "batch_shares", "gate_trace"]

SHUT = 0.1
OPEN = 0.9


@dataclass(frozen=True)
class Shares:
    """One gate, candidate or state over all units and sequences of a batch, by step.

    Attributes:
        mean: of the values.
        low: share of a gate's values below 0.1 (shut); of any other's below -0.9.
        high: share of the values above 0.9 (a gate: open).
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def saturated(self) -> tuple[float, ...]:
        """Share at either end, where the slope of σ or tanh is small."""
        return tuple(low + high for low, high in zip(self.low, self.high, strict=True))


def batch_shares(values: Tensor, is_gate: bool, rows: Tensor | None = None) -> Tensor:
    """``[T, 3]``: mean, low and high of `Shares`.

    Args:
        values: [T,B,H].
        is_gate: between 0 and 1; everything else is taken as between -1 and 1.
        rows: [T,B,1], which steps are a row's own; all by default.
    """
    room = torch.empty_like(values)

    def mean(each: Tensor) -> Tensor:
        if rows is None:
            return each.mean((1, 2))
        return each.masked_fill(~rows, 0).sum((1, 2)) / (rows.sum((1, 2)) * each.shape[2]).clamp(min=1)

    low = mean(torch.lt(values, SHUT if is_gate else -OPEN, out=room))
    return torch.stack([mean(values), low, mean(torch.gt(values, OPEN, out=room))], 1)


@dataclass(frozen=True, eq=False)
class Values:
    """One gate, candidate or state of one layer over the sequence.

    Attributes:
        values: [T,H].
        mean: over the units, by step.
        spread: the standard deviation over the units, by step.
        shut: share of the units below 0.1, by step; None for what is no gate.
        open: share of the units above 0.9, by step; None as above.
    """

    values: Tensor
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    shut: tuple[float, ...] | None
    open: tuple[float, ...] | None


@dataclass(frozen=True, eq=False)
class GateTrace:
    """Everything one layer in one direction computed over one sequence.

    Attributes:
        symbols: what was read, one label per step.
        layer: 0 is the layer that reads the input.
        direction: 0 forward, 1 in reverse; the values stand in the order of the sequence in both.
        gates: by name, what lies between 0 and 1: "input_gate", "forget_gate", "output_gate", "reset_gate" …
        others: by name, candidates and states: "candidate", "memory", "hidden".
    """

    symbols: tuple[str, ...]
    layer: int
    direction: int
    gates: Mapping[str, Values]
    others: Mapping[str, Values]


def gate_trace(
    model: SequenceClassifier | CharacterModel,
    sequence: Tensor,
    *,
    labels: Sequence[str] | None = None,
    layer: int = -1,
    direction: int = 0,
) -> GateTrace:
    """Observe one layer of a model while it reads one sequence from a zero state.

    Args:
        model: trained, as a rule; it is not changed, and its dropout is off.
        sequence: symbols, int64 [T], T ≥ 1.
        labels: how each symbol is written, in the order of their codes (a text's ``corpus.vocabulary``);
            None: as numbers.
        layer: which one, 0 at the input; -1 is the top.
        direction: 0 forward, 1 in reverse.

    Raises:
        InputError: not one sequence, no such layer or direction, or a layer that cannot be observed (torch's
            own).
    """
    if sequence.dim() != 1 or len(sequence) == 0:
        raise InputError(f"the sequence has shape {list(sequence.shape)}: give one sequence of symbols, [T] with T ≥ 1")
    stack = model.layer
    if not isinstance(stack, RecurrentLayer):
        raise InputError(
            f"the gates inside {type(stack).__name__} cannot be seen: "
            "unrolled.nn.convert(model) makes it a layer of the house"
        )
    layers = stack.num_layers
    if not -layers <= layer < layers:
        raise InputError(f"no layer {layer}: the model has {layers}, from 0 at the input; -1 is the top")
    if direction not in range(2 if stack.bidirectional else 1):
        raise InputError(f"no direction {direction}: 0 is forward, 1 the reverse of a bidirectional layer")
    with evaluating(model):
        observation = stack.observe(model.coding(sequence))
    trace = observation.layers[layer][direction]
    values = {name: value.cpu() for name, value in trace.items()}
    return GateTrace(
        symbols=tuple(str(code) if labels is None else labels[code] for code in sequence.tolist()),
        layer=layer % layers,
        direction=direction,
        gates={name: _summary(value, True) for name, value in values.items() if name.endswith("_gate")},
        others={name: _summary(value, False) for name, value in values.items() if not name.endswith("_gate")},
    )


def _summary(values: Tensor, is_gate: bool) -> Values:
    def by_step(value: Tensor) -> tuple[float, ...]:
        return tuple(value.double().tolist())

    return Values(
        values=values,
        mean=by_step(values.mean(1)),
        spread=by_step(values.std(1, correction=0)),
        shut=by_step((values < SHUT).double().mean(1)) if is_gate else None,
        open=by_step((values > OPEN).double().mean(1)) if is_gate else None,
    )

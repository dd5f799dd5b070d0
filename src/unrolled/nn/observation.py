"""What a layer computed on the way: every gate, candidate and state, for each layer and direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from unrolled.errors import InputError

__all__ = ["Observation", "Trace"]


@dataclass(frozen=True, eq=False)
class Trace(Mapping[str, Tensor]):
    """One layer in one direction: a mapping from names to values over time, `trace["forget_gate"]`.

    Every value is [T,B,H] (unbatched: [T,H]), time first even under `batch_first`, and zero past a row's
    end. All of it is differentiable.

    Attributes:
        values_by_name: the mapping itself.
        steps_kept: what `steps` gives, None where it was not asked for.
    """

    values_by_name: Mapping[str, Tensor]
    steps_kept: tuple[Mapping[str, Tensor], ...] | None = None

    @classmethod
    def of(cls, steps: tuple[Mapping[str, Tensor], ...], rows: Tensor | None, batched: bool) -> Trace:
        """Stack the steps; `rows` [T,B,1] says which are a row's own."""
        values = {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
        if rows is not None:
            values = {name: value.masked_fill(~rows, 0) for name, value in values.items()}
        if not batched:
            values = {name: value.squeeze(1) for name, value in values.items()}
        return cls(MappingProxyType(values), tuple(MappingProxyType(step) for step in steps))

    @classmethod
    def of_values(cls, values: dict[str, Tensor], batched: bool) -> Trace:
        """Of values [T,B,H] that are zero past a row's end already."""
        if not batched:
            values = {name: value.squeeze(1) for name, value in values.items()}
        return cls(MappingProxyType(values))

    @property
    def steps(self) -> tuple[Mapping[str, Tensor], ...]:
        """The same by step, from `observe(..., by_step=True)`: T mappings of [B,H] in order of time.

        The state in `steps[t]` is the very tensor that the next step reads: `torch.autograd.grad(loss,
        [s["hidden"] for s in trace.steps])` is ∂L/∂h_t through all later steps. Past a row's end it is the state at
        its end, and the gates are those of an empty input.

        Raises:
            InputError: the steps were not asked for.
        """
        if self.steps_kept is None:
            raise InputError("this trace was observed as a whole; layer.observe(..., by_step=True) keeps its steps")
        return self.steps_kept

    def __getitem__(self, name: str) -> Tensor:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


@dataclass(frozen=True, eq=False)
class Observation:
    """A whole call, seen through.

    Attributes:
        output: what the call returns first.
        state: what the call returns second.
        layers: `layers[layer][direction]` is a Trace; direction 0 runs forward, 1 in reverse.
    """

    output: Tensor | PackedSequence
    state: Any
    layers: tuple[tuple[Trace, ...], ...]

"""The door of the layers over graphs and time: whatever form came in, inside it is [T,B,N,·] and one graph a step.

    x         [T,N,F] one sequence, [T,B,N,F] a batch; under `batch_first` [B,T,N,F]
    graph     one for all steps, one a step, or one a step and sequence: see `unrolled.graph.Snapshots`
    state     [L,N,H], [L,B,N,H]; a tuple of them where the state has several names
    lengths   [B]: the steps of each sequence
    present   [T,N], or [T,B,N] ([B,T,N]) where sequences differ: which nodes are there

Sequences with graphs of their own become one row of B·N nodes, so that inside every step has one graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.graph import Snapshots
from unrolled.kernels import autocast
from unrolled.nn.door import checked_lengths

__all__ = ["EnteredGraph", "GraphShape", "enter_graph"]


class GraphShape(Protocol):
    """What the door has to know about a layer."""

    batch_first: bool


@dataclass(frozen=True)
class EnteredGraph:
    """An input inside the house.

    Attributes:
        x: [T,B,N,F], zero at nodes that are not there.
        graphs: of N nodes each.
        lengths: [B] int64 where rows are sequences, or None where no sequence is padded.
        live: [T,B,N] bool: which nodes are there, of sequences that have not ended; None where all are, always.
        sequences: how many sequences came in; x has one row of all their nodes where their graphs differ.
        batched: False for one sequence without a batch axis.
        batch_first: whether the batch axis came first.
    """

    x: Tensor
    graphs: Snapshots
    lengths: Tensor | None
    live: Tensor | None
    sequences: int
    batched: bool
    batch_first: bool

    def enter_state(self, owner: str, given: Any, names: Sequence[str], layers: int, H: int) -> list[Tensor] | None:
        """The fields of a state, each [L,B,N,H] as x has its rows; None for none.

        Raises:
            InputError: not as many tensors as the state has names.
            ShapeError: another shape or dtype.
        """
        if given is None:
            return None
        fields = (given,) if len(names) == 1 and isinstance(given, Tensor) else given
        if (
            not isinstance(fields, Sequence)
            or len(fields) != len(names)
            or not all(isinstance(f, Tensor) for f in fields)
        ):
            wanted = "a tensor" if len(names) == 1 else f"a tuple of {len(names)} tensors ({', '.join(names)})"
            raise InputError(f"{owner}: the initial state must be {wanted}, not {type(given).__name__}")
        N = self.x.shape[1] * self.x.shape[2] // self.sequences
        expected = [layers, self.sequences, N, H] if self.batched else [layers, N, H]
        for field, name in zip(fields, names, strict=True):
            if list(field.shape) != expected:
                raise ShapeError(f"{owner}: the initial {name} must have shape {expected}, but has {list(field.shape)}")
            if field.dtype != self.x.dtype and not autocast.is_on(self.x.device):
                raise ShapeError(f"{owner}: the initial {name} is {field.dtype} but the input is {self.x.dtype}")
        return [field.reshape(layers, *self.x.shape[1:3], H) for field in fields]

    def leave(self, output: Tensor) -> Tensor:
        """Give [T,B,N,·] the form that the input had."""
        output = output.reshape(output.shape[0], self.sequences, -1, output.shape[-1])
        if not self.batched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output

    def leave_state(self, fields: Sequence[Tensor]) -> Any:
        """Give the fields of the final state, [L,B,N,H] each, the form of torch.nn: bare where there is but one."""
        shaped = [field.reshape(field.shape[0], self.sequences, -1, field.shape[-1]) for field in fields]
        if not self.batched:
            shaped = [field.squeeze(1) for field in shaped]
        return shaped[0] if len(shaped) == 1 else tuple(shaped)


def enter_graph(
    layer: GraphShape, x: Any, graph: Any, lengths: Any, present: Any, features: int | None, dtype: torch.dtype | None
) -> EnteredGraph:
    """Check what a layer was called with, and bring it into one form.

    Args:
        layer: who was called.
        x: the features.
        graph: see the head of this file.
        lengths: of the sequences, or None.
        present: which nodes are there, or None.
        features: F, None where any will do.
        dtype: that x must have, None where any will do.

    Raises:
        InputError: something of the wrong kind.
        ShapeError: a wrong shape, dtype or number.
    """
    owner = type(layer).__name__
    if not isinstance(x, Tensor):
        raise InputError(f"{owner}: x must be a tensor, not {type(x).__name__}")
    form = "[B, T, N, F]" if layer.batch_first else "[T, B, N, F]"
    if x.dim() not in (3, 4):
        raise ShapeError(f"{owner}: x must be {form}, or one sequence [T, N, F], but has shape {list(x.shape)}")
    batched = x.dim() == 4
    first = batched and layer.batch_first
    inside = x.transpose(0, 1) if first else x if batched else x.unsqueeze(1)
    T, B, N, F = inside.shape
    if T == 0 or B == 0 or N == 0:
        what = "step" if T == 0 else "sequence" if B == 0 else "node"
        raise ShapeError(f"{owner}: x {list(x.shape)} has no {what}; one or more would do")
    if features is not None and features != F:
        raise ShapeError(f"{owner}: x must have {features} features, its last axis has {F}")
    if not x.is_floating_point():
        raise InputError(f"{owner}: x has dtype {str(x.dtype).removeprefix('torch.')}; features are floating point")
    if dtype is not None and x.dtype != dtype and not autocast.is_on(x.device):
        raise ShapeError(f"{owner}: x is {x.dtype} but the weights are {dtype}; use x.to({dtype})")
    graphs = Snapshots.of(owner, graph, T, B, N, batch_first=first)
    if graphs.steps[0].device != x.device:
        raise InputError(f"{owner}: x is on {x.device}, the graph on {graphs.steps[0].device}")
    if lengths is not None and not batched:
        raise InputError(f"{owner}: lengths= is for a batch of sequences, but x [T, N, F] is one sequence")
    lengths = None if lengths is None else checked_lengths(owner, lengths, inside)
    there = _present(owner, present, T, B, N, batched, first)
    if there is not None:
        graphs = graphs.among(there.to(x.device))
        there = there.to(x.device) if there.dim() == 3 else there.to(x.device).unsqueeze(1).expand(T, B, N)
    live = there
    if lengths is not None:
        running = (torch.arange(T, device=x.device)[:, None] < lengths).unsqueeze(-1).expand(T, B, N)
        live = running if live is None else live & running
    if live is not None:
        inside = inside.masked_fill(~live.unsqueeze(-1), 0)
    if graphs.rows > 1:
        inside = inside.reshape(T, 1, B * N, F)
        live = None if live is None else live.reshape(T, 1, B * N)
    return EnteredGraph(inside, graphs, lengths, live, B, batched, layer.batch_first)


def _present(owner: str, given: Any, T: int, B: int, N: int, batched: bool, first: bool) -> Tensor | None:
    """[T,N] where all sequences have the same nodes, else [T,B,N]; None where every node is always there."""
    if given is None:
        return None
    own = [B, T, N] if first else [T, B, N]
    expected = f"[T, N] = {[T, N]}" + (f" or {'[B, T, N]' if first else '[T, B, N]'} = {own}" if batched else "")
    if not isinstance(given, Tensor) or given.dtype != torch.bool:
        kind = str(given.dtype) if isinstance(given, Tensor) else type(given).__name__
        raise InputError(f"{owner}: present must be a tensor of torch.bool, {expected}, not {kind}")
    if list(given.shape) != [T, N] and not (batched and list(given.shape) == own):
        raise ShapeError(f"{owner}: present must be {expected}, but has shape {list(given.shape)}")
    if bool(given.all()):
        return None
    return given.transpose(0, 1) if first and given.dim() == 3 else given

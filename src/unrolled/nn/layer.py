"""Everything around a cell: stacking, directions, dropout, states, single steps, and looking inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.fx import Proxy, Tracer
from torch.nn import functional
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from unrolled.errors import InputError, ShapeError
from unrolled.kernels.dropout import dropout
from unrolled.kernels.recurrent import Dissection, Seen
from unrolled.kernels.reference.unroll import Unrolled, active
from unrolled.nn.door import Entered, enter, leave, leave_state
from unrolled.nn.equation import Equation
from unrolled.nn.observation import Observation, Trace

__all__ = ["RecurrentLayer"]


class RecurrentLayer(torch.nn.Module, ABC):
    """Abstract: a stack of cells over time. A subclass says how one layer in one direction runs.

    Attributes:
        input_size, hidden_size: I and H; input_size is None where the cell does not say.
        num_layers, batch_first, dropout, bidirectional: as in torch.nn.
        reads_tokens: whether tokens [T,B] int64 may stand for the one-hot rows of an input.
        torch_masks: whether dropout between layers draws what torch.nn draws for the same seed. With False it takes a
            fifth of the time on a CPU; networks made from a spec have it so.
    """

    input_size: int | None
    hidden_size: int
    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool
    reads_tokens: bool = False
    torch_masks: bool = True

    @property
    @abstractmethod
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""

    @property
    @abstractmethod
    def weight_dtype(self) -> torch.dtype | None:
        """The dtype that inputs must have, None where any will do."""

    @abstractmethod
    def equation(self, layer: int, direction: int = 0) -> Equation:
        """The equation of one layer in one direction, as a function of its weights.

        Raises:
            InputError: a weight is computed from other parameters (weight_norm).
        """

    @abstractmethod
    def _named_state(self, fields: tuple[Tensor, ...]) -> Any:
        """The fields as this layer's NamedTuple."""

    @abstractmethod
    def _unroll(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run one layer in one direction over x [T,B,·] (or tokens [T,B]): output [T,B,H] and final state.

        The state is None for zeros.
        """

    def _observe(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Seen | None:
        """The same with all its gates, from the kernel that runs it; None where it shows none, and `_trace` must."""
        return None

    def _dissect(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Dissection | None:
        """The same outside autograd, with a backward pass that shows its steps; None where the kernel shows none."""
        return None

    @abstractmethod
    def _trace(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Unrolled:
        """The same, keeping every step; from a given state."""

    @abstractmethod
    def _step(self, layer: int, x: Tensor, state: Any) -> Any:
        """One step of one layer: the new state."""

    def _step_through(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        """One step of all layers by one kernel; None where `_step` must, or where something does not fit."""
        return None

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Any = None
    ) -> tuple[Tensor | PackedSequence, Any]:
        """Run over whole sequences.

        Args:
            input: [T,B,I] ([B,T,I] under `batch_first`), unbatched [T,I], or a PackedSequence. Where the layer
                `reads_tokens`, tokens [T,B] int64 ([B,T]) too: numbers in 0..I-1 in place of one-hot rows.
            hx: the initial state: hidden [layers·directions, B, H], or the tuple (hidden, memory); None is
                zero.
            lengths: the steps of each row, B integers in 0..T; what stands past a row's end is padding and
                has no effect.

        Returns:
            The top layer's hidden states in the form of the input, zero past a row's end, and the state at
            each row's end in the form of `hx`; a row of length zero ends in its initial state.

        Raises:
            ShapeError: a shape, dtype or length that does not fit.
            InputError: a state or lengths of the wrong kind.
        """
        if isinstance(input, Proxy):
            return _one_node(self, input, hx, lengths)
        entered = enter(self, input, hx, lengths)
        x, finals = entered.x, []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self._directions):
                state = None if entered.state is None else self._state_of(entered, layer, direction)
                output, final = self._unroll(layer, direction, x, state, entered.lengths)
                outputs.append(output)
                finals.append(final)
            x = self._between(layer, outputs, entered)
        return leave(entered, x), leave_state(entered, self._stacked(finals))

    def observe(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Any = None, by_step: bool = False
    ) -> Observation:
        """Run over whole sequences and keep every gate, candidate and state; arguments as in the call.

        The values come from the kernel that serves the call, where it shows them, else from the reference equations;
        output and state equal the call's to rounding. `by_step` takes the equations, one step after another, and
        keeps each for `Trace.steps`.
        """
        self._refresh()
        entered = enter(self, input, hx, lengths)
        rows = None if entered.lengths is None else active(entered.lengths, entered.x.shape[0])
        x, finals, layers = entered.x, [], []
        for layer in range(self.num_layers):
            outputs, traces = [], []
            for direction in range(self._directions):
                given = None if entered.state is None else self._state_of(entered, layer, direction)
                seen = None if by_step else self._observe(layer, direction, x, given, entered.lengths)
                if seen is not None:
                    output, final, values = seen
                    traces.append(Trace.of_values(values, entered.batched))
                else:
                    state = self._state_of(entered, layer, direction)
                    output, final, steps = self._trace(layer, direction, x, state, entered.lengths)
                    traces.append(Trace.of(steps, rows, entered.batched))
                outputs.append(output)
                finals.append(final)
            layers.append(tuple(traces))
            x = self._between(layer, outputs, entered)
        return Observation(leave(entered, x), leave_state(entered, self._stacked(finals)), tuple(layers))

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run one time step, for generation and control; T steps equal the call on T steps.

        Args:
            x_t: [B,I], or [I] for one sequence.
            state: as the call's `hx`, and as this returns it; None is zero.

        Returns:
            The top layer's hidden state [B,H] and the new state.

        Raises:
            InputError: the layer is bidirectional: its second direction needs the whole sequence.
            ShapeError: a shape or dtype that does not fit.
        """
        if self.bidirectional:
            raise InputError(
                f"{type(self).__name__}: a bidirectional layer cannot go step by step: "
                "its reverse direction starts at the end; call it on the whole sequence"
            )
        if not isinstance(x_t, Tensor) or x_t.dim() not in (1, 2):
            given = list(x_t.shape) if isinstance(x_t, Tensor) else type(x_t).__name__
            raise ShapeError(f"{type(self).__name__}: a step's input must be [B, I] or [I], not {given}")
        taken = self._step_through(x_t, state)
        if taken is not None:
            return taken
        if self.weight_dtype is not None and not x_t.is_floating_point():
            raise ShapeError(f"{type(self).__name__}: a step's input must be {self.weight_dtype}, not {x_t.dtype}")
        self._refresh()
        time = 1 if self.batch_first and x_t.dim() == 2 else 0
        entered = enter(self, x_t.unsqueeze(time), state, None)
        x, finals = entered.x[0], []
        for layer in range(self.num_layers):
            finals.append(self._step(layer, x, self._state_of(entered, layer, 0)))
            x = self._between(layer, [finals[-1].hidden], entered)
        return x if entered.batched else x.squeeze(0), leave_state(entered, self._stacked(finals))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _state_of(self, entered: Entered, layer: int, direction: int) -> Any:
        if entered.state is None:
            dtype = self.weight_dtype or entered.x.dtype
            zeros = entered.x.new_zeros(entered.x.shape[1], self.hidden_size, dtype=dtype)
            return self._named_state((zeros,) * len(self.state_names))
        index = layer * self._directions + direction
        return self._named_state(tuple(field[index] for field in entered.state))

    def _stacked(self, finals: list[Any]) -> Any:
        return self._named_state(tuple(torch.stack(fields) for fields in zip(*finals, strict=True)))

    def _between(self, layer: int, outputs: list[Tensor], entered: Entered) -> Tensor:
        """Join the directions, and drop out between layers while training."""
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
        if not self.dropout > 0 or layer == self.num_layers - 1 or not self.training:
            return x
        if not self.torch_masks:
            return dropout(x, self.dropout)
        if entered.packed is None:
            return functional.dropout(x, self.dropout)
        assert entered.lengths is not None
        rows = pack_padded_sequence(x, entered.lengths.cpu())  # torch draws for the steps that there are
        return pad_packed_sequence(rows._replace(data=functional.dropout(rows.data, self.dropout)))[0]

    def _refresh(self) -> None:
        """Compute the weights that torch renews in a hook of the call: weight_norm, spectral_norm, pruning."""
        for hook in self._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):  # a look must not take a step of its power iteration
                setattr(self, hook.name, hook.compute_weight(self, do_power_iteration=False))
            elif isinstance(hook, WeightNorm | BasePruningMethod):
                hook(self, ())


def _one_node(layer: RecurrentLayer, input: Proxy, hx: Any, lengths: Any) -> Any:
    """The call as torch.fx records it: one node, as it does for torch.nn's layers."""
    given = (input,) if hx is None else (input, hx)
    options = {} if lengths is None else {"lengths": lengths}
    assert isinstance(input.tracer, Tracer)
    return input.tracer.create_proxy("call_module", input.tracer.path_of_module(layer), given, options)

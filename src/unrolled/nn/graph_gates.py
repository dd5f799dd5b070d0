"""Everything around a cell whose products are graph convolutions: stacking, dropout, states, steps, looking inside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from unrolled.errors import ShapeError
from unrolled.kernels import autocast, graph_recurrent
from unrolled.kernels.dropout import dropout
from unrolled.kernels.filters import Filter
from unrolled.kernels.reference import GraphCell, Weights
from unrolled.nn.cell_layer import check_options
from unrolled.nn.graph_door import EnteredGraph, enter_graph
from unrolled.nn.graph_filter import FilterKind
from unrolled.nn.graph_input import glorot
from unrolled.nn.observation import Observation, Trace

__all__ = ["GraphGates"]


class GraphGates(torch.nn.Module, ABC):
    """Abstract: a layer with weights for one of the house's graph cells; its subclasses are final and say which.

    The parameters of layer k are `weight_ih_l{k}` [G·H, M·I], `weight_hh_l{k}` [G·H, M·H], with bias `bias_l{k}`
    [G·H], with peepholes `peephole_l{k}` [P·H]: rows in the cell's order of blocks, columns in M blocks, one a term of
    the filter. Gate g's convolution of x has the weights `weight_ih[g·H:(g+1)·H, m·I:(m+1)·I]`.

    Attributes:
        input_size, hidden_size: I and H.
        kind: the filter.
        num_layers, bias, batch_first, dropout: as in torch.nn.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        kind: FilterKind,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        check_options(input_size, hidden_size, num_layers, bias, batch_first, dropout)
        self.input_size = int(input_size)
        self.hidden_size = int(hidden_size)
        self.kind = kind
        self.num_layers = int(num_layers)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        for layer in range(num_layers):
            for name, shape in self._shapes(layer).items():
                self.register_parameter(f"{name}_l{layer}", Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    @property
    @abstractmethod
    def cell(self) -> GraphCell:
        """The cell's equation."""

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return self.cell.state_names

    @property
    def has_peepholes(self) -> bool:
        """Whether the gates see the memory."""
        return bool(self.cell.peephole_blocks)

    @property
    def weight_dtype(self) -> torch.dtype:
        """The dtype that inputs must have."""
        weight: Tensor = self.weight_ih_l0  # type: ignore[assignment]
        return weight.dtype

    def cell_weights(self, layer: int) -> Weights:
        """The weights of one layer as the cell's equation names them."""
        return Weights(
            getattr(self, f"weight_ih_l{layer}"),
            getattr(self, f"weight_hh_l{layer}"),
            getattr(self, f"bias_l{layer}") if self.bias else None,
            None,
            getattr(self, f"peephole_l{layer}") if self.has_peepholes else None,
        )

    def reset_parameters(self) -> None:
        """Draw each gate's matrix of each term from Glorot's uniform distribution, as ChebConv; biases are zero."""
        H = self.hidden_size
        for layer in range(self.num_layers):
            W_ih, W_hh, b, _, p = self.cell_weights(layer)
            for matrix in (W_ih, W_hh):
                for gate in matrix.detach().chunk(matrix.shape[0] // H):
                    glorot(*gate.chunk(self.kind.terms, 1))
            if p is not None:
                for part in p.detach().chunk(p.shape[0] // H):
                    glorot(part.unsqueeze(0))
            if b is not None:
                torch.nn.init.zeros_(b)

    def forward(
        self, x: Tensor, graph: Any, state: Any = None, *, lengths: Any = None, present: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run over whole sequences.

        Args:
            x: [T,N,F], or a batch [T,B,N,F] ([B,T,N,F] under `batch_first`).
            graph: a `Graph`, an edge_index ``[2, E]`` or a sparse torch matrix whose rows receive, for all steps; or a
                list with one a step; or, where the sequences of a batch have graphs of their own, a list of T lists of
                B (B lists of T under `batch_first`).
            state: the initial state: hidden [layers,N,H] ([layers,B,N,H]), or the tuple (hidden, memory); None is
                zero.
            lengths: the steps of each sequence of a batch, B integers in 0..T; what stands past an end has no effect.
            present: bool [T,N], or [T,B,N] ([B,T,N]) where sequences differ: which nodes are there. One that is not
                keeps its state, sends and receives nothing, and its output is zero.

        Returns:
            The top layer's hidden states in the form of x, and the state of each node after its last step, in the
            form of `state`.

        Raises:
            ShapeError: a shape, dtype, length or number of nodes or graphs that does not fit.
            InputError: something of the wrong kind.
        """
        entered, filters, fields = self._enter(x, graph, state, lengths, present)
        h, finals = entered.x, []
        for layer in range(self.num_layers):
            start, weights = self._state_of(entered, fields, layer), self.cell_weights(layer)
            h, final = graph_recurrent.unroll(self.cell, h, filters, start, weights, entered.live)
            finals.append(final)
            h = self._between(layer, h)
        return entered.leave(h), entered.leave_state(_stacked(finals))

    def observe(
        self, x: Tensor, graph: Any, state: Any = None, *, lengths: Any = None, present: Tensor | None = None
    ) -> Observation:
        """Run over whole sequences by the equation and keep every gate, candidate and state; arguments as in the call.

        `layers[k][0]` maps names to values [T,N,H] ([T,B,N,H], time first even under `batch_first`), zero where a node
        is not there. Output and state equal the call's to rounding; all of it is differentiable.
        """
        entered, filters, fields = self._enter(x, graph, state, lengths, present)
        h, finals, layers = entered.x, [], []
        for layer in range(self.num_layers):
            start, weights = self._state_of(entered, fields, layer), self.cell_weights(layer)
            unrolled = graph_recurrent.trace(self.cell, h, filters, start, weights, entered.live)
            layers.append((_trace(unrolled.steps, entered),))
            finals.append(unrolled.state)
            h = self._between(layer, unrolled.output)
        return Observation(entered.leave(h), entered.leave_state(_stacked(finals)), tuple(layers))

    def step(self, x_t: Tensor, graph: Any, state: Any = None, *, present: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run one time step; T steps equal the call on T steps.

        Args:
            x_t: [N,F] or [B,N,F].
            graph: of this step, or a list of B, one a sequence.
            state: as the call's, and as this returns it.
            present: bool [N], or [B,N].

        Returns:
            The top layer's hidden state [N,H] or [B,N,H], and the new state.

        Raises:
            ShapeError, InputError: as in a call.
        """
        return stepped(self, x_t, graph, state, present)

    def extra_repr(self) -> str:
        """The arguments that matter."""
        parts = [str(self.input_size), str(self.hidden_size), f"filter={self.kind}"]
        defaults: Mapping[str, Any] = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        parts += [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return ", ".join(parts)

    def _enter(
        self, x: Any, graph: Any, state: Any, lengths: Any, present: Any
    ) -> tuple[EnteredGraph, tuple[Filter, ...], list[Tensor] | None]:
        entered = enter_graph(self, x, graph, lengths, present, self.input_size, self.weight_dtype)
        dtype = autocast.dtype_of(entered.x)
        filters = tuple(self.kind.on(graph, dtype) for graph in entered.graphs.steps)
        fields = entered.enter_state(type(self).__name__, state, self.state_names, self.num_layers, self.hidden_size)
        return entered, filters, fields

    def _state_of(self, entered: EnteredGraph, fields: list[Tensor] | None, layer: int) -> Any:
        if fields is not None:
            return self.cell.state(*(field[layer] for field in fields))
        zeros = entered.x.new_zeros(*entered.x.shape[1:3], self.hidden_size)
        return self.cell.state(*(zeros,) * len(self.state_names))

    def _between(self, layer: int, h: Tensor) -> Tensor:
        """Drop out between layers while training."""
        if self.dropout > 0 and layer < self.num_layers - 1:
            return dropout(h, self.dropout, self.training)
        return h

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        H, M, G = self.hidden_size, self.kind.terms, len(self.cell.blocks)
        read = self.input_size if layer == 0 else H
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G * H, M * read), "weight_hh": (G * H, M * H)}
        if self.bias:
            shapes["bias"] = (G * H,)
        if self.has_peepholes:
            shapes["peephole"] = (len(self.cell.peephole_blocks) * H,)
        return shapes


def stepped(layer: Any, x_t: Any, graph: Any, state: Any, present: Any) -> tuple[Tensor, Any]:
    """One step of a layer as a sequence of one."""
    if not isinstance(x_t, Tensor) or x_t.dim() not in (2, 3):
        given = list(x_t.shape) if isinstance(x_t, Tensor) else type(x_t).__name__
        raise ShapeError(f"{type(layer).__name__}: a step's x must be [N, F] or [B, N, F], not {given}")
    time = 1 if layer.batch_first and x_t.dim() == 3 else 0
    if isinstance(graph, list | tuple):
        graph = [[each] for each in graph] if time else [graph]
    if isinstance(present, Tensor):
        present = present.unsqueeze(time if present.dim() == 2 else 0)
    output, state = layer(x_t.unsqueeze(time), graph, state, present=present)
    return output.squeeze(time), state


def _trace(steps: tuple[Mapping[str, Tensor], ...], entered: EnteredGraph) -> Trace:
    values = {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
    if entered.live is not None:
        values = {name: value.masked_fill(~entered.live.unsqueeze(-1), 0) for name, value in values.items()}
    shape = (len(steps), entered.sequences, -1)
    values = {name: value.reshape(*shape, value.shape[-1]) for name, value in values.items()}
    return Trace.of_values(values, entered.batched)


def _stacked(finals: list[Any]) -> list[Tensor]:
    return [torch.stack(fields) for fields in zip(*finals, strict=True)]

"""A graph layer at every step, and a recurrent layer over time: per node, or over the pooled graph."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError, UnknownName, UserCodeError
from unrolled.graph import Snapshots
from unrolled.kernels.reference.unroll import active
from unrolled.nn.graph_door import EnteredGraph, enter_graph
from unrolled.nn.graph_gates import stepped
from unrolled.nn.layer import RecurrentLayer
from unrolled.nn.node_classifier import ACTIVATIONS
from unrolled.nn.observation import Observation, Trace

__all__ = ["POOLS", "GraphRecurrent"]

POOLS = ("mean", "sum", "max")
"""How the nodes of a step become one."""


@final
class GraphRecurrent(torch.nn.Module):
    """First space, then time: a graph layer reads each snapshot, a recurrent layer what becomes of each node.

        y_t = φ(conv(x_t, graph_t))
        h_t = cell(y_t[n], h_{t-1}[n])        for each node n
        h_t = cell(POOL_n y_t[n], h_{t-1})    with `pool`

    The graph part of a whole sequence is one call of the graph layer: on [T·B,N,F] where one graph serves all steps,
    else on all steps' graphs side by side. The nodes (or pooled graphs) are then rows of one batch for the recurrent
    layer. A node that is not there at a step is left out of its row: its state waits, and a second direction passes
    it over.

    Shapes: x [T,N,F] → output [T,N,H·directions], state [layers·directions,N,H]; a batch [T,B,N,F] → [T,B,N,·] and
    [layers·directions,B,N,H]; with `pool` the same without N.

    Source: Seo et al. 2016 (arXiv:1612.07659), model 1, here with any graph layer and any cell.

    Args:
        conv: called as ``conv(x, graph)`` with x [N,F] or [B,N,F] and an `unrolled.nn.Graph`, it returns [N,O] or
            [B,N,O]: `GCNConv`, `GATConv`, `ChebConv`, `SAGEConv`, a `MessagePassing`, or a module of your own.
        cell: a recurrent layer with I = O: one of the table, or a `Recurrent` around a cell of your own, stacked or
            bidirectional too, without `batch_first`.
        activation: φ, a name of `unrolled.nn.ACTIVATIONS`; None for none.
        pool: ``mean``, ``sum`` or ``max`` over the nodes that are there; None for a state a node. A step at which no
            node is there is left out.
        batch_first: x and output are [B,T,N,·].

    Raises:
        InputError: parts that cannot be used.
        UnknownName: no such activation or pool.
    """

    def __init__(
        self,
        conv: torch.nn.Module,
        cell: RecurrentLayer,
        *,
        activation: str | None = None,
        pool: str | None = None,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(conv, torch.nn.Module):
            raise InputError(f"GraphRecurrent: conv must be a module called as conv(x, graph), not {_kind(conv)}")
        if not isinstance(cell, RecurrentLayer):
            raise InputError(
                f"GraphRecurrent: cell must be one of unrolled.nn's recurrent layers, not {_kind(cell)}; "
                "unrolled.nn.convert turns torch's into them, unrolled.nn.Recurrent makes one of your own cell"
            )
        if cell.batch_first:
            raise InputError(
                "GraphRecurrent: the cell's batch_first must be False; batch_first is this layer's argument"
            )
        if activation is not None and activation not in ACTIVATIONS:
            raise UnknownName("activation", activation, ACTIVATIONS)
        if pool is not None and pool not in POOLS:
            raise UnknownName("pool", pool, POOLS)
        self.conv = conv
        self.cell = cell
        self.activation = activation
        self.pool = pool
        self.batch_first = batch_first

    @property
    def hidden_size(self) -> int:
        """H."""
        return self.cell.hidden_size

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return self.cell.state_names

    def forward(
        self, x: Tensor, graph: Any, state: Any = None, *, lengths: Any = None, present: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run over whole sequences.

        Args:
            x: [T,N,F], or a batch [T,B,N,F] ([B,T,N,F] under `batch_first`).
            graph: a `Graph`, an edge_index ``[2, E]`` or a sparse torch matrix whose rows receive, for all steps; or a
                list with one a step; or, where the sequences of a batch have graphs of their own, a list of T lists of
                B (B lists of T under `batch_first`).
            state: the initial state as this returns it; None is zero.
            lengths: the steps of each sequence of a batch, B integers in 0..T; what stands past an end has no effect.
            present: bool [T,N], or [T,B,N] ([B,T,N]) where sequences differ: which nodes are there. One that is not
                keeps its state, sends and receives nothing, and its output is zero.

        Returns:
            The top layer's hidden states in the form of x, and the state of each row after its last step.

        Raises:
            ShapeError: a shape, dtype, length or number of nodes or graphs that does not fit.
            InputError: something of the wrong kind.
            UserCodeError: the graph layer returns something else than features of the same nodes.
        """
        rows = self._rows(x, graph, lengths, present)
        output, final = self.cell(rows.x, rows.enter_state(self, state), lengths=rows.lengths)
        return rows.leave(output), rows.leave_state(final)

    def observe(
        self, x: Tensor, graph: Any, state: Any = None, *, lengths: Any = None, present: Tensor | None = None
    ) -> Observation:
        """Run over whole sequences and keep every gate, candidate and state of the cell; arguments as in the call.

        `layers[k][direction]` maps names to values in the form of the output, time first even under `batch_first`.
        """
        rows = self._rows(x, graph, lengths, present)
        seen = self.cell.observe(rows.x, rows.enter_state(self, state), lengths=rows.lengths)
        layers = tuple(tuple(rows.shaped_trace(trace) for trace in traces) for traces in seen.layers)
        return Observation(rows.leave(seen.output), rows.leave_state(seen.state), layers)

    def step(self, x_t: Tensor, graph: Any, state: Any = None, *, present: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run one time step; T steps equal the call on T steps.

        Args:
            x_t: [N,F] or [B,N,F].
            graph: of this step, or a list of B, one a sequence.
            state: as the call's, and as this returns it.
            present: bool [N], or [B,N].

        Returns:
            The top layer's hidden state [N,H] or [B,N,H] (with `pool` [H] or [B,H]), and the new state.

        Raises:
            InputError: the recurrent layer is bidirectional: its second direction needs the whole sequence.
            ShapeError: a shape or dtype that does not fit.
        """
        if self.cell.bidirectional:
            raise InputError(
                "GraphRecurrent: a bidirectional cell cannot go step by step: its reverse direction starts at the end; "
                "call the layer on the whole sequence"
            )
        return stepped(self, x_t, graph, state, present)

    def extra_repr(self) -> str:
        """The arguments that matter."""
        usual = {"activation": None, "pool": None, "batch_first": False}
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in usual if getattr(self, name) != usual[name])

    def _rows(self, x: Any, graph: Any, lengths: Any, present: Any) -> _Rows:
        """The graph part of the whole sequence, as the rows that the recurrent layer reads."""
        entered = enter_graph(self, x, graph, lengths, present, None, None)
        y = self._convolved(entered.x, entered.graphs)
        if self.activation is not None:
            y = ACTIVATIONS[self.activation](y)
        T, B = y.shape[0], entered.sequences
        y = y.reshape(T, B, -1, y.shape[-1])
        live = None if entered.live is None else entered.live.reshape(T, B, -1)
        N = None if self.pool else y.shape[2]
        if self.pool is not None:
            y = _pooled(y, live, self.pool)
            live = None if live is None else live.any(2)
        ends, places = (None, None) if live is None else _in_a_row(live.reshape(T, -1))
        y = y.reshape(T, -1, y.shape[-1])
        if places is not None:
            y = y.gather(0, places.unsqueeze(-1).expand_as(y))
        return _Rows(y, ends, places, N, entered)

    def _convolved(self, x: Tensor, graphs: Snapshots) -> Tensor:
        """The graph layer at every step of x [T,B,N,F], in one call."""
        T, B, N, _ = x.shape
        if graphs.fixed:
            y = self.conv(x.reshape(T * B, N, -1) if T * B > 1 else x[0, 0], graphs.steps[0])
            self._check(y, [T * B, N] if T * B > 1 else [N])
            shaped: Tensor = y.reshape(T, B, N, -1)
            return shaped
        side_by_side = x.transpose(0, 1).reshape(B, T * N, -1)
        y = self.conv(side_by_side if B > 1 else side_by_side[0], graphs.as_one)
        self._check(y, [B, T * N] if B > 1 else [T * N])
        back: Tensor = y.reshape(B, T, N, -1).transpose(0, 1)
        return back

    def _check(self, y: Any, lead: list[int]) -> None:
        if not isinstance(y, Tensor) or list(y.shape[:-1]) != lead:
            found = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise UserCodeError(
                f"{type(self.conv).__name__} must return {[*lead, 'O']}, features of the nodes given, not {found}"
            )


class _Rows(NamedTuple):
    """What the recurrent layer reads, [T,R,O] with R = B·N (B where the graph is pooled), and the way back.

    Where rows have gaps, each row's own steps stand first, in order, and `places` [T,R] says which they were.
    """

    x: Tensor
    lengths: Tensor | None
    places: Tensor | None
    nodes: int | None
    entered: EnteredGraph

    def enter_state(self, layer: GraphRecurrent, given: Any) -> Any:
        """A state given at the door, as the recurrent layer has it."""
        if given is None:
            return None
        cell, owner = layer.cell, type(layer).__name__
        fields = (given,) if isinstance(given, Tensor) else given
        expected = [cell.num_layers * (2 if cell.bidirectional else 1), *self._lead(), cell.hidden_size]
        if not isinstance(fields, list | tuple) or not all(isinstance(field, Tensor) for field in fields):
            raise InputError(f"{owner}: the initial state must be tensors, not {_kind(given)}")
        for field in fields:
            if list(field.shape) != expected:
                raise ShapeError(f"{owner}: the initial state must have shape {expected}, but has {list(field.shape)}")
        rows = tuple(field.reshape(expected[0], -1, expected[-1]) for field in fields)
        return rows[0] if len(rows) == 1 else rows

    def leave(self, output: Any) -> Tensor:
        """The output in the form of x."""
        shaped = self.shaped(output)
        entered = self.entered
        return shaped.transpose(0, 1) if entered.batched and entered.batch_first else shaped

    def shaped(self, values: Tensor) -> Tensor:
        """[T,R,·] at their own steps, as [T,N,·], [T,B,N,·], or the same without N."""
        if self.places is not None:
            spread = self.places.unsqueeze(-1).expand_as(values)
            values = torch.zeros_like(values).scatter(0, spread, values)
        return values.reshape(values.shape[0], *self._lead(), values.shape[-1])

    def shaped_trace(self, trace: Trace) -> Trace:
        """The same of everything observed."""
        return Trace.of_values({name: self.shaped(value) for name, value in trace.items()}, True)

    def leave_state(self, state: Any) -> Any:
        """The final state at the door."""
        fields = (state,) if isinstance(state, Tensor) else state
        shaped = tuple(field.reshape(field.shape[0], *self._lead(), field.shape[-1]) for field in fields)
        return shaped[0] if isinstance(state, Tensor) else shaped

    def _lead(self) -> list[int]:
        batch = [self.entered.sequences] if self.entered.batched else []
        return batch if self.nodes is None else [*batch, self.nodes]


def _pooled(y: Tensor, live: Tensor | None, pool: str) -> Tensor:
    """[T,B,N,O] → [T,B,O] over the nodes that are there; 0 where none is."""
    if live is None:
        return y.amax(2) if pool == "max" else y.mean(2) if pool == "mean" else y.sum(2)
    there = live.unsqueeze(-1)
    if pool == "max":
        return y.masked_fill(~there, -torch.inf).amax(2).masked_fill(~live.any(2, keepdim=True), 0)
    total = y.masked_fill(~there, 0).sum(2)
    return total if pool == "sum" else total / there.sum(2).clamp_min(1)


def _in_a_row(live: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """How many steps each row of [T,R] has, and their places before all others; None where they stand so already."""
    lengths = live.sum(0)
    if bool(lengths.eq(live.shape[0]).all()):
        return None, None
    if torch.equal(live, active(lengths, live.shape[0]).squeeze(-1)):
        return lengths, None
    return lengths, torch.argsort(~live, dim=0, stable=True)


def _kind(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__

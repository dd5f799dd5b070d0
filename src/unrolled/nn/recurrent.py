"""A user's own cell, unrolled, observed and stepped like the built-in ones."""

from __future__ import annotations

import functools
import keyword
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.func import functional_call

from unrolled.errors import InputError, UnrolledError, UserCodeError
from unrolled.kernels import reference
from unrolled.kernels.reference import Cell, Hidden, HiddenMemory, Unrolled, Weights
from unrolled.kernels.reference.unroll import loop
from unrolled.nn.equation import Equation
from unrolled.nn.initialisers import initialise_cell, initialise_parameters
from unrolled.nn.layer import RecurrentLayer

__all__ = ["Recurrent"]


@final
class Recurrent(RecurrentLayer):
    """A user's cell, or several stacked, as a layer: `out, state = Recurrent(cell)(x, lengths=lengths)`.

    A cell is a torch.nn.Module with

    * `forward(x_t, state) -> state`: x_t [B,I]; the state is a tensor [B,H] or, with several names, a tuple
      of them;
    * `hidden_size`: H;
    * optionally `state_names`, hidden first: `("hidden",)` unless it says otherwise;
    * optionally `input_size`: I, checked where it is there;
    * optionally `gates(x_t, state) -> dict[str, Tensor]`, each [B,·], the same names at every step: what `observe`
      shows beside the states;
    * optionally `initialise(name, *, forget_bias, chrono, generator)`, if it knows its own blocks.

    torch.nn.RNNCell, GRUCell and LSTMCell are cells. The output is the hidden state, and the layer's call,
    `observe` and `step` are those of the built-in layers; states are stacked [layers, B, H] as theirs are.

    Args:
        cells: one cell, or one per layer from the input upwards, with one hidden size and the same states.
        batch_first: input and output are [B,T,·].
        dropout: probability of dropping each output of every layer but the last, while training.

    Raises:
        UserCodeError: a cell does not keep the protocol.
    """

    def __init__(
        self,
        cells: torch.nn.Module | Iterable[torch.nn.Module],
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        given = list(cells) if isinstance(cells, Iterable) else [cells]
        for cell in given:
            _check_cell(cell)
        if not given:
            raise UserCodeError("Recurrent needs a cell, or several; the list is empty")
        kinds = {(cell.hidden_size, _names(cell)) for cell in given}
        if len(kinds) > 1:
            raise UserCodeError(f"stacked cells must share hidden_size and state_names, but have {sorted(kinds)}")
        if not 0 <= dropout <= 1:
            raise InputError(f"dropout must be a probability in [0, 1], not {dropout!r}")
        self.cells = torch.nn.ModuleList(given)
        self.num_layers = len(given)
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = False

    @property
    def input_size(self) -> int | None:  # type: ignore[override]
        """I, or None where the first cell does not say."""
        return getattr(self.cells[0], "input_size", None)

    @property
    def hidden_size(self) -> int:  # type: ignore[override]
        """H."""
        size: int = self.cells[0].hidden_size  # type: ignore[assignment]
        return size

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return _names(self.cells[0])

    @property
    def weight_dtype(self) -> None:
        """A user's cell takes what it takes."""

    def initialise(
        self,
        name: str,
        *,
        forget_bias: float | None = None,
        chrono: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw all weights anew by a named rule.

        A cell with an `initialise` of its own does it itself; torch's cells are drawn gate by gate; of any
        other cell, each block of H rows of a matrix is taken for a gate's.

        Raises:
            UnknownName: no such initialiser.
            InputError: forget_bias or chrono, and the cell does not say where its forget gate is.
        """
        for cell in self.cells:
            known = _TORCH_CELLS.get(type(cell))
            if hasattr(cell, "initialise"):
                cell.initialise(name, forget_bias=forget_bias, chrono=chrono, generator=generator)  # type: ignore[operator]
            elif known is not None:
                initialise_cell(
                    known(cell),
                    _torch_weights(cell),
                    name,
                    forget_bias=forget_bias,
                    chrono=chrono,
                    generator=generator,
                )
            elif forget_bias is not None or chrono is not None:
                raise InputError(
                    f"{type(cell).__name__} does not say where its forget gate is; "
                    "give it initialise(name, *, forget_bias, chrono, generator), or leave both biases out"
                )
            else:
                initialise_parameters(cell, self.hidden_size, name, generator=generator)

    def equation(self, layer: int, direction: int = 0) -> Equation:
        """A user's cell as a function of its weights, its gates beside the state where it shows them."""
        cell = self.cells[layer]
        prefix = f"cells.{layer}."
        stepping = _Stepping(self, layer)

        def step(x_t: Tensor, state: Any, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            given = {f"cell.{name.removeprefix(prefix)}": weight for name, weight in weights.items()}
            named: Mapping[str, Tensor] = functional_call(stepping, given, (x_t, state))
            return named

        weights = {prefix + name: parameter for name, parameter in cell.named_parameters()}
        return Equation(weights, step, self._named_state)

    def _named_state(self, fields: tuple[Tensor, ...]) -> Any:
        return _state_type(self.state_names)(*fields)

    def _unroll(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        step = functools.partial(self._named_step, layer)
        if state is None:
            zeros = x.new_zeros(x.shape[1], self.hidden_size)
            state = self._named_state((zeros,) * len(self.state_names))
        unrolled = loop(step, x, state, lengths=lengths)
        return unrolled.output, unrolled.state

    def _trace(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Unrolled:
        return loop(_Stepping(self, layer), x, state, lengths=lengths)

    def _step(self, layer: int, x: Tensor, state: Any) -> Any:
        return self._named_state(tuple(self._named_step(layer, x, state).values()))

    def _named_step(self, layer: int, x_t: Tensor, state: Any) -> dict[str, Tensor]:
        """Call the user's cell and hold it to the protocol."""
        cell, names = self.cells[layer], self.state_names
        new = _call(cell, cell, x_t, state[0] if len(names) == 1 else tuple(state))
        fields = (new,) if isinstance(new, Tensor) else new
        kind = type(cell).__name__
        if not isinstance(fields, tuple | list) or len(fields) != len(names):
            wanted = "a tensor" if len(names) == 1 else f"a tuple ({', '.join(names)})"
            given = f"{type(new).__name__} of {len(new)}" if isinstance(new, tuple | list) else type(new).__name__
            raise UserCodeError(f"{kind}.forward must return its state, {wanted} (state_names = {names}), not {given}")
        expected = [x_t.shape[0], self.hidden_size]
        for name, field in zip(names, fields, strict=True):
            if not isinstance(field, Tensor) or list(field.shape) != expected:
                found = list(field.shape) if isinstance(field, Tensor) else type(field).__name__
                raise UserCodeError(f"{kind}.forward must return {name} with shape {expected} [B, H], not {found}")
        return dict(zip(names, fields, strict=True))

    def _gates(self, layer: int, x_t: Tensor, state: Any) -> Mapping[str, Tensor]:
        cell, B = self.cells[layer], x_t.shape[0]
        if not hasattr(cell, "gates"):
            return {}
        gates = _call(cell, cell.gates, x_t, state[0] if len(state) == 1 else tuple(state))
        if not isinstance(gates, Mapping) or not all(_is_gate(name, gate, B) for name, gate in gates.items()):
            raise UserCodeError(
                f"{type(cell).__name__}.gates must return a dict of tensors [B, ·] = [{B}, ·] of floating point by name"
            )
        taken = [name for name in gates if name in self.state_names]
        if taken:
            raise UserCodeError(f"{type(cell).__name__}.gates must not name {taken[0]!r}, which is of the state")
        return gates


def _is_gate(name: object, gate: object, B: int) -> bool:
    return (
        isinstance(name, str)
        and isinstance(gate, Tensor)
        and gate.dim() == 2
        and gate.shape[0] == B
        and gate.is_floating_point()
    )


class _Stepping(torch.nn.Module):
    """Steps of one of a layer's cells, seen through, as a module whose weights can be exchanged."""

    def __init__(self, layer: Recurrent, index: int) -> None:
        super().__init__()
        self.cell = layer.cells[index]
        self._of_gates = functools.partial(layer._gates, index)
        self._of_state = functools.partial(layer._named_step, index)
        self._names: list[str] | None = None

    def forward(self, x_t: Tensor, state: Any) -> dict[str, Tensor]:
        gates = self._of_gates(x_t, state)
        names, self._names = self._names, sorted(gates)
        if names not in (None, self._names):
            raise UserCodeError(
                f"{type(self.cell).__name__}.gates must return the same names at every step, "
                f"not {', '.join(names)} and then {', '.join(self._names)}"
            )
        return {**gates, **self._of_state(x_t, state)}


def _torch_rnn(cell: torch.nn.Module) -> Cell:
    return reference.TANH if cell.nonlinearity == "tanh" else reference.RELU


_TORCH_CELLS: dict[type, Callable[[torch.nn.Module], Cell]] = {
    torch.nn.RNNCell: _torch_rnn,
    torch.nn.GRUCell: lambda _: reference.RESET_AFTER,
    torch.nn.LSTMCell: lambda _: reference.LSTM,
}


def _torch_weights(cell: Any) -> Weights:
    return Weights(cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)


def _names(cell: torch.nn.Module) -> tuple[str, ...]:
    default = ("hidden", "memory") if isinstance(cell, torch.nn.LSTMCell) else ("hidden",)
    names = getattr(cell, "state_names", default)
    return tuple(names) if isinstance(names, tuple | list) else (names,)


@functools.cache
def _state_type(names: tuple[str, ...]) -> Callable[..., Any]:
    for known in (Hidden, HiddenMemory):
        if known._fields == names:
            return known
    return namedtuple("State", names)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


def _check_cell(cell: object) -> None:
    kind = type(cell).__name__
    if not isinstance(cell, torch.nn.Module):
        what = f"the class {cell.__name__}" if isinstance(cell, type) else kind
        raise UserCodeError(f"a cell must be a torch.nn.Module object with forward(x_t, state), not {what}")
    size = getattr(cell, "hidden_size", None)
    if not isinstance(size, int) or size <= 0:
        raise UserCodeError(f"{kind}.hidden_size must be an integer above zero, not {size!r}")
    names = _names(cell)
    proper = all(map(_is_name, names))
    if not names or not proper or names[0] != "hidden" or len(set(names)) != len(names):
        raise UserCodeError(f'{kind}.state_names must be names, "hidden" first, as ("hidden", "memory"), not {names}')


def _call(cell: torch.nn.Module, function: Any, x_t: Tensor, state: Any) -> Any:
    try:
        return function(x_t, state)
    except UnrolledError:
        raise
    except (Exception, SystemExit) as error:
        where = "forward" if function is cell else "gates"
        raise UserCodeError(
            f"{type(cell).__name__}.{where}(x_t, state) failed on x_t {list(x_t.shape)}: "
            f"{type(error).__name__}: {error}"
        ) from error

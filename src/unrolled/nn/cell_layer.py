"""The layers whose equations are the house's own: their weights, under torch.nn's names."""

from __future__ import annotations

import functools
import math
import numbers
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import one_hot

from unrolled.errors import InputError, ShapeError
from unrolled.kernels import recurrent, reference
from unrolled.kernels.recurrent import Dissection, Seen
from unrolled.kernels.reference import Cell, Unrolled, Weights
from unrolled.nn.door import check_device
from unrolled.nn.equation import Equation
from unrolled.nn.initialisers import initialise_cell
from unrolled.nn.layer import RecurrentLayer

__all__ = ["CellLayer", "check_options", "refuse_projection"]


class CellLayer(RecurrentLayer):
    """Abstract: a layer with weights for one of the house's cells; its subclasses are final and say which.

    The parameters of layer k are `weight_ih_l{k}`, `weight_hh_l{k}`, with bias `bias_ih_l{k}`,
    `bias_hh_l{k}`, with peepholes `peephole_l{k}`, and the same with `_reverse` for the second direction;
    rows in the cell's order of blocks.
    """

    reads_tokens = True
    input_size: int
    bias: bool
    proj_size: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        check_options(input_size, hidden_size, num_layers, bias, batch_first, dropout)
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        self.input_size = int(input_size)
        self.hidden_size = int(hidden_size)
        self.num_layers = int(num_layers)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        self.proj_size = 0
        for names, shapes in zip(self._weight_names(), self._weight_shapes(), strict=True):
            for name, shape in zip(names, shapes, strict=True):
                self.register_parameter(name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    @property
    @abstractmethod
    def cell(self) -> Cell:
        """The cell's equation."""

    @property
    def mode(self) -> str:
        """torch.nn's name for the kind of cell."""
        return type(self).__name__

    @property
    def state_names(self) -> tuple[str, ...]:
        """The fields of the state, hidden first."""
        return self.cell.state_names

    @property
    def has_forget_gate(self) -> bool:
        """Whether `forget_bias` and `chrono` have a gate to act on."""
        return "forget_gate" in self.cell.input_blocks

    @property
    def weight_dtype(self) -> torch.dtype:
        """The dtype that inputs must have."""
        weight: Tensor = self.weight_ih_l0  # type: ignore[assignment]
        return weight.dtype

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, one list per layer and direction, as torch.nn has them."""
        return [[getattr(self, name) for name in names] for names in self._weight_names()]

    def cell_weights(self, layer: int, direction: int = 0) -> Weights:
        """The weights of one layer in one direction as the cell's equation names them."""
        self._refresh()
        return self._weights(layer, direction)

    def flatten_parameters(self) -> None:
        """Do nothing: the kernels read weights where they lie. Here for code that calls torch.nn's."""

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/√H, 1/√H) in torch.nn's order: one seed gives torch.nn's weights."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -bound, bound)

    def initialise(
        self,
        name: str,
        *,
        forget_bias: float | None = None,
        chrono: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw all weights anew by a named rule, gate by gate; see `unrolled.nn.initialisers`."""
        self._require_parameters("initialise before that")
        for weights in self._all_directions():
            initialise_cell(self.cell, weights, name, forget_bias=forget_bias, chrono=chrono, generator=generator)

    def equation(self, layer: int, direction: int = 0) -> Equation:
        """The cell's equation with the weights of one layer in one direction."""
        self._require_parameters("remove_weight_norm takes that back")
        names = self._weight_names()[layer * self._directions + direction]
        kinds = {"weight_ih": "W_ih", "weight_hh": "W_hh", "bias_ih": "b_ih", "bias_hh": "b_hh", "peephole": "p"}
        fields = {name: kinds[name.partition("_l")[0]] for name in names}

        def step(x_t: Tensor, state: Any, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            given = Weights(**{field: weights[name] for name, field in fields.items()})
            named: dict[str, Tensor] = self.cell.step(x_t, state, given)._asdict()
            return named

        return Equation({name: getattr(self, name) for name in names}, step, self._named_state)

    def extra_repr(self) -> str:
        """torch.nn's."""
        parts = [str(self.input_size), str(self.hidden_size)]
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        for name, default in defaults.items():
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)

    def _named_state(self, fields: tuple[Tensor, ...]) -> Any:
        return self.cell.state(*fields)

    def _unroll(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        weights = self._fitting(layer, direction, x)
        return recurrent.unroll(self.cell, x, state, weights, lengths=lengths, reverse=direction == 1)

    def _observe(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Seen | None:
        weights = self._fitting(layer, direction, x)
        return recurrent.observe(self.cell, x, state, weights, lengths=lengths, reverse=direction == 1)

    def _dissect(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Dissection | None:
        weights = self._fitting(layer, direction, x)
        return recurrent.dissect(self.cell, x, state, weights, lengths=lengths, reverse=direction == 1)

    def _trace(self, layer: int, direction: int, x: Tensor, state: Any, lengths: Tensor | None) -> Unrolled:
        weights = self._fitting(layer, direction, x)
        if x.dim() == 2:
            x = one_hot(x, self.input_size).to(self.weight_dtype)
        return reference.unroll(self.cell, x, state, weights, lengths=lengths, reverse=direction == 1)

    def _step(self, layer: int, x: Tensor, state: Any) -> Any:
        step = self.cell.step(x, state, self._fitting(layer, 0, x))
        return self.cell.state(*(getattr(step, name) for name in self.state_names))

    def _step_through(self, x_t: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        lead = x_t.shape[:-1]
        shape, names = (self.num_layers, *lead, self.hidden_size), self.cell.state_names
        if state is None:
            fields = tuple(x_t.new_zeros(shape) for _ in names)
        else:
            fields = (state,) if isinstance(state, Tensor) else tuple(state) if isinstance(state, tuple | list) else ()
        weights = [self._parameters.get(name) for name in _in_turn(self.num_layers)]
        shapes = _shapes_in_turn(self.cell, self.input_size, self.hidden_size, self.num_layers)
        fits = (
            x_t.shape[-1] == self.input_size
            and len(fields) == len(names)
            and all(isinstance(field, Tensor) and field.shape == shape for field in fields)
            and all(w is not None for w in (*weights[:: len(_KINDS)], *weights[1 :: len(_KINDS)]))  # else computed
            and not (self.dropout > 0 and self.training)
            and all(w is None or w.shape == s for w, s in zip(weights, shapes, strict=True))
        )
        taken = recurrent.step(self.cell, x_t, fields, weights) if fits else None
        if taken is None:
            return None
        output, after = taken
        return output, after[0] if len(after) == 1 else after

    def _weights(self, layer: int, direction: int) -> Weights:
        suffix, own = _suffix(layer, direction), self._parameters

        def named(kind: str) -> Any:
            name = kind + suffix
            return own[name] if name in own else getattr(self, name)  # the latter where it is computed

        return Weights(
            named("weight_ih"),
            named("weight_hh"),
            named("bias_ih") if self.bias else None,
            named("bias_hh") if self.bias else None,
            named("peephole") if self.cell.peephole_blocks else None,
        )

    def _fitting(self, layer: int, direction: int, x: Tensor) -> Weights:
        """The weights as a call takes them: of the layer's sizes, where x is. A kernel would read on past their end."""
        weights = self._weights(layer, direction)
        read = self.input_size if layer == 0 else self.hidden_size * self._directions
        for weight, shape, kind in zip(weights, _shapes(self.cell, read, self.hidden_size), _KINDS, strict=True):
            if weight is not None and weight.shape != shape:
                name = kind + _suffix(layer, direction)
                raise ShapeError(
                    f"{type(self).__name__}: {name} must have shape {list(shape)}, but has {list(weight.shape)}"
                )
        check_device(type(self).__name__, x, "the weights are", weights.W_ih)
        return weights

    def _all_directions(self) -> list[Weights]:
        return [self._weights(k, d) for k in range(self.num_layers) for d in range(self._directions)]

    def _require_parameters(self, advice: str) -> None:
        for key in (key for keys in self._weight_names() for key in keys):
            if key not in self._parameters:
                raise InputError(f"{key} is computed from other parameters (weight_norm); {advice}")

    def _weight_names(self) -> list[list[str]]:
        kinds = ["weight_ih", "weight_hh"]
        kinds += ["bias_ih", "bias_hh"] if self.bias else []
        kinds += ["peephole"] if self.cell.peephole_blocks else []
        places = [(k, d) for k in range(self.num_layers) for d in range(self._directions)]
        return [[kind + _suffix(*place) for kind in kinds] for place in places]

    def _weight_shapes(self) -> list[list[tuple[int, ...]]]:
        shapes: list[list[tuple[int, ...]]] = []
        for k in range(self.num_layers):
            read = self.input_size if k == 0 else self.hidden_size * self._directions
            W_ih, W_hh, b_ih, b_hh, p = _shapes(self.cell, read, self.hidden_size)
            biases = [b_ih, b_hh] if self.bias else []
            shapes += [[W_ih, W_hh, *biases, *([p] if self.cell.peephole_blocks else [])]] * self._directions
        return shapes


_KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole")
"""The parameters of a layer as `Weights` orders them."""


def _shapes(cell: Cell, read: int, H: int) -> tuple[tuple[int, ...], ...]:
    """Theirs, of a layer that reads so many features."""
    rows, recurrent_rows = len(cell.input_blocks) * H, len(cell.recurrent_blocks) * H
    return (rows, read), (recurrent_rows, H), (rows,), (recurrent_rows,), (len(cell.peephole_blocks) * H,)


@functools.cache
def _shapes_in_turn(cell: Cell, read: int, H: int, layers: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of what `_in_turn` names."""
    return _shapes(cell, read, H) + _shapes(cell, H, H) * (layers - 1)


def _suffix(layer: int, direction: int) -> str:
    return f"_l{layer}{'_reverse' if direction else ''}"


@functools.cache
def _in_turn(layers: int) -> tuple[str, ...]:
    """The names of all parameters that a stack in one direction can have."""
    return tuple(f"{kind}_l{layer}" for layer in range(layers) for kind in _KINDS)


def refuse_projection(proj_size: int) -> None:
    """Stop at a projection, which none of the house's cells has.

    Raises:
        InputError: proj_size is not 0.
    """
    if proj_size != 0:
        raise InputError(f"proj_size={proj_size!r} is not supported: only 0 is; torch.nn.LSTM has projections")


def check_options(
    input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, dropout: Any
) -> None:
    """What every recurrent layer is made with.

    Raises:
        InputError: an argument that cannot be used.
    """
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if not isinstance(size, numbers.Integral) or isinstance(size, bool) or size <= 0:
            raise InputError(f"{name} must be an integer above zero, not {size!r}")
    for name, switch in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(switch, bool):
            raise InputError(f"{name} must be True or False, not {switch!r}")
    if not isinstance(dropout, numbers.Real) or isinstance(dropout, bool) or not 0 <= float(dropout) <= 1:
        raise InputError(f"dropout must be a probability in [0, 1], not {dropout!r}")

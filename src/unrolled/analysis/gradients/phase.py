"""Where gradients vanish, live or explode: a map over the scale of W_hh and one thing more.

Report A says that a gradient vanishes where "values of W_hh" are below 1 and explodes where they are above. What
decides is the product of the Jacobians (`jacobians.py`). For a vanilla RNN that is diag(1 - h²) W_hh: the singular
values of W_hh and the slopes 1 - h², which a strong input makes small. For a cell with a forget gate it is the
gate: c keeps σ(bias) of its gradient at every step whatever W_hh is.

So the map of an RNN (and of a GRU, which has no forget gate) has the scale of the input weights as its second axis,
that of an LSTM the forget bias.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from unrolled.analysis.gradients.spectra import scale_recurrent_weights
from unrolled.analysis.gradients.states import state_gradients
from unrolled.data import DecimalPalindromes
from unrolled.errors import InputError
from unrolled.nn import CellLayer
from unrolled.spec import ModelSpec, build_model, is_user_cell

__all__ = ["FORGET_BIASES", "INPUT_SCALES", "SCALES", "PhaseDiagram", "PhasePoint", "phase_diagram", "phase_points"]

SCALES = (0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 8.0)
FORGET_BIASES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0)
INPUT_SCALES = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

FACTOR = 1000.0
"""Over the whole sequence: less than a thousandth is left, vanished; more than a thousandfold, exploded."""

_FLOOR = 1e-300
"""A gradient below it is taken for it: a logarithm has no place for zero."""


@dataclass(frozen=True)
class PhasePoint:
    """One network of the map.

    Attributes:
        scale: s, every block of W_hh is N(0, s²/H).
        other: the forget bias, or the scale of the input weights.
        powers_of_ten: log₁₀ of ‖∂L/∂s_1‖ over ‖∂L/∂s_T‖.
        mean_slope: mean of 1 - h² over units, steps and sequences, of a tanh RNN; None for other cells.
    """

    scale: float
    other: float
    powers_of_ten: float
    mean_slope: float | None

    @property
    def phase(self) -> Literal["vanishes", "lives", "explodes"]:
        """By `FACTOR`."""
        edge = math.log10(FACTOR)
        return "vanishes" if self.powers_of_ten < -edge else "explodes" if self.powers_of_ten > edge else "lives"


@dataclass(frozen=True)
class PhaseDiagram:
    """The map: what is left of a gradient after T steps.

    Attributes:
        cell: its name in the table of cells.
        field: of the state, "memory" where there is one.
        other: what the second axis is, "forget bias" or "scale of W_ih".
        steps: T.
        hidden: H.
        points: one a network, row by row: the first scale's, …
    """

    cell: str
    field: str
    other: str
    steps: int
    hidden: int
    points: tuple[PhasePoint, ...]

    @property
    def scales(self) -> tuple[float, ...]:
        """The first axis, ascending."""
        return tuple(sorted({point.scale for point in self.points}))

    @property
    def others(self) -> tuple[float, ...]:
        """The second axis, ascending."""
        return tuple(sorted({point.other for point in self.points}))

    def at(self, scale: float, other: float) -> PhasePoint:
        """The point of one network."""
        return next(point for point in self.points if (point.scale, point.other) == (scale, other))


def phase_points(
    spec: ModelSpec,
    *,
    steps: int = 100,
    batch: int = 8,
    seed: int = 0,
    scales: Sequence[float] = SCALES,
    others: Sequence[float] | None = None,
) -> Iterator[PhasePoint]:
    """Untrained networks at every place of the map, one after the other.

    Args:
        spec: the network; its own forget bias is overruled.
        steps: T, digits that are read.
        batch: sequences averaged over.
        seed: of the weights and the digits, the same at every place.
        scales: of W_hh.
        others: forget biases, or scales of W_ih for a cell without a forget gate.

    Raises:
        InputError: a user's own cell, whose recurrent weights nobody knows, or fewer than 2 steps.
    """
    if steps < 2:
        raise InputError(f"steps is {steps}: a gradient takes 2 or more to change")
    if is_user_cell(spec.cell):
        raise InputError(f"{spec.cell!r} is not a cell of the house: which weights are recurrent is not known")
    task = DecimalPalindromes(length=steps + 1)
    drawn = task.sample(batch, torch.Generator().manual_seed(seed))
    forgets, others = _second_axis(spec, others)
    for scale in scales:
        for other in others:
            wanted = replace(spec, forget_bias=other, chrono=None) if forgets else spec
            model = build_model(wanted, task, torch.Generator().manual_seed(seed))
            layer = model.layer
            assert isinstance(layer, CellLayer)
            scale_recurrent_weights(layer, scale, kind="normal", generator=torch.Generator().manual_seed(seed + 1))
            if not forgets:
                with torch.no_grad():
                    for weights in layer.all_weights:
                        weights[0].mul_(other)
            found = state_gradients(model, drawn.inputs, drawn.targets, contributions=False)
            norms = found.norms[_field(layer)]
            ratio = math.log10(max(norms[0], _FLOOR)) - math.log10(max(norms[-1], _FLOOR))
            yield PhasePoint(scale, other, ratio, _mean_slope(layer, model, drawn.inputs))


def phase_diagram(spec: ModelSpec, points: Iterable[PhasePoint], *, steps: int = 100) -> PhaseDiagram:
    """The map of points that `phase_points` gave for the same ``spec`` and ``steps``."""
    forgets, _ = _second_axis(spec, None)
    memory = "memory" if spec.cell not in ("rnn", "gru") else "hidden"
    other = "forget bias" if forgets else "scale of W_ih"
    return PhaseDiagram(spec.cell, memory, other, steps, spec.hidden, tuple(points))


def _second_axis(spec: ModelSpec, others: Sequence[float] | None) -> tuple[bool, Sequence[float]]:
    forgets = spec.cell not in ("rnn", "gru")
    return forgets, others if others is not None else FORGET_BIASES if forgets else INPUT_SCALES


def _field(layer: CellLayer) -> str:
    return layer.state_names[-1]


def _mean_slope(layer: CellLayer, model: torch.nn.Module, inputs: torch.Tensor) -> float | None:
    if layer.cell.name != "rnn-tanh":
        return None
    with torch.no_grad():
        hidden = layer(model.coding(inputs))[0]  # type: ignore[operator]
        return float((1 - hidden**2).mean())

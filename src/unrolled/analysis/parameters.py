"""How many parameters each cell has: by counting, by formula, with and without the output layer, one bias or
two.

Reports give one number for "the LSTM" and mean different ones: with n = 128, d = 10 and K = 10, report A's
formula 4(nd + n² + n) + nK + K says 72 458, torch's nn.LSTM alone has 71 680, and without the output layer
A's core is 71 168.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from unrolled.errors import UnknownName
from unrolled.nn import CELL_LAYERS, CellLayer, SequenceClassifier, count_parameters, single_bias

__all__ = ["ParameterRow", "parameter_table"]


@dataclass(frozen=True)
class ParameterRow:
    """One cell with one way of having biases.

    Attributes:
        cell: its name in the table of cells.
        n: units.
        d: input size.
        classes: K, outputs.
        bias: "one" vector per gate (the equations) or "two" (torch).
        formula: of core and output layer, in letters.
        core_by_formula: the recurrent layer's, by formula.
        core_counted: the same, counted on the layer.
        total_counted: with the output layer's nK + K.
    """

    cell: str
    n: int
    d: int
    classes: int
    bias: Literal["one", "two"]
    formula: str
    core_by_formula: int
    core_counted: int
    total_counted: int


def parameter_table(
    *, n: int = 128, d: int = 10, classes: int = 10, cells: Iterable[str] = tuple(CELL_LAYERS)
) -> tuple[ParameterRow, ...]:
    """Two rows for each cell: one bias vector per gate, then two.

    Args:
        n: units, at least 1.
        d: input size, the number of symbols under one-hot input.
        classes: K, at least 1.
        cells: names of built-in cells.

    Raises:
        UnknownName: no such cell.
        InputError: a size below 1.
    """
    return tuple(_row(cell, n, d, classes, bias) for cell in cells for bias in _BIASES)


_BIASES: tuple[Literal["one", "two"], ...] = ("one", "two")


def _row(cell: str, n: int, d: int, classes: int, bias: Literal["one", "two"]) -> ParameterRow:
    if cell not in CELL_LAYERS:
        raise UnknownName("cell", cell, CELL_LAYERS)
    build: Callable[..., CellLayer] = CELL_LAYERS[cell]
    layer = build(d, n)
    if bias == "one":
        single_bias(layer)
    model = SequenceClassifier(layer, symbols=d, classes=classes)
    count = count_parameters(model)
    assert count.formula is not None
    assert count.formula_core is not None
    return ParameterRow(
        cell=cell,
        n=n,
        d=d,
        classes=classes,
        bias=bias,
        formula=count.formula,
        core_by_formula=count.formula_core,
        core_counted=count.core,
        total_counted=count.total,
    )

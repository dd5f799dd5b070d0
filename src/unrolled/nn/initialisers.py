"""Initialisers by name, each acting on every gate's own block of rows, not on the stacked matrix.

A gate's block is what the equations call W_f; the stacked [4H, I] matrix that torch keeps has another
fan-out, and Xavier's bound on it is too small by a factor of about 1.6 (spec: the block solves L = 20 in
half the steps).

    torch        every weight and bias U(-1/√H, 1/√H)
    xavier       blocks U(±√(6 / (fan_in + fan_out))), vectors 0
    kaiming      blocks N(0, 2 / fan_in), vectors 0
    orthogonal   recurrent blocks orthogonal, input blocks as xavier, vectors 0
    normal       every weight and bias N(0, 1): report A's

Vectors are the biases and the peepholes. A frozen second bias (`single_bias`) stays as it is.

Sources: Glorot & Bengio 2010; He et al. 2015; Saxe et al. 2014; Tallec & Ollivier, *Can recurrent neural
networks warp time?*, 2018, for `chrono`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import init

from unrolled.errors import InputError, UnknownName
from unrolled.kernels.reference import Cell, Weights

__all__ = [
    "INITIALISERS",
    "Rule",
    "initialise",
    "initialise_cell",
    "initialise_linear",
    "initialise_parameters",
    "rule_named",
]

Fill = Callable[[Tensor, int, Generator | None], object]
"""Fill a block or a vector in place, given H and a generator."""


class Rule(NamedTuple):
    """How to draw an input block [H,I], a recurrent block [H,H] and a vector [H]."""

    input: Fill
    recurrent: Fill
    vector: Fill


def _uniform(block: Tensor, H: int, generator: Generator | None) -> None:
    init.uniform_(block, -1 / math.sqrt(H), 1 / math.sqrt(H), generator=generator)


def _xavier(block: Tensor, H: int, generator: Generator | None) -> None:
    init.xavier_uniform_(block, generator=generator)


def _kaiming(block: Tensor, H: int, generator: Generator | None) -> None:
    init.kaiming_normal_(block, generator=generator)


def _orthogonal(block: Tensor, H: int, generator: Generator | None) -> None:
    init.orthogonal_(block, generator=generator)


def _normal(block: Tensor, H: int, generator: Generator | None) -> None:
    init.normal_(block, generator=generator)


def _zero(block: Tensor, H: int, generator: Generator | None) -> None:
    init.zeros_(block)


INITIALISERS: dict[str, Rule] = {
    "torch": Rule(_uniform, _uniform, _uniform),
    "xavier": Rule(_xavier, _xavier, _zero),
    "kaiming": Rule(_kaiming, _kaiming, _zero),
    "orthogonal": Rule(_xavier, _orthogonal, _zero),
    "normal": Rule(_normal, _normal, _normal),
}


def rule_named(name: str) -> Rule:
    """Look a rule up.

    Raises:
        UnknownName: there is no such initialiser.
    """
    if name not in INITIALISERS:
        raise UnknownName("initialiser", name, INITIALISERS)
    return INITIALISERS[name]


def initialise(
    module: torch.nn.Module,
    name: str,
    *,
    forget_bias: float | None = None,
    chrono: float | None = None,
    generator: Generator | None = None,
) -> None:
    """Draw all weights of a layer or model anew: `module.initialise(name, ...)`, see `initialise_cell`.

    Raises:
        UnknownName: no such initialiser.
        InputError: a forget bias that the cell has no place for, or a module that is not the house's.
    """
    if not hasattr(module, "initialise"):
        raise InputError(f"{type(module).__name__} cannot be initialised by name; convert torch's layers first")
    chosen: Any = module
    chosen.initialise(name, forget_bias=forget_bias, chrono=chrono, generator=generator)


def initialise_cell(
    cell: Cell,
    weights: Weights,
    name: str,
    *,
    forget_bias: float | None = None,
    chrono: float | None = None,
    generator: Generator | None = None,
) -> None:
    """Draw the weights of one layer in one direction, in place.

        forget_bias:  b_f = forget_bias
        chrono:       b_f = log u,  b_i = -b_f,  u ~ U(1, T_max - 1)

    where b_f and b_i are the sums of both bias vectors: the whole of it is written to the first, the second
    is zero.

    Args:
        cell: says which block is which gate's.
        weights: the parameters to fill.
        name: one of INITIALISERS.
        forget_bias: the forget gate's bias.
        chrono: T_max, the longest memory expected, in steps, above 2.
        generator: where the randomness comes from; torch's own if None.

    Raises:
        UnknownName: no such initialiser.
        InputError: a forget bias for a cell without a forget gate or without biases, both kinds at once, or
            T_max ≤ 2.
    """
    rule = rule_named(name)
    _check_forget(cell, weights, forget_bias, chrono)
    W_ih, W_hh, b_ih, b_hh, p = weights
    H = W_hh.shape[1]
    _fill(W_ih, H, rule.input, generator)
    _fill(W_hh, H, rule.recurrent, generator)
    for vector in (b_ih, b_hh, p):
        if vector is not None and (vector is not b_hh or vector.requires_grad):
            _fill(vector, H, rule.vector, generator)
    if forget_bias is not None:
        _set_bias(cell, weights, "forget_gate", torch.full((H,), float(forget_bias)))
    if chrono is not None:
        b_f = torch.empty(H, device=None if generator is None else generator.device)
        b_f.uniform_(1, chrono - 1, generator=generator).log_()
        _set_bias(cell, weights, "forget_gate", b_f)
        _set_bias(cell, weights, "input_gate", -b_f)


def initialise_parameters(module: torch.nn.Module, H: int, name: str, *, generator: Generator | None = None) -> None:
    """Draw the parameters of a cell that the house does not know, in place.

    A matrix of k·H rows is k blocks; a square block is drawn as a recurrent one; a vector or scalar as a
    vector.
    """
    rule = rule_named(name)
    for parameter in module.parameters():
        if parameter.dim() < 2:
            _fill(parameter, max(1, len(parameter.reshape(-1))), _with_size(rule.vector, H), generator)
        else:
            rows = H if parameter.shape[0] % H == 0 else parameter.shape[0]
            square = parameter.dim() == 2 and parameter.shape[1] == rows
            _fill(parameter, rows, _with_size(rule.recurrent if square else rule.input, H), generator)


def _with_size(fill: Fill, H: int) -> Fill:
    return lambda block, _, generator: fill(block, H, generator)


def _fill(tensor: Tensor, rows: int, fill: Fill, generator: Generator | None) -> None:
    """Fill each block of `rows` rows; drawn in float32 or more, where the generator lives, then copied."""
    device = tensor.device if generator is None else generator.device
    dtype = torch.promote_types(tensor.dtype, torch.float32)
    with torch.no_grad():
        for block in torch.split(tensor, rows) if tensor.dim() else (tensor,):
            fresh = torch.empty(block.shape, device=device, dtype=dtype)
            fill(fresh, rows, generator)
            block.copy_(fresh)


def _check_forget(cell: Cell, weights: Weights, forget_bias: float | None, chrono: float | None) -> None:
    if forget_bias is None and chrono is None:
        return
    given = "forget_bias" if chrono is None else "chrono"
    if forget_bias is not None and chrono is not None:
        raise InputError("forget_bias and chrono both set the forget gate's bias; give one of them")
    if "forget_gate" not in cell.input_blocks:
        raise InputError(f"{given} needs a forget gate, and the cell {cell.name!r} has none")
    if weights.b_ih is None:
        raise InputError(f"{given} needs a bias, and the layer was made with bias=False")
    if chrono is not None and not chrono > 2:
        raise InputError(f"chrono is T_max, a number of steps above 2, not {chrono!r}")


def _set_bias(cell: Cell, weights: Weights, gate: str, values: Tensor) -> None:
    H = len(values)
    with torch.no_grad():
        for vector, blocks in ((weights.b_ih, cell.input_blocks), (weights.b_hh, cell.recurrent_blocks)):
            if vector is not None and gate in blocks:
                start = blocks.index(gate) * H
                vector[start : start + H] = values if vector is weights.b_ih else torch.zeros_like(values)


def initialise_linear(linear: torch.nn.Linear, name: str, *, generator: Generator | None = None) -> None:
    """Draw an output layer by the same rule, as one block; `normal` draws its bias too, as report A did."""
    rule = rule_named(name)
    _fill(linear.weight, linear.out_features, _with_size(rule.recurrent, linear.in_features), generator)
    if linear.bias is not None:
        _fill(linear.bias, linear.out_features, _with_size(rule.vector, linear.in_features), generator)

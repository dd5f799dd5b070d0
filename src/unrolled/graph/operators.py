"""A graph's matrices, by name: the adjacency as it is, or normalised by degrees.

    none         A        y_i = Σ_{j→i} w_ji x_j
    random-walk  D⁻¹A     each receiver's weights add up to one (0 for a node that receives nothing)
    symmetric    D⁻½AD⁻½  Kipf and Welling's Â once self loops are in; its rows do *not* add up to one in
    general

D holds what each node receives, D_i = Σ_{j→i} w_ji, on both sides, as PyG has it; in a directed graph the
senders' factor is their in-degree too.  A node of degree 0 has factor 0.  Several edges between the same
nodes add up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.errors import InputError, UnknownName
from unrolled.kernels import segments
from unrolled.kernels.sparse import Operator, Pattern

__all__ = ["NORMALISATIONS", "each_greatest", "laplacian", "normalised", "scaled"]

NORMALISATIONS = {"none": "A", "random-walk": "D⁻¹A", "symmetric": "D⁻½AD⁻½"}
"""The ways to normalise an adjacency matrix, by name."""


def normalised(pattern: Pattern, weights: Tensor, normalisation: str, degree: Tensor | None = None) -> Operator:
    """The operator of an adjacency matrix.

    Args:
        pattern: rows receive, columns send.
        weights: ``[E]`` in the pattern's order; gradients flow through the degrees too.
        normalisation: a name of `NORMALISATIONS`.
        degree: ``[N]``, D where it is not what the weights add up to: in a sample.

    Raises:
        UnknownName: no such normalisation.
        InputError: ``symmetric`` where a degree is negative.
    """
    if normalisation not in NORMALISATIONS:
        raise UnknownName("normalisation", normalisation, NORMALISATIONS)
    if normalisation == "none":
        return Operator(pattern, weights)
    factor = _factor(segments.total(pattern, weights) if degree is None else degree, normalisation)
    values = weights * segments.gather(pattern.row_end, factor)
    if normalisation == "symmetric":
        values = values * segments.gather(pattern.column_end, factor)
    return Operator(pattern, values)


def laplacian(pattern: Pattern, weights: Tensor, normalisation: str) -> Operator:
    """``D - A``, ``I - D⁻½AD⁻½`` or ``I - AD⁻¹`` of an adjacency whose loops are there and weigh nothing.

    Here D holds what each node *sends*, as in PyG; the diagonal of a normalised Laplacian is 1 everywhere.

    Args:
        pattern: rows receive, columns send; one loop at each node.
        weights: ``[E]`` in the pattern's order, 0 on loops.
        normalisation: a name of `NORMALISATIONS`.

    Raises:
        UnknownName: no such normalisation.
        InputError: ``symmetric`` where a degree is negative.
    """
    if normalisation not in NORMALISATIONS:
        raise UnknownName("normalisation", normalisation, NORMALISATIONS)
    diagonal = (pattern.row == pattern.index).to(weights.dtype)
    degree = segments.collect(pattern.column_end, weights)
    if normalisation == "none":
        return Operator(pattern, diagonal * segments.gather(pattern.row_end, degree) - weights)
    factor = segments.gather(pattern.column_end, _factor(degree, normalisation))
    if normalisation == "symmetric":
        factor = factor * segments.gather(pattern.row_end, _factor(degree, normalisation))
    return Operator(pattern, diagonal - weights * factor)


def scaled(laplacian: Operator, lambda_max: Tensor | float | None) -> Operator:
    """``L̂ = 2 L / λ_max - I``; λ_max a number, one an entry, or None: twice the greatest entry."""
    pattern, values = laplacian.pattern, laplacian.values
    if lambda_max is None:
        lambda_max = 2.0 * values.max() if values.numel() else 1.0  # no node, no edge: nothing to scale
    values = 2.0 * values / lambda_max
    values = torch.where(torch.isfinite(values), values, torch.zeros_like(values))
    return Operator(pattern, values - (pattern.row == pattern.index).to(values.dtype))


def each_greatest(laplacian: Operator, membership: Tensor, graphs: int) -> Tensor:
    """Twice the greatest entry of each entry's own graph, of a batch's Laplacian."""
    owner = membership[laplacian.pattern.index.long()]
    greatest = laplacian.values.new_full((graphs,), -torch.inf).scatter_reduce(0, owner, laplacian.values, "amax")
    return 2.0 * greatest[owner]


def _factor(degree: Tensor, normalisation: str) -> Tensor:
    """``D⁻½`` or ``D⁻¹``, with 0 for a degree of 0."""
    present = degree > 0 if normalisation == "symmetric" else degree != 0
    if normalisation == "symmetric" and bool((degree < 0).any()):
        node = int((degree < 0).nonzero()[0])
        raise InputError(
            f"node {node} has degree {float(degree[node]):.6g}, and D^-1/2 needs degrees ≥ 0; "
            "'random-walk' or 'none' would do"
        )
    degree = torch.where(present, degree, torch.ones_like(degree))
    power = degree.rsqrt() if normalisation == "symmetric" else degree.reciprocal()
    return torch.where(present, power, torch.zeros_like(power))

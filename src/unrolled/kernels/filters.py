"""Filters of a graph: what a node reads of its neighbourhood, term by term, with weights still to come.

    Z = [P₀x ‖ P₁x ‖ …]        P_m: a polynomial in one of the graph's sparse matrices S

    one step      S x
    Chebyshev     T₀ = x,  T₁ = S x,  T_k = 2 S T_{k-1} - T_{k-2}          k < K
    diffusion     x,  then Sᵏx for each S                                  k = 1 … K-1

A graph convolution is a filter and then one dense product, Z Wᵀ, with W's columns in blocks as Z's; of several
convolutions of the same x (the gates of a cell) the filter is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.kernels.sparse import Operator, block_diagonal

__all__ = ["Filter", "side_by_side"]


@dataclass(frozen=True, eq=False)
class Filter:
    """``filter(x)``: ``[…, N, F] → […, N, M·F]``, differentiable any number of times.

    Args:
        operators: the sparse matrices S, square and of one size.
        powers: the highest k.
        identity: whether x itself is a term.
        chebyshev: the recurrence of Chebyshev's polynomials instead of powers.
    """

    operators: tuple[Operator, ...]
    powers: int
    identity: bool
    chebyshev: bool

    @property
    def terms(self) -> int:
        """M."""
        return int(self.identity) + len(self.operators) * self.powers

    def __call__(self, x: Tensor) -> Tensor:
        """All terms of ``x``, beside each other."""
        terms = [x] if self.identity else []
        for operator in self.operators:
            before, z = x, x
            for k in range(1, self.powers + 1):
                step = operator @ z
                before, z = z, 2.0 * step - before if self.chebyshev and k > 1 else step
                terms.append(z)
        return terms[0] if len(terms) == 1 else torch.cat(terms, -1)


def side_by_side(filters: Sequence[Filter]) -> Filter:
    """The filter of all the graphs as one, which do not meet: ``[…, ΣN, F] → […, ΣN, M·F]``."""
    first = filters[0]
    operators = zip(*(each.operators for each in filters), strict=True)
    joined = tuple(block_diagonal(blocks) for blocks in operators)
    return Filter(joined, first.powers, first.identity, first.chebyshev)

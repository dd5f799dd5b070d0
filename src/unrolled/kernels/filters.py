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

from unrolled.kernels.sparse import Operator, block_diagonal, multiply_into

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

    @property
    def constant(self) -> bool:
        """Whether no matrix is being learnt."""
        return not any(operator.values.requires_grad for operator in self.operators)

    @property
    def slots(self) -> int:
        """Of a block that `fill` fills: x itself, and what is made of it."""
        return 1 + len(self.operators) * self.powers

    def fill(self, block: Tensor) -> None:
        """From x in slot 0 of a block [B,N,slots,F] all others, in place; no gradient."""
        slots = block.unbind(2)
        for number, operator in enumerate(self.operators):
            before, z = slots[0], slots[0]
            for k in range(1, self.powers + 1):
                into = slots[number * self.powers + k]
                doubled = self.chebyshev and k > 1
                multiply_into(
                    into,
                    operator.pattern,
                    operator.values,
                    z,
                    scale=2.0 if doubled else 1.0,
                    add=before if doubled else None,
                    add_scale=-1.0,
                )
                before, z = z, into

    def fold(self, block: Tensor) -> Tensor:
        """The transpose of `fill`: from the gradient of each slot that of x, in slot 0, the others used up."""
        slots = block.unbind(2)
        for number, operator in enumerate(self.operators):
            turned = operator.turned
            assert turned is not None, "a filter that is being learnt has no transpose to keep"
            chain = (slots[0], *slots[1 + number * self.powers : 1 + (number + 1) * self.powers])
            for k in range(self.powers, 0, -1):
                doubled = self.chebyshev and k > 1
                scale = 2.0 if doubled else 1.0
                below = chain[k - 1]
                multiply_into(below, operator.pattern.transposed, turned, chain[k], scale=scale, add=below)
                if doubled:
                    chain[k - 2].sub_(chain[k])
        return slots[0]

    def terms_of(self, block: Tensor) -> Tensor:
        """The terms of a filled block [B,N,slots,F] beside each other, [B·N, M·F], where they lie."""
        B, N, slots, F = block.shape
        return block.view(B * N, slots * F)[:, 0 if self.identity else F :]


def side_by_side(filters: Sequence[Filter]) -> Filter:
    """The filter of all the graphs as one, which do not meet: ``[…, ΣN, F] → […, ΣN, M·F]``."""
    first = filters[0]
    operators = zip(*(each.operators for each in filters), strict=True)
    joined = tuple(block_diagonal(blocks) for blocks in operators)
    return Filter(joined, first.powers, first.identity, first.chebyshev)

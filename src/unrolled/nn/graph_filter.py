"""Which filter a graph convolution inside a cell has: by name, and made for each graph from what the graph keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels.filters import Filter

__all__ = ["FILTERS", "FilterKind", "kind_of"]

FILTERS = {
    "cheb": "Chebyshev polynomials of the scaled Laplacian, degrees 0 … K-1, as ChebConv",
    "gcn": "one step of Â, as GCNConv",
    "diffusion": "steps 0 … K-1 of a walk along the edges and of one against them, as DCRNN",
}
"""The filters by name."""

_NORMALISATIONS = {None: "none", "sym": "symmetric", "rw": "random-walk"}


@dataclass(frozen=True)
class FilterKind:
    """A filter without its graph.

    Args:
        name: one of `FILTERS`.
        K: how many powers, the zeroth among them; 1 for ``gcn``.
        normalization: of the Laplacian: None, ``sym`` or ``rw``, as in ChebConv; the other filters have their own.
        lambda_max: the Laplacian's greatest eigenvalue, None for ChebConv's choice.

    Raises:
        UnknownName: no such filter or normalisation.
        InputError: a K that is none, or that this filter does not have.
    """

    name: str
    K: int
    normalization: str | None = "sym"
    lambda_max: float | None = None

    def __post_init__(self) -> None:
        if self.name not in FILTERS:
            raise UnknownName("filter", self.name, FILTERS)
        if self.normalization not in _NORMALISATIONS:
            raise UnknownName("normalization", self.normalization, [str(name) for name in _NORMALISATIONS])
        if not isinstance(self.K, int) or isinstance(self.K, bool) or self.K < 1:
            raise InputError(f"K={self.K!r}; one whole number of 1 or more would do")
        if self.name == "gcn" and self.K != 1:
            raise InputError(f"filter 'gcn' is one step of Â, K=1, not {self.K}; 'cheb' has K terms")

        if self.lambda_max is not None and not self.lambda_max > 0:
            raise InputError(f"lambda_max={self.lambda_max!r}; a number above 0 would do, or None")

    @property
    def terms(self) -> int:
        """M, how many terms the filter puts beside each other."""
        return 2 * self.K - 1 if self.name == "diffusion" else self.K

    def on(self, graph: Graph, dtype: torch.dtype) -> Filter:
        """The filter of a graph, from the matrices that the graph keeps."""
        if self.name == "gcn":
            return Filter((graph.operator("symmetric", self_loops="remaining", dtype=dtype),), 1, False, False)
        if self.name == "cheb":
            scaled = graph.scaled_laplacian(_NORMALISATIONS[self.normalization], self.lambda_max, dtype=dtype)
            return Filter((scaled,), self.K - 1, True, True)
        along, against = graph.walk(dtype=dtype), graph.operator("random-walk", dtype=dtype)
        return Filter((along, against), self.K - 1, True, False)

    def __str__(self) -> str:
        parts: dict[str, Any] = {"K": self.K} if self.name != "gcn" else {}
        if self.name == "cheb" and self.normalization != "sym":
            parts["normalization"] = self.normalization
        return ", ".join([repr(self.name), *(f"{name}={value!r}" for name, value in parts.items())])


def kind_of(name: str, K: int | None, normalization: str | None, lambda_max: float | None) -> FilterKind:
    """The filter that a layer of Seo's was asked for: ``cheb`` of 2 terms unless K says otherwise, or ``gcn``.

    Raises:
        UnknownName: no such filter or normalisation.
        InputError: a K or λ_max that cannot be.
    """
    if name not in ("cheb", "gcn"):
        raise UnknownName("filter", name, ("cheb", "gcn"))
    usual = 2 if name == "cheb" else 1
    return FilterKind(name, usual if K is None else K, normalization, lambda_max)

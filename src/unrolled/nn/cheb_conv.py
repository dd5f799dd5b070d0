"""`ChebConv`: spectral filters as Chebyshev polynomials of the Laplacian, with PyG's door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.graph.operators import scaled
from unrolled.kernels.sparse import Operator
from unrolled.nn.graph_input import check_channels, check_features, fitted, glorot, new_bias, refuse

__all__ = ["ChebConv"]

_NORMALISATIONS = {None: "none", "sym": "symmetric", "rw": "random-walk"}


class ChebConv(nn.Module):
    """A polynomial of degree K-1 in the scaled Laplacian, so that a node hears exactly K-1 hops.

        Y   = Σ_{k<K} Z_k W_kᵀ + b
        Z_0 = X,  Z_1 = L̂ X,  Z_k = 2 L̂ Z_{k-1} - Z_{k-2}
        L̂   = 2 L / λ_max - I

    L is D - A, I - D^-1/2 A D^-1/2 (``sym``) or I - A D⁻¹ (``rw``), of the graph without its loops; D holds
    what each node *sends*, as in PyG (for undirected graphs it is the same).  λ_max is by default twice L's
    greatest entry, PyG's choice: 2 for ``sym`` and ``rw``.

    x ``[N, I]`` → ``[N, O]``; leading axes ``[B, N, I]`` share the graph.

    From Defferrard, Bresson & Vandergheynst 2016 (arXiv:1606.09375).  Arguments, call and state_dict are
    PyG's.

    Args:
        in_channels: I.
        out_channels: O.
        K: how many terms.
        normalization: None, ``sym`` or ``rw``.
        bias: whether there is b.
        options: PyG's further arguments, at their defaults.

    Raises:
        UnknownName: no such normalisation.
        InputError: an argument that is not offered.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int,
        normalization: str | None = "sym",
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        refuse("ChebConv", options)
        check_channels("ChebConv", in_channels=in_channels, out_channels=out_channels, K=K)
        if normalization not in _NORMALISATIONS:
            raise UnknownName("normalization", normalization, [str(name) for name in _NORMALISATIONS])
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalization = normalization
        self.lins = nn.ModuleList(nn.Linear(in_channels, out_channels, bias=False) for _ in range(K))
        self.bias = new_bias(out_channels, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every W from Glorot's uniform distribution and set b to zero."""
        glorot(*(lin.weight for lin in self.lins if isinstance(lin.weight, Tensor)))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        lambda_max: Tensor | float | None = None,
    ) -> Tensor:
        """``[…, N, I] → […, N, O]``.

        Args:
            x: features.
            edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix whose rows receive.
            edge_weight: ``[E]``.
            batch: ``[N]``, which small graph each node is in, where ``lambda_max`` has one for each.
            lambda_max: the Laplacian's greatest eigenvalue, one or one a graph.

        Raises:
            InputError, ShapeError: features or edges that do not fit.
        """
        check_features(x, self.in_channels, next(self.parameters()))
        graph = fitted(x, edge_index, edge_weight)
        first, *others = self.lins
        y: Tensor = first(x)
        if others:
            membership = graph.membership if batch is None else batch
            scaled = _scaled_laplacian(graph, _NORMALISATIONS[self.normalization], lambda_max, membership, x.dtype)
            before, z = x, scaled @ x
            y = y + others[0](z)
            for lin in others[1:]:
                before, z = z, 2.0 * (scaled @ z) - before
                y = y + lin(z)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """The arguments that matter."""
        sizes = f"{self.in_channels}, {self.out_channels}, K={len(self.lins)}"
        return f"{sizes}, normalization={self.normalization!r}"


def _scaled_laplacian(
    graph: Graph,
    normalisation: str,
    lambda_max: Tensor | float | None,
    membership: Tensor | None,
    dtype: torch.dtype,
) -> Operator:
    """``L̂ = 2 L / λ_max - I``."""
    if lambda_max is not None and not bool(torch.as_tensor((lambda_max > 0) & (lambda_max < torch.inf)).all()):
        raise InputError(f"lambda_max={lambda_max!r}; finite numbers above 0 would do, or None")
    if not isinstance(lambda_max, Tensor):
        return graph.scaled_laplacian(normalisation, lambda_max, dtype=dtype)
    laplacian = graph.laplacian(normalisation, dtype=dtype)
    if lambda_max.numel() > 1:
        if membership is None:
            raise InputError(f"{lambda_max.numel()} values of lambda_max, but no batch says which node is whose")
        lambda_max = lambda_max.to(dtype)[membership[laplacian.pattern.index.long()]]
    return scaled(laplacian, lambda_max)

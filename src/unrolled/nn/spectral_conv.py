"""`SpectralConv`: convolution in the graph's own Fourier basis, exactly; for small graphs that stay as they
are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph
from unrolled.nn.graph_input import check_channels, check_features, fitted, new_bias

__all__ = ["SpectralConv"]

LARGEST = 5000
"""The most nodes whose eigenvectors are computed: N² numbers and N³ operations."""


class SpectralConv(nn.Module):
    """A learnt filter for each frequency of one graph.

        L = U diag(λ) Uᵀ,   x̂ = Uᵀ X,   ŷ_m = x̂_m Θ_m,   Y = U ŷ + b

    U's first M columns are used, the smoothest; M = N with Θ_m = I for all m is the identity.  The weights
    belong to the frequencies of this graph: another graph, or one more node, needs new ones, and every node
    hears every other at once; where frequencies coincide, their basis is the eigensolver's choice.  That is
    what `ChebConv` and `GCNConv` give up exactness to avoid.

    x ``[N, I]`` → ``[N, O]``; leading axes ``[B, N, I]`` share the graph.

    From Bruna et al. 2014 (arXiv:1312.6203), with the symmetric normalised Laplacian.

    Args:
        in_channels: I.
        out_channels: O.
        frequencies: M.
        bias: whether there is b.

    Raises:
        InputError: a size below 1.
    """

    def __init__(self, in_channels: int, out_channels: int, frequencies: int, bias: bool = True) -> None:
        super().__init__()
        check_channels("SpectralConv", in_channels=in_channels, out_channels=out_channels, frequencies=frequencies)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.frequencies = frequencies
        self.theta = nn.Parameter(torch.empty(frequencies, in_channels, out_channels))
        self.bias = new_bias(out_channels, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw each Θ_m from Glorot's uniform distribution and set b to zero."""
        bound = (6.0 / (self.in_channels + self.out_channels)) ** 0.5
        nn.init.uniform_(self.theta, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """``[…, N, I] → […, N, O]``.

        Args:
            x: features.
            edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix; undirected.
            edge_weight: ``[E]``, the same both ways.

        Raises:
            InputError: a directed graph, one of more than 5000 nodes, or of fewer than M.
        """
        check_features(x, self.in_channels, self.theta)
        basis = frequencies(fitted(x, edge_index, edge_weight), self.frequencies)[1].to(x.dtype)
        spectrum = torch.einsum("nm,...ni->...mi", basis, x)
        filtered = torch.einsum("...mi,mio->...mo", spectrum, self.theta)
        y = torch.einsum("nm,...mo->...no", basis, filtered)
        return y if self.bias is None else y + self.bias


def frequencies(graph: Graph, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` lowest eigenvalues of the symmetric Laplacian, ``[M]``, and their vectors, ``[N, M]``,
    float64.

    Raises:
        InputError: a directed graph, too many nodes, or fewer than ``count``.
    """
    nodes = graph.num_nodes
    if nodes > LARGEST:
        gigabytes = nodes * nodes * 8 / 1e9
        raise InputError(
            f"a graph of {nodes} nodes has {gigabytes:.1f} GB of eigenvectors; up to {LARGEST} nodes are exact, "
            "ChebConv approximates"
        )
    if count > nodes:
        raise ShapeError(f"{count} frequencies of a graph of {nodes} nodes; it has {nodes}")
    dense = graph.laplacian("symmetric", dtype=torch.float64).to_dense()
    if not torch.allclose(dense, dense.T):
        raise InputError("a directed graph has no orthogonal frequencies; graph.undirected() would do")
    values, vectors = torch.linalg.eigh(dense)
    return values[:count], vectors[:, :count]

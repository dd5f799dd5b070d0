"""The gated recurrent unit with diffusion convolutions for products."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels import reference
from unrolled.kernels.reference import GraphCell
from unrolled.nn.graph_filter import FilterKind
from unrolled.nn.graph_gates import GraphGates

__all__ = ["DCRNN"]


@final
class DCRNN(GraphGates):
    """The gates and the candidate of each node hear what walks along the edges and against them lead to.

        r = σ(Θ_r ⋆ [x, h'] + b_r)
        u = σ(Θ_u ⋆ [x, h'] + b_u)
        n = tanh(Θ_n ⋆ [x, r ⊙ h'] + b_n)
        h = u ⊙ h' + (1 - u) ⊙ n

        Θ ⋆ X = Σ_{k<K} ( (D_O⁻¹ W)ᵏ X Θ_{k,1} + (D_I⁻¹ Wᵀ)ᵏ X Θ_{k,2} )

    W[i, j] is the weight of the edge i→j, D_O and D_I its sums of rows and columns, as the paper defines them. The two
    terms of k = 0 are the same X and have one matrix here, so there are M = 2K - 1. Powers are powers: the authors'
    program takes Chebyshev's recurrence in their place, and so does PyG Temporal's. On an undirected graph the two
    walks are one.

    Shapes: x [T,N,I] or [T,B,N,I] → output [T,N,H] or [T,B,N,H], final hidden [layers,N,H] or [layers,B,N,H]; weights
    as `GraphGates` has them, rows r, u, n, columns in blocks: k = 0, then k = 1 … K-1 along, then against the edges.

    Source: Li, Yu, Shahabi & Liu 2018 (arXiv:1707.01926), eq. 2 and 3.

    Args:
        input_size: I.
        hidden_size: H.
        K: the terms of each walk; a node hears K-1 hops a step.
        bias: whether there is b.
        num_layers: layers on top of each other.
        batch_first: x and output are [B,T,N,·].
        dropout: probability of dropping each output of every layer but the last, while training.
        device: where the weights lie.
        dtype: their dtype.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        K: int = 2,
        bias: bool = True,
        *,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        kind = FilterKind("diffusion", K)
        super().__init__(input_size, hidden_size, kind, num_layers, bias, batch_first, dropout, device, dtype)

    @property
    def cell(self) -> GraphCell:
        """The cell's equation."""
        return reference.GCONV_GRU

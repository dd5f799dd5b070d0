"""The vanilla recurrence with graph convolutions for products."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels import reference
from unrolled.kernels.reference import GraphCell
from unrolled.nn.graph_filter import kind_of
from unrolled.nn.graph_gates import GraphGates

__all__ = ["GConvRNN"]


@final
class GConvRNN(GraphGates):
    """Each node's state hears the input and the state of its neighbourhood.

        h = tanh(W_ih P x + b + W_hh P h')

    P puts the filter's terms beside each other: with ``filter="cheb"`` W P x is a ChebConv, Σ_{k<K} W_k T_k(L̂) x; with
    ``filter="gcn"`` a GCNConv, W Â x.

    Shapes: x [T,N,I] or [T,B,N,I] → output [T,N,H] or [T,B,N,H], final hidden [layers,N,H] or [layers,B,N,H]; weights
    as `GraphGates` has them.

    Source: the vanilla form of Seo, Defferrard, Vandergheynst & Bresson 2016 (arXiv:1612.07659).

    Args:
        input_size: I.
        hidden_size: H.
        K: the Chebyshev terms, 2 unless it is given; a node hears K-1 hops a step.
        normalization: of the Laplacian: None, ``sym`` or ``rw``.
        bias: whether there is b.
        filter: ``cheb`` or ``gcn``.
        lambda_max: the Laplacian's greatest eigenvalue; None for ChebConv's choice.
        num_layers: layers on top of each other.
        batch_first: x and output are [B,T,N,·].
        dropout: probability of dropping each output of every layer but the last, while training.
        device: where the weights lie.
        dtype: their dtype.

    Raises:
        UnknownName: no such filter or normalisation.
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        K: int | None = None,
        normalization: str | None = "sym",
        bias: bool = True,
        *,
        filter: str = "cheb",
        lambda_max: float | None = None,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        kind = kind_of(filter, K, normalization, lambda_max)
        super().__init__(input_size, hidden_size, kind, num_layers, bias, batch_first, dropout, device, dtype)

    @property
    def cell(self) -> GraphCell:
        """The cell's equation."""
        return reference.GCONV_RNN

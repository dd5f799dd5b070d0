"""The long short-term memory with graph convolutions for products."""

from __future__ import annotations

from typing import Any, final

from unrolled.errors import InputError
from unrolled.kernels import reference
from unrolled.kernels.reference import GraphCell
from unrolled.nn.graph_filter import kind_of
from unrolled.nn.graph_gates import GraphGates

__all__ = ["GConvLSTM"]


@final
class GConvLSTM(GraphGates):
    """The gates and the candidate of each node hear the input and the state of its neighbourhood.

        i = σ(W_ii P x + b_i + W_hi P h' + p_i ⊙ c')
        f = σ(W_if P x + b_f + W_hf P h' + p_f ⊙ c')
        g = tanh(W_ig P x + b_g + W_hg P h')
        c = g ⊙ i + c' ⊙ f
        o = σ(W_io P x + b_o + W_ho P h' + p_o ⊙ c)
        h = tanh(c) ⊙ o

    A node's memory is read by itself alone.

    P puts the filter's terms beside each other: with ``filter="cheb"`` W P x is a ChebConv, Σ_{k<K} W_k T_k(L̂) x; with
    ``filter="gcn"`` a GCNConv, W Â x.

    Shapes: x [T,N,I] or [T,B,N,I] → output [T,N,H] or [T,B,N,H], final (hidden, memory), each [layers,N,H] or
    [layers,B,N,H]; weights as `GraphGates` has them, rows i, f, g, o, and `peephole_l{k}` [3H] in the order i, f, o.
    `load_pyg_temporal` takes the weights of PyG Temporal's GConvLSTM.

    Source: Seo, Defferrard, Vandergheynst & Bresson 2016 (arXiv:1612.07659), model 2.

    Args:
        input_size: I.
        hidden_size: H.
        K: the Chebyshev terms, 2 unless it is given; a node hears K-1 hops a step.
        normalization: of the Laplacian: None, ``sym`` or ``rw``.
        bias: whether there is b.
        filter: ``cheb`` or ``gcn``.
        peepholes: whether the gates see the memory.
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
        peepholes: bool = True,
        lambda_max: float | None = None,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if not isinstance(peepholes, bool):
            raise InputError(f"peepholes must be True or False, not {peepholes!r}")
        self._peepholes = peepholes
        kind = kind_of(filter, K, normalization, lambda_max)
        super().__init__(input_size, hidden_size, kind, num_layers, bias, batch_first, dropout, device, dtype)

    @property
    def cell(self) -> GraphCell:
        """The cell's equation."""
        return reference.GCONV_LSTM

    @property
    def has_peepholes(self) -> bool:
        """Whether the gates see the memory."""
        return self._peepholes

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return super().extra_repr() + ("" if self._peepholes else ", peepholes=False")

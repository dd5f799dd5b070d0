"""`GATv2Conv`: attention whose ranking of neighbours depends on who asks, with PyG's door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.graph import Graph
from unrolled.kernels.attention import Attention, attend, attention
from unrolled.nn.attention_conv import (
    AttentionObservation,
    EdgeFill,
    by_head,
    checked_edge_features,
    checked_share,
    in_edge_order,
    looped_features,
    merged,
    seed_of,
)
from unrolled.nn.graph_input import check_channels, check_features, fitted, glorot, new_bias, refuse

__all__ = ["GATv2Conv"]


class GATv2Conv(nn.Module):
    """Graph attention with the nonlinearity inside the score.

        l      = W_l x + b_l,   r = W_r x + b_r
        s_ij   = a · LeakyReLU( l_j + r_i + W_edge e_ij )
        α_ij   = softmax_j( s_ij )
        y_i    = ‖_k Σ_j α_ij l_j + b        (concat; otherwise the mean over heads)

    In `GATConv` all nodes rank their neighbours alike; here the ranking depends on the receiver.

    x ``[N, I]`` → ``[N, K·C]`` or ``[N, C]``; leading axes ``[B, N, I]`` share the graph.

    From Brody, Alon & Yahav 2022 (arXiv:2105.14491).  Arguments, call and state_dict are those of PyG's
    GATv2Conv.

    Args:
        in_channels: I.
        out_channels: C, of each head.
        heads: K.
        concat: whether heads are put beside each other or averaged.
        negative_slope: of the LeakyReLU.
        dropout: the share of attention weights dropped while training.
        add_self_loops: take loops out, then give each node one.
        edge_dim: D, if edges have features.
        fill_value: the features of new loops: a number, ``[D]``, or ``mean``, ``add``, ``max`` of the
        received. bias: whether there are b, b_l and b_r. share_weights: whether W_r is W_l. residual: add a
        learnt linear map of x. options: PyG's further arguments, at their defaults.

    Raises:
        InputError: an argument that is not offered, or a dropout outside 0…1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        edge_dim: int | None = None,
        fill_value: EdgeFill = "mean",
        bias: bool = True,
        share_weights: bool = False,
        residual: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        refuse("GATv2Conv", options)
        check_channels("GATv2Conv", in_channels=in_channels, out_channels=out_channels, heads=heads)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = checked_share(dropout)
        self.self_loops = "replace" if add_self_loops else "keep"
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        width = heads * out_channels
        self.lin_l = nn.Linear(in_channels, width, bias=bias)
        self.lin_r = self.lin_l if share_weights else nn.Linear(in_channels, width, bias=bias)
        self.att = nn.Parameter(torch.empty(1, heads, out_channels))
        self.lin_edge = nn.Linear(edge_dim, width, bias=False) if edge_dim else None
        self.res = nn.Linear(in_channels, width if concat else out_channels, bias=False) if residual else None
        self.bias = new_bias(width if concat else out_channels, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every weight from Glorot's uniform distribution and set every bias to zero."""
        glorot(self.lin_l.weight, self.lin_r.weight, self.att)
        glorot(*(layer.weight for layer in (self.lin_edge, self.res) if layer is not None))
        for bias in (self.lin_l.bias, self.lin_r.bias, self.bias):
            if bias is not None:
                nn.init.zeros_(bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        """``[…, N, I] → […, N, K·C]``, and with ``return_attention_weights`` also (edge_index, α ``[…, E,
        K]``).

        Args:
            x: features.
            edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix whose rows receive.
            edge_attr: ``[E, D]``; the graph's own edge features by default.
            return_attention_weights: whether the weights are returned too.

        Raises:
            InputError, ShapeError: features or edges that do not fit.
        """
        if return_attention_weights:
            seen = self.observe(x, edge_index, edge_attr)
            return seen.output, (seen.graph.edge_index, seen.attention)
        _, given = self._given(x, edge_index, edge_attr)
        return self._finished(attention(given), x)

    def observe(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None = None) -> AttentionObservation:
        """The output with the attention weight of each edge and head, arguments as in a call."""
        graph, given = self._given(x, edge_index, edge_attr)
        y, weights = attend(given)
        weights = in_edge_order(graph, weights, x.shape[:-2], self.heads)
        return AttentionObservation(self._finished(y, x), graph, weights)

    def _given(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None) -> tuple[Graph, Attention]:
        """The graph with its loops, and what attention is to be computed on it."""
        check_features(x, self.in_channels, self.lin_l.weight)
        given = fitted(x, edge_index)
        features = checked_edge_features(given, edge_attr, self.edge_dim)
        features = looped_features(given, self.self_loops, features, self.fill_value)
        graph = given.with_self_loops(self.self_loops)
        pattern = graph.structure.pattern
        edge = None
        if features is not None and self.lin_edge is not None:
            edge = self.lin_edge(features).index_select(0, pattern.order)
            edge = edge.reshape(-1, self.heads, self.out_channels)
        sent = by_head(self.lin_l(x), self.heads)
        received = sent if self.lin_r is self.lin_l else by_head(self.lin_r(x), self.heads)
        dropout = self.dropout if self.training else 0.0
        return graph, Attention(
            pattern, sent, received, self.att[0], edge, self.negative_slope, dropout, seed_of(dropout)
        )

    def _finished(self, y: Tensor, x: Tensor) -> Tensor:
        output = merged(y, x.shape[:-2], self.concat)
        if self.res is not None:
            output = output + self.res(x)
        return output if self.bias is None else output + self.bias

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return f"{self.in_channels}, {self.out_channels}, heads={self.heads}"

"""`SAGEConv`: GraphSAGE's layer, which needs no more than a sample of each node's neighbours, with PyG's
door.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels import segments
from unrolled.nn.graph_input import check_channels, check_features, fitted, refuse

__all__ = ["SAGEConv"]

_AGGREGATIONS = {"mean": "mean", "add": "sum", "sum": "sum", "max": "max"}


class SAGEConv(nn.Module):
    """Each node combines itself with the mean (sum, maximum) of what it receives.

        y_i = W_l AGG_{j→i} x_j + b + W_r x_i

    A node that receives nothing has b + W_r x_i.  Edge weights are not read; several edges between the same
    nodes count several times.

    x ``[N, I]`` → ``[N, O]``; leading axes ``[B, N, I]`` share the graph.

    From Hamilton, Ying & Leskovec 2017 (arXiv:1706.02216).  Arguments, call and state_dict are PyG's
    SAGEConv's.

    Args:
        in_channels: I.
        out_channels: O.
        aggr: ``mean``, ``add`` (or ``sum``) or ``max``.
        normalize: scale each output to length 1.
        root_weight: whether there is W_r.
        project: first put x through ReLU(W x + b), for what is received.
        bias: whether there is b.
        options: PyG's further arguments, at their defaults.

    Raises:
        UnknownName: no such aggregation.
        InputError: an argument that is not offered.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggr: str = "mean",
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        refuse("SAGEConv", options)
        check_channels("SAGEConv", in_channels=in_channels, out_channels=out_channels)
        if not isinstance(aggr, str) or aggr not in _AGGREGATIONS:
            raise UnknownName("aggr", aggr, _AGGREGATIONS)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.aggr = _AGGREGATIONS[aggr]
        self.normalize = normalize
        self.lin = nn.Linear(in_channels, in_channels) if project else None
        self.lin_l = nn.Linear(in_channels, out_channels, bias=bias)
        self.lin_r = nn.Linear(in_channels, out_channels, bias=False) if root_weight else None

    def reset_parameters(self) -> None:
        """Draw every weight and bias as torch.nn.Linear does."""
        for layer in (self.lin, self.lin_l, self.lin_r):
            if layer is not None:
                layer.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, size: None = None) -> Tensor:
        """``[…, N, I] → […, N, O]``.

        Args:
            x: features.
            edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix whose rows receive.
            size: None; for PyG's sake.

        Raises:
            InputError, ShapeError: features or edges that do not fit.
        """
        if size is not None:
            raise InputError("SAGEConv: size is for graphs of two kinds of nodes, which are not offered")
        check_features(x, self.in_channels, self.lin_l.weight)
        graph = fitted(x, edge_index)
        sent = x if self.lin is None else self.lin(x).relu()
        if self.aggr != "max" and self._cheaper_after(sent):
            y = _aggregated(graph, F.linear(sent, self.lin_l.weight), self.aggr)
            y = y if self.lin_l.bias is None else y + self.lin_l.bias
        else:
            y = self.lin_l(_aggregated(graph, sent, self.aggr))
        if self.lin_r is not None:
            y = y + self.lin_r(x)
        return F.normalize(y, p=2.0, dim=-1) if self.normalize else y

    def _cheaper_after(self, sent: Tensor) -> bool:
        """Whether W_l comes before the aggregation: the same numbers; products and backwards cost by width."""
        before = self.in_channels * (2 if sent.requires_grad else 1)
        return self.out_channels * (2 if torch.is_grad_enabled() else 1) < before

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return f"{self.in_channels}, {self.out_channels}, aggr={self.aggr!r}"


def _aggregated(graph: Graph, x: Tensor, aggregation: str) -> Tensor:
    unweighted = graph.with_edge_weight(None) if graph.edge_weight is not None else graph
    if aggregation == "sum":
        return unweighted.operator("none", dtype=x.dtype) @ x
    if aggregation == "mean":
        return unweighted.operator("random-walk", dtype=x.dtype) @ x
    pattern = graph.structure.pattern
    sent = segments.gather(pattern.column_end, x.movedim(-2, 0))
    return segments.maximum(pattern, sent).movedim(0, -2)

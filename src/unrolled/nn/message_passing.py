"""`MessagePassing`: a layer from two small functions, what an edge carries and what a node does with what
arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels import segments
from unrolled.kernels.sparse import Pattern
from unrolled.nn.graph_input import check_features, fitted

__all__ = ["Edge", "MessagePassing", "pass_messages", "weighted"]


@dataclass(frozen=True, eq=False)
class Edge:
    """What is known of every edge, shaped to meet messages ``[E, …, F]``.

    Args:
        weight: ``[E, …, 1]``, or None.
        features: ``[E, …, D]``, or None.
    """

    weight: Tensor | None
    features: Tensor | None


Message = Callable[[Tensor, Tensor, Edge], Tensor]
Aggregation = Callable[[Pattern, Tensor], Tensor]


def weighted(sender: Tensor, receiver: Tensor, edge: Edge) -> Tensor:
    """``w_ji x_j``: the message that is a sparse product when it is summed."""
    return sender if edge.weight is None else edge.weight * sender


def pass_messages(
    x: Tensor,
    edge_index: Any,
    message: Message = weighted,
    aggregation: str | Aggregation = "sum",
    *,
    edge_weight: Tensor | None = None,
    edge_attr: Tensor | None = None,
) -> Tensor:
    """``y_i = AGG_{e: j→i} message(x_j, x_i, e)``: ``[…, N, F] → […, N, F']``.

    The message `weighted` under ``sum`` or ``mean`` is never made: it is one product with a sparse matrix.
    Any other is made for all edges at once, in the order of receivers, and summed in one pass.

    Args:
        x: features.
        edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix whose rows receive.
        message: from senders' and receivers' features ``[E, …, F]`` and the `Edge`.
        aggregation: ``sum``, ``mean``, ``max`` (0 for a node that receives nothing), or a function of the
            pattern and the messages ``[E, …, F']`` in its order.
        edge_weight: ``[E]``, instead of the graph's own.
        edge_attr: ``[E, D]``, instead of the graph's own edge features.

    Raises:
        UnknownName: no such aggregation.
        InputError, ShapeError: features, edges or messages that do not fit.
    """
    if not isinstance(x, Tensor) or x.dim() < 2:
        raise InputError("x must be a tensor [N, F] or [B, N, F]")
    check_features(x, x.shape[-1])
    if isinstance(aggregation, str) and aggregation not in segments.AGGREGATIONS:
        raise UnknownName("aggregation", aggregation, segments.AGGREGATIONS)
    graph = fitted(x, edge_index, edge_weight)
    if message is weighted and aggregation in ("sum", "mean"):
        return _product(graph, x, mean=aggregation == "mean")
    aggregate = segments.AGGREGATIONS[aggregation] if isinstance(aggregation, str) else aggregation
    pattern = graph.structure.pattern
    nodes_first = x.movedim(-2, 0)
    sender = segments.gather(pattern.column_end, nodes_first)
    receiver = segments.gather(pattern.row_end, nodes_first)
    messages = message(sender, receiver, _edge(graph, edge_attr, sender))
    if messages.shape[:1] != sender.shape[:1]:
        raise InputError(f"message returned {tuple(messages.shape)}; its first axis must be {sender.shape[0]} edges")
    return aggregate(pattern, messages).movedim(0, -2)


def _product(graph: Graph, x: Tensor, *, mean: bool) -> Tensor:
    y = graph.operator("none", dtype=x.dtype) @ x
    return y / graph.in_degree.clamp(min=1).to(x.dtype).unsqueeze(1) if mean else y


def _edge(graph: Graph, edge_attr: Tensor | None, sender: Tensor) -> Edge:
    order = graph.structure.pattern.order
    lead = [1] * (sender.dim() - 2)
    features = graph.edge_features if edge_attr is None else edge_attr
    if features is not None and features.shape[0] != graph.num_edges:
        raise InputError(f"edge_attr {tuple(features.shape)} for {graph.num_edges} edges")
    weight = graph.edge_weight
    return Edge(
        None if weight is None else weight.to(sender.dtype).index_select(0, order).reshape(-1, *lead, 1),
        None if features is None else features.index_select(0, order).reshape(features.shape[0], *lead, -1),
    )


class MessagePassing(nn.Module):
    """``y_i = AGG_{e: j→i} message(x_j, x_i, e)`` as a module; `pass_messages` is the same as a function.

    A new layer holds its weights and passes its message::

        class EdgeConv(nn.Module):
            def __init__(self, inputs, outputs):
                super().__init__()
                self.lin = nn.Linear(2 * inputs, outputs)

            def message(self, sender, receiver, edge):
                return self.lin(torch.cat([receiver, sender - receiver], -1)).relu()

            def forward(self, x, edge_index):
                return pass_messages(x, edge_index, self.message, "max")

    Args:
        message: a function, or a module whose weights are then this module's.
        aggregation: ``sum``, ``mean``, ``max``, or a function.

    Raises:
        UnknownName: no such aggregation.
    """

    def __init__(self, message: Message = weighted, aggregation: str | Aggregation = "sum") -> None:
        super().__init__()
        if isinstance(aggregation, str) and aggregation not in segments.AGGREGATIONS:
            raise UnknownName("aggregation", aggregation, segments.AGGREGATIONS)
        self.message = message
        self.aggregation = aggregation

    def forward(
        self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None, edge_attr: Tensor | None = None
    ) -> Tensor:
        """As `pass_messages`."""
        return pass_messages(
            x, edge_index, self.message, self.aggregation, edge_weight=edge_weight, edge_attr=edge_attr
        )

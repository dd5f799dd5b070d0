"""Message passing: its fast path, its general path and the three aggregations say the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels import segments
from unrolled.nn.message_passing import MessagePassing, pass_messages, weighted


def slowly(graph: Graph, x: torch.Tensor, message, aggregation: str) -> torch.Tensor:
    """One node after another, from lists."""
    rows = []
    width = message(x[:1], x[:1], None).shape[-1]
    for node in range(graph.num_nodes):
        arriving = [
            message(x[None, int(graph.senders[e])], x[None, node], None)[0] * float(graph.weights(x.dtype)[e])
            for e in range(graph.num_edges)
            if int(graph.receivers[e]) == node
        ]
        if not arriving:
            rows.append(torch.zeros(width, dtype=x.dtype))
        else:
            stacked = torch.stack(arriving)
            rows.append({"sum": stacked.sum(0), "mean": stacked.mean(0), "max": stacked.amax(0)}[aggregation])
    return torch.stack(rows)


def times_weight(message):
    def with_edge(sender, receiver, edge):
        found = message(sender, receiver, edge)
        return found if edge is None or edge.weight is None else edge.weight * found

    return with_edge


@pytest.mark.parametrize("aggregation", segments.AGGREGATIONS)
@pytest.mark.parametrize("fast", [True, False])
def test_both_paths_equal_a_loop(nasty, aggregation, fast):
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    message = weighted if fast else times_weight(lambda sender, receiver, edge: sender)
    found = pass_messages(x, nasty, message, aggregation)
    expected = slowly(nasty, x, lambda sender, receiver, edge: sender, aggregation)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("aggregation", segments.AGGREGATIONS)
def test_any_message_with_both_ends(nasty, aggregation):
    lin = nn.Linear(6, 4).double()

    def message(sender, receiver, edge):
        return lin(torch.cat([receiver, sender - receiver], -1)).tanh()

    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    found = pass_messages(x, nasty, times_weight(message), aggregation)
    torch.testing.assert_close(found, slowly(nasty, x, message, aggregation), rtol=0, atol=1e-12)
    batched = torch.stack([x, 2 * x])
    torch.testing.assert_close(
        pass_messages(batched, nasty, times_weight(message), aggregation)[1],
        pass_messages(2 * x, nasty, times_weight(message), aggregation),
    )


@pytest.mark.parametrize("aggregation", segments.AGGREGATIONS)
def test_gradients_of_first_and_second_order(aggregation):
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(6, dtype=torch.float64, requires_grad=True)
    features = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)

    def call(x, weights, features):
        return pass_messages(
            x,
            graph,
            lambda sender, receiver, edge: edge.weight * sender * receiver.tanh() + edge.features,
            aggregation,
            edge_weight=weights,
            edge_attr=features,
        )

    assert torch.autograd.gradcheck(call, (x, weights, features))
    assert torch.autograd.gradgradcheck(call, (x, weights, features))


def test_a_layer_of_ones_own():
    class EdgeConv(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.lin = nn.Linear(2 * inputs, outputs)
            self.passing = MessagePassing(nn.Identity(), "sum")

        def message(self, sender, receiver, edge):
            return self.lin(torch.cat([receiver, sender - receiver], -1)).relu()

        def forward(self, x, edge_index):
            return pass_messages(x, edge_index, self.message, "max")

    layer = EdgeConv(2, 3)
    assert layer(torch.randn(3, 2), torch.tensor([[0, 1], [1, 2]])).shape == (3, 3)


def test_a_module_as_message_and_a_function_as_aggregation():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(3.0))

        def forward(self, sender, receiver, edge):
            return self.scale * sender

    def last(pattern, messages):
        return messages[(pattern.pointer[1:] - 1).long()]

    layer = MessagePassing(Scaled(), last)
    assert [name for name, _ in layer.named_parameters()] == ["message.scale"]
    x = torch.tensor([[1.0], [2.0], [5.0]])
    found = layer(x, torch.tensor([[0, 1, 2, 2], [1, 1, 0, 2]]))
    assert found.tolist() == [[15.0], [6.0], [15.0]]


def test_softmax_of_segments_sums_to_one_and_differentiates():
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    pattern = graph.structure.pattern
    scores = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    totals = segments.total(pattern, segments.softmax(pattern, scores))
    torch.testing.assert_close(totals, (graph.in_degree > 0).double().unsqueeze(1).expand(4, 2))
    assert torch.autograd.gradcheck(lambda s: segments.softmax(pattern, s), (scores,))
    assert torch.autograd.gradgradcheck(lambda s: segments.softmax(pattern, s), (scores,))


def test_what_does_not_fit_is_said():
    x, edges = torch.randn(3, 2), torch.tensor([[0, 1], [1, 2]])
    for error, says, call in [
        (UnknownName, "no aggregation 'men'; did you mean 'mean'", lambda: MessagePassing(aggregation="men")),
        (UnknownName, "no aggregation 'prod'", lambda: pass_messages(x, edges, weighted, "prod")),
        (
            InputError,
            r"message returned \(3, 2\); its first axis must be 2",
            lambda: pass_messages(x, edges, lambda s, r, e: x),
        ),
        (
            InputError,
            r"edge_attr \(3, 1\) for 2 edges",
            lambda: pass_messages(x, edges, lambda s, r, e: s, edge_attr=torch.ones(3, 1)),
        ),
        (InputError, "x must be a tensor", lambda: pass_messages(torch.ones(3), edges)),
    ]:
        with pytest.raises(error, match=says):
            call()

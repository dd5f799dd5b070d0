"""What graph layers say to inputs that do not fit, and what they make of empty ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from unrolled import nn
from unrolled.data.neighbours import NeighbourSampler
from unrolled.errors import InputError, ShapeError

EDGES = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]])
STATIC: dict[str, Callable[[], torch.nn.Module]] = {
    "gcn": lambda: nn.GCNConv(4, 2),
    "gat": lambda: nn.GATConv(4, 2, heads=2),
    "gatv2": lambda: nn.GATv2Conv(4, 2),
    "sage": lambda: nn.SAGEConv(4, 2),
    "cheb": lambda: nn.ChebConv(4, 2, 3),
}


@pytest.fixture
def graph() -> nn.Graph:
    return nn.Graph.from_edge_index(EDGES, num_nodes=3)


@pytest.mark.parametrize("make", STATIC.values(), ids=STATIC)
def test_a_batch_of_none(make: Callable[[], torch.nn.Module], graph: nn.Graph) -> None:
    x = torch.randn(0, 3, 4, requires_grad=True)
    layer = make()
    y = layer(x, graph)
    assert y.shape == (0, 3, layer(torch.randn(3, 4), graph).shape[-1])
    y.sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape


@pytest.mark.parametrize("make", STATIC.values(), ids=STATIC)
def test_features_of_another_dtype(make: Callable[[], torch.nn.Module], graph: nn.Graph) -> None:
    with pytest.raises(
        InputError, match=r"x is torch.float64 but the weights are torch.float32; x.to\(torch.float32\)"
    ):
        make()(torch.randn(3, 4, dtype=torch.float64), graph)
    with torch.autocast("cpu", torch.bfloat16):
        make()(torch.randn(3, 4), graph)


@pytest.mark.parametrize("make", [nn.GConvRNN, nn.GConvGRU, nn.GConvLSTM, nn.DCRNN])
def test_no_sequence(make: Callable[..., torch.nn.Module], graph: nn.Graph) -> None:
    with pytest.raises(ShapeError, match=r"x \[5, 0, 3, 4\] has no sequence; one or more would do"):
        make(4, 2)(torch.randn(5, 0, 3, 4), graph)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (None, "edge_index is a NoneType; whole numbers in a tensor, an array or lists would do"),
        ("A-B", "edge_index is a str"),
        ([[0, 1], [1]], "edge_index is a list"),
    ],
)
def test_edges_that_are_none(edges: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nn.GCNConv(4, 2)(torch.randn(3, 4), edges)


def test_an_array_turned_round_is_an_array() -> None:
    turned = EDGES.numpy()[:, ::-1]
    layer, x = nn.GCNConv(4, 2), torch.randn(3, 4)
    torch.testing.assert_close(layer(x, turned), layer(x, torch.from_numpy(np.ascontiguousarray(turned))))


def test_weights_and_features_of_edges_that_are_no_tensors(graph: nn.Graph) -> None:
    x = torch.randn(3, 4)
    with pytest.raises(InputError, match=r"edge_weight is a list; a tensor \[E\] would do"):
        nn.GCNConv(4, 2)(x, EDGES, [1.0] * 4)
    with pytest.raises(InputError, match=r"edge_attr is a list; a tensor \[4, 2\] would do"):
        nn.GATConv(4, 2, edge_dim=2)(x, graph, [[1.0, 2.0]] * 4)


@pytest.mark.parametrize("nodes", [3.0, 3.5, "3", True])
def test_a_number_of_nodes_that_is_none(nodes: object) -> None:
    with pytest.raises(InputError, match=r"num_nodes=.*; a whole number would do"):
        nn.Graph.from_edge_index(EDGES, num_nodes=nodes)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), torch.tensor([2.0, 0.0])])
def test_an_eigenvalue_that_is_none(value: object, graph: nn.Graph) -> None:
    with pytest.raises(InputError, match=r"lambda_max=.*; finite numbers above 0 would do, or None"):
        nn.ChebConv(4, 2, 3)(torch.randn(3, 4), graph, lambda_max=value)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (torch.tensor([[-1]]), "nodes from -1 to -1; nodes are 0…2"),
        ([[0, 9]], "nodes from 0 to 9"),
        (torch.tensor([[0.5]]), "nodes has dtype float32"),
    ],
)
def test_walks_past_the_graph(nodes: object, message: str, graph: nn.Graph) -> None:
    with pytest.raises(InputError, match=message):
        nn.WalkGRU(4, 2)(torch.randn(3, 4), graph, nodes=nodes)


def test_seeds_that_are_no_nodes(graph: nn.Graph) -> None:
    sampler = NeighbourSampler(graph, [2], weights=torch.rand(4, requires_grad=True))
    for seeds in (torch.tensor([1.7]), torch.tensor([True, False, True])):
        with pytest.raises(InputError, match="seeds has dtype"):
            sampler.sample(seeds)
    assert sampler.sample(torch.tensor([1])).graph.num_nodes >= 1

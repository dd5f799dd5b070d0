"""Graph layers under torch's modes, no_grad and torch.func among them, and what graphs keep of a call under one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from unrolled import nn

NODES, EDGES = 6, 14
STATIC: dict[str, Callable[[], torch.nn.Module]] = {
    "gcn": lambda: nn.GCNConv(3, 2),
    "gat": lambda: nn.GATConv(3, 2, heads=2),
    "gatv2": lambda: nn.GATv2Conv(3, 2),
    "sage": lambda: nn.SAGEConv(3, 2),
    "sage max": lambda: nn.SAGEConv(3, 2, aggr="max"),
    "cheb": lambda: nn.ChebConv(3, 2, 3),
}
OVER_TIME: dict[str, Callable[[], torch.nn.Module]] = {
    "gconv-rnn": lambda: nn.GConvRNN(3, 2),
    "gconv-gru": lambda: nn.GConvGRU(3, 2),
    "gconv-lstm": lambda: nn.GConvLSTM(3, 2),
    "dcrnn": lambda: nn.DCRNN(3, 2),
    "graph-recurrent": lambda: nn.GraphRecurrent(nn.GCNConv(3, 4), nn.LSTM(4, 2)),
}
WEIGHTED = ("gcn", "cheb", *OVER_TIME)


class Case:
    """A layer, an input for it and graphs to call it on, all from one seed."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.layer = {**STATIC, **OVER_TIME}[name]().double()
        self.x = torch.randn(*((4,) if name in OVER_TIME else ()), NODES, 3, dtype=torch.float64)
        self.edges = torch.randint(NODES, (2, EDGES))
        self.weights = torch.rand(EDGES, dtype=torch.float64) + 0.1

    def graph(self, weights: Tensor | None = None) -> nn.Graph:
        """A graph that has kept nothing yet."""
        return nn.Graph.from_edge_index(self.edges, self.weights if weights is None else weights, NODES)

    def call(self, x: Tensor, graph: Any) -> Tensor:
        """The output alone."""
        found = self.layer(x, graph)
        output: Tensor = found[0] if isinstance(found, tuple) else found
        return output

    def gradients(self, graph: Any) -> list[Tensor]:
        """Of x and all weights."""
        x = self.x.clone().requires_grad_()
        leaves = [x, *self.layer.parameters()]
        return list(torch.autograd.grad(self.call(x, graph).square().sum(), leaves))


@pytest.fixture(params=[*STATIC, *OVER_TIME])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.mark.parametrize("plain", [False, True])
def test_a_look_in_inference_mode_does_not_spoil_training(case: Case, plain: bool) -> None:
    expected = case.gradients(case.graph().with_edge_weight(None) if plain else case.graph())
    graph = case.edges.clone() if plain else case.graph()
    with torch.inference_mode():
        looked = case.call(case.x, graph)
    torch.testing.assert_close(looked, case.call(case.x, graph))
    for got, want in zip(case.gradients(graph), expected, strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_a_look_without_gradients_does_not_freeze_learnt_edge_weights(name: str, off: Any) -> None:
    case = Case(name)
    weights = case.weights.clone().requires_grad_()
    graph = case.graph(weights)
    with off():
        before = case.call(case.x, graph)
    with torch.no_grad():
        weights.copy_(torch.rand(EDGES))
    with off():
        assert not torch.equal(case.call(case.x, graph), before)
    (got,) = torch.autograd.grad(case.call(case.x, graph).sum(), weights)
    (want,) = torch.autograd.grad(case.call(case.x, case.graph(weights)).sum(), weights)
    assert got.any() and torch.equal(got, want)


@pytest.mark.parametrize("name", WEIGHTED)
def test_edge_weights_may_be_learnt_later(name: str) -> None:
    case = Case(name)
    weights = case.weights.clone()
    graph = case.graph(weights)
    case.call(case.x, graph)
    weights.requires_grad_()
    assert torch.autograd.grad(case.call(case.x, graph).sum(), weights)[0].any()


@pytest.mark.parametrize("warm", [False, True])
def test_torch_func(case: Case, warm: bool) -> None:
    graph = case.graph()
    if warm:
        case.gradients(graph)

    def call(x: Tensor) -> Tensor:
        return case.call(x, graph)

    reverse = torch.func.jacrev(call)(case.x)
    expected = torch.autograd.functional.jacobian(call, case.x)  # on the same graph: what it kept serves still
    torch.testing.assert_close(reverse, expected)
    torch.testing.assert_close(torch.func.jacfwd(call)(case.x), expected)
    members = torch.stack([case.x, 2 * case.x])
    torch.testing.assert_close(torch.func.vmap(call)(members), torch.stack([call(x) for x in members]))


@pytest.mark.parametrize("name", ["gcn", "gconv-gru"])
def test_torch_func_reaches_edge_weights(name: str) -> None:
    case = Case(name)
    weights = case.weights.clone().requires_grad_()
    (expected,) = torch.autograd.grad(case.call(case.x, case.graph(weights)).sum(), weights)
    plain = case.graph().with_edge_weight(None)
    got = torch.func.grad(lambda w: case.call(case.x, plain.with_edge_weight(w)).sum())(case.weights)
    torch.testing.assert_close(got, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("plain", [False, True])
def test_torch_compile(case: Case, plain: bool) -> None:
    graph = case.edges if plain else case.graph()
    torch.compiler.reset()
    compiled = torch.compile(case.layer, backend="aot_eager")
    expected, gradients = case.call(case.x, graph), case.gradients(graph)
    case.layer, layer = compiled, case.layer
    torch.testing.assert_close(case.call(case.x, graph), expected)
    for got, want in zip(case.gradients(graph), gradients, strict=True):
        torch.testing.assert_close(got, want)
    case.layer = layer

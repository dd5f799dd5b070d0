"""SAGEConv against a dense formula in numpy, its equation's page, and by law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.kernels.reference.sage import sage
from unrolled.nn.sage_conv import SAGEConv


@pytest.mark.parametrize("aggr", ["mean", "sum", "max"])
@pytest.mark.parametrize("channels", [(2, 5), (5, 2)])
def test_equals_a_loop_in_numpy(nasty, aggr, channels):
    layer = SAGEConv(*channels, aggr=aggr, project=True, normalize=True).double()
    x = torch.randn(nasty.num_nodes, channels[0], dtype=torch.float64)
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    sent = np.maximum(x.numpy() @ p["lin.weight"].T + p["lin.bias"], 0)
    expected = np.zeros((nasty.num_nodes, channels[1]))
    for node in range(nasty.num_nodes):
        received = sent[nasty.senders[nasty.receivers == node].numpy()]
        m = getattr(received, aggr)(0) if len(received) else np.zeros(channels[0])
        expected[node] = p["lin_l.weight"] @ m + p["lin_l.bias"] + p["lin_r.weight"] @ x[node].numpy()
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(layer(x, nasty).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("aggr", ["mean", "sum", "max"])
@pytest.mark.parametrize("channels", [(2, 5), (5, 2)])
def test_value_and_gradients_equal_the_reference(nasty, aggr, channels):
    layer = SAGEConv(*channels, aggr=aggr).double()
    x = torch.randint(3, (nasty.num_nodes, channels[0])).double().requires_grad_()  # ties share a maximum's gradient
    weights = (layer.lin_l.weight, layer.lin_l.bias, layer.lin_r.weight)
    expected = sage(x, nasty.senders, nasty.receivers, *weights, aggr)
    found = layer(x, nasty)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(found)
    for a, b in zip(
        torch.autograd.grad(found, [x, *weights], cotangent),
        torch.autograd.grad(expected, [x, *weights], cotangent),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize("aggr", ["mean", "sum", "max"])
def test_gradients_of_first_and_second_order(aggr):
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    layer = SAGEConv(2, 2, aggr=aggr, normalize=True).double()
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, graph), (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x, graph), (x,))


@pytest.mark.parametrize("aggr", ["mean", "sum", "max"])
def test_a_batch_on_one_graph_is_each_alone(nasty, aggr):
    layer = SAGEConv(3, 4, aggr=aggr).double()
    x = torch.randn(2, 3, nasty.num_nodes, 3, dtype=torch.float64)
    alone = torch.stack([torch.stack([layer(one, nasty) for one in row]) for row in x])
    torch.testing.assert_close(layer(x, nasty), alone, rtol=0, atol=1e-12)


def test_what_does_not_fit_is_said():
    with pytest.raises(UnknownName, match="no aggr 'lstm'"):
        SAGEConv(2, 2, aggr="lstm")
    with pytest.raises(InputError, match="two kinds of nodes"):
        SAGEConv(2, 2)(torch.ones(2, 2), torch.tensor([[0], [1]]), size=(2, 2))

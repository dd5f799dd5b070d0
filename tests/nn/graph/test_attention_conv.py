"""GATConv and GATv2Conv against dense softmaxes in numpy, against their equations' pages, and by law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import Graph, batch
from unrolled.kernels import attention
from unrolled.kernels.reference.gat import gat
from unrolled.kernels.reference.gatv2 import gatv2
from unrolled.nn.gat_conv import GATConv
from unrolled.nn.gatv2_conv import GATv2Conv

LAYERS = [GATConv, GATv2Conv]


def shaken(layer):
    """Every parameter drawn, biases too, in float64."""
    layer = layer.double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return layer


def edge_list(graph: Graph, loops: str) -> list[tuple[int, int]]:
    edges = list(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True))
    if loops == "keep":
        return edges
    return [(a, b) for a, b in edges if a != b] + [(a, a) for a in range(graph.num_nodes)]


def by_hand(layer, x: np.ndarray, edges: list[tuple[int, int]], e: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Both layers' equations with one loop over receivers and heads, in numpy."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    heads, width = layer.heads, layer.out_channels

    def leaky(z):
        return np.where(z > 0, z, layer.negative_slope * z)

    scores = np.zeros((len(edges), heads))
    values = np.zeros((len(x), heads, width))
    u = np.zeros((len(edges), heads, width))
    if e is not None:
        u = (e @ p["lin_edge.weight"].T).reshape(len(edges), heads, width)
    if isinstance(layer, GATConv):
        values = (x @ p["lin.weight"].T).reshape(len(x), heads, width)
        for number, (j, i) in enumerate(edges):
            for k in range(heads):
                s = p["att_src"][0, k] @ values[j, k] + p["att_dst"][0, k] @ values[i, k]
                if e is not None:
                    s += p["att_edge"][0, k] @ u[number, k]
                scores[number, k] = leaky(s)
    else:
        values = (x @ p["lin_l.weight"].T + p["lin_l.bias"]).reshape(len(x), heads, width)
        r = (x @ p["lin_r.weight"].T + p["lin_r.bias"]).reshape(len(x), heads, width)
        for number, (j, i) in enumerate(edges):
            for k in range(heads):
                scores[number, k] = p["att"][0, k] @ leaky(values[j, k] + r[i, k] + u[number, k])
    alpha = np.zeros_like(scores)
    y = np.zeros_like(values)
    for i in range(len(x)):
        mine = [number for number, (_, b) in enumerate(edges) if b == i]
        for k in range(heads):
            weights = [math.exp(scores[number, k]) for number in mine]
            for number, weight in zip(mine, weights, strict=True):
                alpha[number, k] = weight / sum(weights)
                y[i, k] += alpha[number, k] * values[edges[number][0], k]
    out = y.reshape(len(x), -1) if layer.concat else y.mean(1)
    return out + (x @ p["res.weight"].T if "res.weight" in p else 0) + p["bias"], alpha


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(("add_self_loops", "concat"), [(True, True), (False, False)])
def test_equals_a_loop_in_numpy(nasty, kind, add_self_loops, concat):
    layer = shaken(kind(3, 4, heads=2, concat=concat, add_self_loops=add_self_loops, residual=True))
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    expected, alpha = by_hand(layer, x.numpy(), edge_list(nasty, "replace" if add_self_loops else "keep"), None)
    seen = layer.observe(x, nasty)
    np.testing.assert_allclose(layer(x, nasty).detach().numpy(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(seen.attention.detach().numpy(), alpha, rtol=0, atol=1e-12)
    assert torch.equal(seen.output, layer(x, nasty))
    assert seen.graph.num_edges == len(alpha)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("fill", ["mean", "add", "max", 0.5, torch.tensor([1.0, -1.0], dtype=torch.float64)])
def test_edge_features_and_what_loops_get(nasty, kind, fill):
    layer = shaken(kind(3, 2, heads=2, edge_dim=2, fill_value=fill))
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    e = torch.randn(nasty.num_edges, 2, dtype=torch.float64)
    kept = [n for n in range(nasty.num_edges) if nasty.senders[n] != nasty.receivers[n]]
    loops = np.zeros((nasty.num_nodes, 2))
    for node in range(nasty.num_nodes):
        received = np.array([e[n].numpy() for n in kept if int(nasty.receivers[n]) == node])
        if not isinstance(fill, str):
            loops[node] = fill
        elif len(received):
            loops[node] = {"mean": received.mean(0), "add": received.sum(0), "max": received.max(0)}[fill]
    features = np.concatenate([e.numpy()[kept], loops]) if kept else loops
    expected, _ = by_hand(layer, x.numpy(), edge_list(nasty, "replace"), features)
    np.testing.assert_allclose(layer(x, nasty, e).detach().numpy(), expected, rtol=0, atol=1e-12)
    carried = Graph(nasty.senders, nasty.receivers, nasty.num_nodes, edge_features=e)
    np.testing.assert_allclose(layer(x, carried).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_value_and_gradients_equal_the_reference(nasty, kind):
    layer = shaken(kind(3, 2, heads=3, edge_dim=2, add_self_loops=False))
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64, requires_grad=True)
    e = torch.randn(nasty.num_edges, 2, dtype=torch.float64, requires_grad=True)
    u = layer.lin_edge(e).reshape(-1, 3, 2)
    ends = (nasty.senders, nasty.receivers)
    if kind is GATConv:
        vectors = (layer.att_src[0], layer.att_dst[0], 0.2, u, layer.att_edge[0])
        y, alpha = gat(x, *ends, layer.lin.weight, *vectors)
    else:
        left, right = (lin(x).reshape(-1, 3, 2) for lin in (layer.lin_l, layer.lin_r))
        y, alpha = gatv2(left, right, *ends, layer.att[0], 0.2, u)
    seen = layer.observe(x, nasty, e)
    expected = y.reshape(nasty.num_nodes, -1) + layer.bias
    torch.testing.assert_close(seen.output, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(seen.attention, alpha, rtol=0, atol=1e-12)
    wanted = [x, e, *layer.parameters()]
    cotangents = [torch.randn_like(expected), torch.randn_like(alpha)]
    for a, b in zip(
        torch.autograd.grad([seen.output, seen.attention], wanted, cotangents, allow_unused=True),
        torch.autograd.grad([expected, alpha], wanted, cotangents, allow_unused=True),
        strict=True,
    ):
        zero = torch.zeros(())
        torch.testing.assert_close(
            zero if a is None else a, zero.expand(a.shape).to(a) if b is None else b, atol=1e-11, rtol=0
        )


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_first_and_second_order(kind):
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    layer = shaken(kind(2, 2, heads=2, edge_dim=1))
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    e = torch.randn(6, 1, dtype=torch.float64, requires_grad=True)
    parameters = dict(layer.named_parameters())

    def call(x, e, *values):
        return torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), (x, graph, e))

    given = (x, e, *parameters.values())
    assert torch.autograd.gradcheck(call, given)
    assert torch.autograd.gradgradcheck(call, given, fast_mode=True)


def test_scoring_head_by_head_is_scoring_at_once(monkeypatch):
    graph = Graph.from_edge_index(torch.randint(9, (2, 40)), num_nodes=9)
    layer = shaken(GATv2Conv(3, 4, heads=3, edge_dim=2))
    x = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    e = torch.randn(40, 2, dtype=torch.float64, requires_grad=True)
    wanted = [x, e, *layer.parameters()]
    at_once = layer(x, graph, e)
    cotangent = torch.randn_like(at_once)
    first = torch.autograd.grad(at_once, wanted, cotangent)
    monkeypatch.setattr(attention, "_SCORED_AT_ONCE", 1)
    by_head = layer(x, graph, e)
    torch.testing.assert_close(by_head, at_once, rtol=0, atol=1e-13)
    torch.testing.assert_close(torch.autograd.grad(by_head, wanted, cotangent), first, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_batches_are_each_alone(nasty, kind):
    layer = shaken(kind(3, 2, heads=2, edge_dim=2))
    e = torch.randn(nasty.num_edges, 2, dtype=torch.float64)
    x = torch.randn(2, 3, nasty.num_nodes, 3, dtype=torch.float64)
    together = layer.observe(x, nasty, e)
    alone = [[layer.observe(one, nasty, e) for one in row] for row in x]
    outputs = torch.stack([torch.stack([one.output for one in row]) for row in alone])
    weights = torch.stack([torch.stack([one.attention for one in row]) for row in alone])
    torch.testing.assert_close(together.output, outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(together.attention, weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_batch_of_graphs_is_each_alone(kind):
    graphs = [Graph.from_text(text) for text in ("A-B B-C", "A", "A->B A-A", "A B")]
    layer = shaken(kind(3, 2, heads=2))
    x = [torch.randn(graph.num_nodes, 3, dtype=torch.float64) for graph in graphs]
    together = layer(torch.cat(x), batch(graphs))
    torch.testing.assert_close(together, torch.cat([layer(a, g) for a, g in zip(x, graphs, strict=True)]))


@pytest.mark.parametrize("kind", LAYERS)
def test_renaming_nodes_renames_outputs(nasty, kind):
    layer = shaken(kind(3, 2, heads=2))
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    new, edges = torch.randperm(nasty.num_nodes), torch.randperm(nasty.num_edges)
    renamed = Graph(new[nasty.senders[edges]], new[nasty.receivers[edges]], nasty.num_nodes)
    torch.testing.assert_close(layer(x[torch.argsort(new)], renamed)[new], layer(x, nasty), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_scores_of_any_size_are_safe(kind):
    graph = Graph.from_text("A->C B->C")
    layer = kind(2, 2, heads=2)
    x = torch.tensor([[1e4, -1e4], [3e4, 2e4], [0.0, 1.0]], requires_grad=True)
    output = layer(x, graph)
    output.sum().backward()
    assert torch.isfinite(output).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("kind", LAYERS)
def test_dropout_acts_on_attention_while_training_only(kind):
    graph = Graph.from_edge_index(torch.randint(30, (2, 600)), num_nodes=30)
    layer = kind(4, 3, heads=2, dropout=0.4)
    x = torch.randn(30, 4)
    attention_in_training = layer.observe(x, graph).attention
    share = float((attention_in_training == 0).float().mean())
    assert 0.3 < share < 0.5
    layer.eval()
    assert torch.equal(layer(x, graph), layer(x, graph))
    seen = layer.observe(x, graph)
    totals = torch.zeros(30, 2).index_add(0, seen.graph.receivers, seen.attention)
    torch.testing.assert_close(totals, torch.ones(30, 2))


@pytest.mark.parametrize("kind", LAYERS)
def test_what_does_not_fit_is_said(kind):
    x, edges = torch.randn(3, 2), torch.tensor([[0, 1], [1, 2]])
    for error, says, call in [
        (InputError, "made without edge_dim", lambda: kind(2, 2)(x, edges, torch.ones(2, 1))),
        (
            ShapeError,
            r"edge_attr \(3, 1\); \[2, 1\] would do",
            lambda: kind(2, 2, edge_dim=1)(x, edges, torch.ones(3, 1)),
        ),
        (
            UnknownName,
            "no fill_value 'men'; did you mean 'mean'",
            lambda: kind(2, 2, edge_dim=1, fill_value="men")(x, edges, torch.ones(2, 1)),
        ),
        (InputError, "dropout=1.5: the share", lambda: kind(2, 2, dropout=1.5)),
        (InputError, "heads=0", lambda: kind(2, 2, heads=0)),
        (InputError, "one whole number", lambda: kind((2, 2), 2)),
        (InputError, "edge 1 is 1→2, but nodes are numbered 0…1", lambda: kind(2, 2)(x[:2], edges)),
    ]:
        with pytest.raises(error, match=says):
            call()

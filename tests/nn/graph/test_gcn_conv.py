"""GCNConv against a dense formula in numpy, against the equation's own page, and by law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import Graph, batch
from unrolled.kernels.reference.gcn import gcn
from unrolled.kernels.sparse import Operator
from unrolled.nn.gcn_conv import GCNConv


def normalised(a: np.ndarray, self_loops: str, fill: float, normalisation: str) -> np.ndarray:
    nodes = len(a)
    if self_loops == "add":
        a = a + fill * np.eye(nodes)
    elif self_loops == "remaining":
        a = a + fill * np.diag([0.0 if a[i, i] else 1.0 for i in range(nodes)])
    elif self_loops in ("remove", "replace"):
        a = a - np.diag(np.diag(a)) + (fill * np.eye(nodes) if self_loops == "replace" else 0)
    degree = a.sum(1)
    with np.errstate(divide="ignore"):
        if normalisation == "symmetric":
            s = np.where(degree > 0, degree**-0.5, 0.0)
            return s[:, None] * a * s[None, :]
        if normalisation == "random-walk":
            return np.where(degree != 0, 1 / degree, 0.0)[:, None] * a
    return a


@pytest.mark.parametrize("normalisation", ["symmetric", "random-walk"])
@pytest.mark.parametrize("self_loops", ["add", "remaining", "keep", "remove", "replace"])
def test_equals_a_dense_formula(nasty, dense, normalisation, self_loops):
    layer = GCNConv(3, 4, improved=True, hops=2, normalisation=normalisation, self_loops=self_loops).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    matrix = normalised(dense(nasty), self_loops, 2.0, normalisation)
    weight, bias = layer.lin.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = matrix @ matrix @ x.numpy() @ weight.T + bias
    np.testing.assert_allclose(layer(x, nasty).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [(2, 7), (7, 2)], ids=["narrow first", "wide first"])
def test_value_and_gradients_equal_the_reference(nasty, channels):
    inputs, outputs = channels
    layer = GCNConv(inputs, outputs).double()
    weights = nasty.weights(torch.float64).requires_grad_()
    x = torch.randn(nasty.num_nodes, inputs, dtype=torch.float64, requires_grad=True)
    graph = nasty.with_self_loops("remaining")
    loops = graph.num_edges - nasty.num_edges
    all_weights = torch.cat([weights, weights.new_ones(loops)])
    expected = gcn(x, graph.senders, graph.receivers, all_weights, layer.lin.weight, layer.bias)
    found = layer(x, nasty.edge_index, weights)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(found)
    wanted = [x, layer.lin.weight, layer.bias, weights]
    for a, b in zip(
        torch.autograd.grad(found, wanted, cotangent, allow_unused=True),
        torch.autograd.grad(expected, wanted, cotangent, allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 7), (7, 2)])
def test_the_product_runs_at_the_narrower_width(inputs, outputs, monkeypatch):
    widths = []
    plain = Operator.__matmul__
    monkeypatch.setattr(Operator, "__matmul__", lambda self, x: (widths.append(x.shape[-1]), plain(self, x))[1])
    GCNConv(inputs, outputs, hops=2)(torch.randn(3, inputs, requires_grad=True), Graph.from_text("A-B B-C"))
    assert widths == [2, 2]


def test_gradients_of_first_and_second_order():
    graph = Graph.from_edge_index([[0, 1, 1, 2, 2, 0], [1, 1, 2, 0, 0, 0]], num_nodes=4)
    layer = GCNConv(2, 3, hops=2).double()
    weights = (torch.rand(6, dtype=torch.float64) + 0.5).requires_grad_()
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)

    def call(x, weights):
        return layer(x, graph, weights)

    assert torch.autograd.gradcheck(call, (x, weights))
    assert torch.autograd.gradgradcheck(call, (x, weights))


def test_a_batch_on_one_graph_is_each_alone(nasty):
    layer = GCNConv(3, 4).double()
    x = torch.randn(2, 5, nasty.num_nodes, 3, dtype=torch.float64, requires_grad=True)
    together = layer(x, nasty)
    alone = torch.stack([torch.stack([layer(one, nasty) for one in row]) for row in x])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(together)
    torch.testing.assert_close(
        torch.autograd.grad(together, x, cotangent)[0],
        torch.autograd.grad(alone, x, cotangent)[0],
        rtol=0,
        atol=1e-12,
    )


def test_a_batch_of_graphs_is_each_alone():
    graphs = [Graph.from_text(text) for text in ("A-B B-C", "A", "A->B A-A", "A B")]
    layer = GCNConv(3, 2).double()
    x = [torch.randn(graph.num_nodes, 3, dtype=torch.float64) for graph in graphs]
    together = layer(torch.cat(x), batch(graphs))
    torch.testing.assert_close(together, torch.cat([layer(a, g) for a, g in zip(x, graphs, strict=True)]))


def test_renaming_nodes_renames_outputs(nasty):
    layer = GCNConv(3, 4).double()
    x = torch.randn(nasty.num_nodes, 3, dtype=torch.float64)
    new = torch.randperm(nasty.num_nodes)
    old = torch.argsort(new)
    edges = torch.randperm(nasty.num_edges)
    weight = None if nasty.edge_weight is None else nasty.edge_weight[edges]
    renamed = Graph(new[nasty.senders[edges]], new[nasty.receivers[edges]], nasty.num_nodes, weight)
    torch.testing.assert_close(layer(x[old], renamed)[new], layer(x, nasty), rtol=0, atol=1e-12)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_node_hears_exactly_its_neighbourhood(hops):
    graph = Graph.from_text("A->B B->C C->D D-E F->B G")
    layer = GCNConv(1, 1, hops=hops).double()
    x = torch.randn(7, 1, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x, graph), x)[:, 0, :, 0]
    from unrolled.graph.reach import hop_distances

    for source in range(7):
        distance = hop_distances(graph, source)
        heard = (distance >= 0) & (distance <= hops)
        assert torch.equal(jacobian[:, source] != 0, heard)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near(dtype):
    graph = Graph.from_edge_index(torch.randint(50, (2, 400)), num_nodes=50)
    layer = GCNConv(16, 8)
    x = torch.randn(50, 16)
    half = GCNConv(16, 8)
    half.load_state_dict(layer.state_dict())
    half = half.to(dtype)
    low = x.to(dtype).requires_grad_()
    found = half(low, graph)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), layer(x, graph), rtol=0.05, atol=0.05)
    found.sum().backward()
    assert low.grad is not None
    assert low.grad.dtype == dtype


def test_autocast_reaches_the_product():
    graph = Graph.from_edge_index(torch.randint(50, (2, 400)), num_nodes=50)
    layer = GCNConv(16, 8)
    x = torch.randn(50, 16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x, graph)
    torch.testing.assert_close(found.float(), layer(x, graph), rtol=0.05, atol=0.05)
    found.float().sum().backward()
    assert x.grad is not None


def test_what_does_not_fit_is_said_in_one_line():
    layer = GCNConv(3, 2)
    x = torch.randn(4, 3)
    cases = [
        (ShapeError, r"x \(4, 2\); \[N, 3\]", lambda: layer(torch.randn(4, 2), [[0], [1]])),
        (InputError, "edge 1 is 0→4, but nodes are numbered 0…3", lambda: layer(x, torch.tensor([[0, 0], [1, 4]]))),
        (InputError, "edge 0 is -1→0", lambda: layer(x, torch.tensor([[-1], [0]]))),
        (InputError, "edge_index has dtype float32", lambda: layer(x, torch.tensor([[0.0], [1.0]]))),
        (ShapeError, r"edge_index \(3, 2\)", lambda: layer(x, torch.zeros(3, 2, dtype=torch.long))),
        (
            InputError,
            "the weight of edge 0 is nan",
            lambda: layer(x, torch.tensor([[0], [1]]), torch.tensor([torch.nan])),
        ),
        (ShapeError, r"edge weights \(2,\) for 1 edges", lambda: layer(x, torch.tensor([[0], [1]]), torch.ones(2))),
        (ShapeError, "has 4 nodes, the graph 2", lambda: layer(x, Graph.from_text("A-B"))),
        (InputError, "no pair of node kinds", lambda: layer((x, x), torch.tensor([[0], [1]]))),
        (InputError, "x has dtype int64", lambda: layer(torch.ones(4, 3, dtype=torch.long), torch.tensor([[0], [1]]))),
        (InputError, "in_channels=-1", lambda: GCNConv(-1, 2)),
        (InputError, "flow='source_to_target' only", lambda: GCNConv(3, 2, flow="target_to_source")),
        (InputError, "no argument 'agr'", lambda: GCNConv(3, 2, agr="add")),
        (InputError, "needs normalize=True", lambda: GCNConv(3, 2, add_self_loops=True, normalize=False)),
        (UnknownName, "did you mean 'symmetric'", lambda: GCNConv(3, 2, normalisation="symetric")),
        (InputError, "node 1 has degree -1", lambda: layer(x, torch.tensor([[0], [1]]), torch.tensor([-2.0]))),
    ]
    for error, says, call in cases:
        with pytest.raises(error, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)

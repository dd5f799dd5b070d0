"""WalkGRU against a plain loop in numpy along given walks, and the walks against their probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph, batch
from unrolled.graph.walks import random_walks

EDGES = ([0, 0, 1, 2, 2, 3], [1, 2, 0, 1, 2, 3])  # loops at 2 and 3; node 4 alone


def some_graph() -> Graph:
    return Graph.from_edge_index(torch.tensor(EDGES), torch.tensor([1.0, 3.0, 2.0, 0.5, 0.5, 1.0]), 5)


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def test_equals_the_equations_along_given_walks():
    layer, graph = nn.WalkGRU(3, 4, steps=5).double(), some_graph()
    x, nodes = torch.randn(5, 3, dtype=torch.float64), torch.tensor([[0, 4], [2, 4], [2, 4], [1, 4], [0, 4]])
    W_ih, W_hh, b, c = (parameter.detach().numpy() for parameter in layer.gru.parameters())
    neighbourhood = np.zeros((5, 3))
    for sender, receiver, weight in zip(*EDGES, graph.edge_weight.tolist(), strict=True):
        neighbourhood[receiver] += weight * x[sender].numpy()
    total, ends = np.zeros(4), []
    for walk in nodes.T.tolist():
        h = np.zeros(4)
        for v in walk:
            read = [
                W_ih[4 * g : 4 * g + 4, :3] @ x[v].numpy() + W_ih[4 * g : 4 * g + 4, 3:] @ neighbourhood[v]
                for g in range(3)
            ]
            state = [W_hh[4 * g : 4 * g + 4] @ h + c[4 * g : 4 * g + 4] for g in range(3)]
            r, u = sigmoid(read[0] + b[:4] + state[0]), sigmoid(read[1] + b[4:8] + state[1])
            h = (1 - u) * np.tanh(read[2] + b[8:] + r * state[2]) + u * h
            total += h / 2
        ends.append(h)
    vectors, final = layer(x, graph, nodes=nodes)
    np.testing.assert_allclose(vectors.detach().numpy(), total[None], rtol=0, atol=1e-13)
    np.testing.assert_allclose(final[0].detach().numpy(), np.stack(ends), rtol=0, atol=1e-13)
    seen = layer.observe(x, graph, nodes=nodes)
    torch.testing.assert_close(seen.vectors, vectors, rtol=0, atol=1e-13)
    assert seen.seen.layers[0][0]["update_gate"].shape == (5, 2, 4)


def test_walkers_take_edges_by_their_weight_and_stay_where_none_leads_on():
    generator = torch.Generator().manual_seed(0)
    nodes = random_walks(some_graph(), torch.arange(5).repeat_interleave(20000), 2, generator)
    arrived = torch.zeros(5, 5, dtype=torch.float64)
    arrived.index_put_((nodes[0], nodes[1]), torch.ones(100000, dtype=torch.float64) / 20000, accumulate=True)
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[0, 1], expected[0, 2], expected[1, 0], expected[2, 1], expected[2, 2] = 0.25, 0.75, 1, 0.5, 0.5
    expected[3, 3] = expected[4, 4] = 1
    torch.testing.assert_close(arrived, expected, rtol=0, atol=0.02)  # six standard deviations
    assert torch.equal(arrived == 0, expected == 0)
    assert random_walks(Graph.from_text("A B"), torch.arange(2), 3).tolist() == [[0, 1]] * 3


def test_graphs_of_a_batch_do_not_meet_and_one_seed_gives_one_answer():
    layer, graphs = nn.WalkGRU(3, 4, walks=2).double(), [some_graph(), Graph.from_text("A-B B-C")]
    x = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    whole = batch(graphs)
    torch.manual_seed(3)
    vectors, final = layer(x, whole)
    assert vectors.shape == (2, 4)
    assert final.shape == (1, 16, 4)
    (gradient,) = torch.autograd.grad(vectors[0].sum(), x, retain_graph=True)
    assert gradient[:5].abs().sum(1).all()
    assert not gradient[5:].any()
    torch.manual_seed(3)
    nodes = layer.walk(whole)
    alone, _ = layer(x[5:], graphs[1], nodes=nodes[:, 10:] - 5)
    torch.testing.assert_close(vectors[1:], alone, rtol=0, atol=1e-12)


def test_renaming_nodes_changes_nothing_along_the_same_walks():
    layer, graph, new = nn.WalkGRU(3, 4).double(), some_graph(), torch.randperm(5)
    x, nodes = torch.randn(5, 3, dtype=torch.float64), layer.walk(graph)
    renamed = Graph(new[graph.senders], new[graph.receivers], 5, graph.edge_weight)
    torch.testing.assert_close(
        layer(x[torch.argsort(new)], renamed, nodes=new[nodes]), layer(x, graph, nodes=nodes), rtol=0, atol=1e-13
    )


def test_gradients_and_gradients_of_gradients():
    layer, graph = nn.WalkGRU(2, 2, steps=3).double(), some_graph()
    nodes, x = layer.walk(graph), torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, graph, nodes=nodes), [x], fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x, graph, nodes=nodes), [x], fast_mode=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.WalkGRU(3, 4, 0), InputError, "steps=0"),
        (lambda: nn.WalkGRU(3, 4)(torch.randn(4, 3), some_graph()), ShapeError, "has 4 nodes, the graph 5"),
        (lambda: nn.WalkGRU(3, 4)(torch.randn(2, 5, 3), some_graph()), ShapeError, r"\[N, 3\]"),
        (lambda: nn.WalkGRU(3, 4)(torch.randn(5, 3), some_graph(), nodes=torch.arange(3)), ShapeError, "walks"),
        (
            lambda: random_walks(some_graph().with_edge_weight(-torch.ones(6)), torch.arange(5), 2),
            InputError,
            "the weight of edge 0 is negative",
        ),
        (lambda: random_walks(some_graph(), torch.tensor([7]), 2), InputError, "nodes are numbered"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()

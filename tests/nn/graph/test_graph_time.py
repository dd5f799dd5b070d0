"""The layers over a graph and time against dense float64 formulas in numpy and PyG Temporal's algorithm."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph

T, B, N, I, H = 5, 2, 6, 3, 4
EDGES = ([0, 1, 1, 2, 3, 3, 4, 2], [1, 0, 2, 2, 1, 4, 3, 2])  # directed, a loop at 2 (twice), node 5 alone


def graph_at(t: int) -> Graph:
    generator = torch.Generator().manual_seed(t)
    keep = torch.rand(len(EDGES[0]), generator=generator) < (2.0 if t == 0 else 0.7)
    weight = torch.rand(len(EDGES[0]), generator=generator, dtype=torch.float64) + 0.3
    return Graph.from_edge_index(torch.tensor(EDGES)[:, keep], weight[keep], N)


def adjacency(graph: Graph) -> np.ndarray:
    a = np.zeros((graph.num_nodes, graph.num_nodes))
    weights = graph.weights(torch.float64).tolist()
    for sender, receiver, weight in zip(graph.senders.tolist(), graph.receivers.tolist(), weights, strict=True):
        a[receiver, sender] += weight
    return a


def inverse(d: np.ndarray, power: float) -> np.ndarray:
    return np.where(d > 0, np.where(d > 0, d, 1.0) ** power, 0.0)


def cheb_terms(graph: Graph, K: int, normalization: str | None) -> list[np.ndarray]:
    a = adjacency(graph)
    np.fill_diagonal(a, 0)
    d = a.sum(0)  # what each sends
    if normalization == "sym":
        laplacian = np.eye(len(a)) - inverse(d, -0.5)[:, None] * a * inverse(d, -0.5)
    elif normalization == "rw":
        laplacian = np.eye(len(a)) - a * inverse(d, -1.0)
    else:
        laplacian = np.diag(d) - a
    scaled = 2 * laplacian / (2 * laplacian.max() or np.inf) - np.eye(len(a))
    terms = [np.eye(len(a)), scaled]
    while len(terms) < K:
        terms.append(2 * scaled @ terms[-1] - terms[-2])
    return terms[:K]


def gcn_terms(graph: Graph) -> list[np.ndarray]:
    a = adjacency(graph)
    looped = set(graph.senders[graph.senders == graph.receivers].tolist())
    for node in set(range(len(a))) - looped:
        a[node, node] = 1.0
    d = inverse(a.sum(1), -0.5)
    return [d[:, None] * a * d]


def diffusion_terms(graph: Graph, K: int) -> list[np.ndarray]:
    """By walks: what a walker from i finds after k steps along the edges, then the same against them."""
    w = adjacency(graph).T  # W[i, j]: i→j
    along, against = inverse(w.sum(1), -1.0)[:, None] * w, inverse(w.sum(0), -1.0)[:, None] * w.T
    powers = range(1, K)
    return [np.eye(N), *(np.linalg.matrix_power(m, k) for m in (along, against) for k in powers)]


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def run(layer, x, terms_at, state=None):
    """One layer over x [T,N,I], by the papers' equations and plain loops over gates and terms: outputs and state."""
    kind, H = layer.cell.name, layer.hidden_size
    W_ih, W_hh, b, _, p = [None if w is None else w.detach().numpy() for w in layer.cell_weights(0)]
    h, c = state or (np.zeros((x.shape[1], H)), np.zeros((x.shape[1], H)))
    outputs = []

    def conv(weights: np.ndarray, gate: int, terms: list[np.ndarray], x: np.ndarray) -> np.ndarray:
        width = x.shape[1]
        rows = weights[gate * H : (gate + 1) * H]
        return sum(term @ x @ rows[:, k * width : (k + 1) * width].T for k, term in enumerate(terms))

    for t in range(len(x)):
        terms = terms_at(t)

        def gate(number: int, read: np.ndarray, t=t, terms=terms) -> np.ndarray:
            bias = 0 if b is None else b[number * H : (number + 1) * H]
            return conv(W_ih, number, terms, x[t]) + conv(W_hh, number, terms, read) + bias

        if kind == "gconv-rnn":
            h = np.tanh(gate(0, h))
        elif kind == "gconv-gru":
            r, u = sigmoid(gate(0, h)), sigmoid(gate(1, h))
            h = u * h + (1 - u) * np.tanh(gate(2, r * h))
        else:
            p_i, p_f, p_o = np.zeros((3, H)) if p is None else p.reshape(3, H)
            i, f = sigmoid(gate(0, h) + p_i * c), sigmoid(gate(1, h) + p_f * c)
            c = f * c + i * np.tanh(gate(2, h))
            h = sigmoid(gate(3, h) + p_o * c) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), (h, c)


FILTERS = {
    "cheb 1": ({"K": 1}, lambda g: cheb_terms(g, 1, "sym")),
    "cheb 2": ({}, lambda g: cheb_terms(g, 2, "sym")),
    "cheb 4, rw": ({"K": 4, "normalization": "rw"}, lambda g: cheb_terms(g, 4, "rw")),
    "cheb 3, none": ({"K": 3, "normalization": None}, lambda g: cheb_terms(g, 3, None)),
    "gcn": ({"filter": "gcn"}, gcn_terms),
}


def drawn(layer):
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return layer.double()


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize("options", FILTERS)
@pytest.mark.parametrize("kind", [nn.GConvRNN, nn.GConvGRU, nn.GConvLSTM])
def test_equals_a_dense_formula_step_by_step(kind, options, changing):
    arguments, terms = FILTERS[options]
    layer = drawn(kind(I, H, **arguments))
    x = torch.randn(T, N, I, dtype=torch.float64)
    graphs = [graph_at(t if changing else 0) for t in range(T)]
    start = [torch.randn(1, N, H, dtype=torch.float64) for _ in layer.state_names]
    expected, (h, c) = run(layer, x.numpy(), lambda t: terms(graphs[t]), (start[0][0].numpy(), start[-1][0].numpy()))
    output, state = layer(x, graphs if changing else graphs[0], start[0] if len(start) == 1 else tuple(start))
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=0, atol=1e-12)
    for field, wanted in zip(state if isinstance(state, tuple) else [state], (h, c), strict=False):
        np.testing.assert_allclose(field[0].detach().numpy(), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize("K", [1, 2, 3])
def test_dcrnn_is_the_papers_diffusion(K, changing):
    layer = drawn(nn.DCRNN(I, H, K))
    x = torch.randn(T, N, I, dtype=torch.float64)
    graphs = [graph_at(t if changing else 0) for t in range(T)]
    expected, (h, _) = run(layer, x.numpy(), lambda t: diffusion_terms(graphs[t], K))
    output, state = layer(x, graphs if changing else graphs[0])
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state[0].detach().numpy(), h, rtol=0, atol=1e-12)


def test_a_walk_along_an_edge_reads_where_it_leads():
    layer = nn.DCRNN(1, 1, 2).double()
    torch.nn.init.zeros_(layer.weight_ih_l0)
    layer.weight_ih_l0.data[2] = torch.tensor([0.0, 1.0, 0.0])  # the candidate: one step along the edges alone
    x = torch.tensor([[[0.3], [0.5], [0.9]]], dtype=torch.float64)
    output, _ = layer(x, Graph.from_text("A->B B->C"))
    torch.testing.assert_close(output[0, :, 0], 0.5 * torch.tensor([0.5, 0.9, 0.0], dtype=torch.float64).tanh())


def test_without_peepholes_and_bias():
    layer = drawn(nn.GConvLSTM(I, H, bias=False, peepholes=False))
    assert set(layer.state_dict()) == {"weight_ih_l0", "weight_hh_l0"}
    x = torch.randn(T, N, I, dtype=torch.float64)
    expected, _ = run(layer, x.numpy(), lambda t: cheb_terms(graph_at(0), 2, "sym"))
    np.testing.assert_allclose(layer(x, graph_at(0))[0].detach().numpy(), expected, rtol=0, atol=1e-12)


def test_without_edges_and_with_one_term_it_is_the_cell_itself():
    layer, plain = drawn(nn.GConvLSTM(I, H, 1)), nn.PeepholeLSTM(I, H).double()
    own = layer.state_dict()
    plain.load_state_dict(
        {
            **{key: own[key] for key in ("weight_ih_l0", "weight_hh_l0", "peephole_l0")},
            "bias_ih_l0": own["bias_l0"],
            "bias_hh_l0": torch.zeros_like(own["bias_l0"]),
        }
    )
    x = torch.randn(T, N, I, dtype=torch.float64)
    torch.testing.assert_close(layer(x, graph_at(1))[0], plain(x)[0], rtol=0, atol=1e-13)


class TemporalLSTM(torch.nn.Module):
    """PyG Temporal's GConvLSTM, its algorithm with PyG's ChebConv; the package itself does not install."""

    def __init__(self, inputs: int, outputs: int, K: int, normalization: str | None) -> None:
        super().__init__()
        from torch_geometric.nn import ChebConv

        for gate in "ifco":
            setattr(self, f"conv_x_{gate}", ChebConv(inputs, outputs, K, normalization=normalization))
            setattr(self, f"conv_h_{gate}", ChebConv(outputs, outputs, K, normalization=normalization))
            setattr(self, f"b_{gate}", torch.nn.Parameter(torch.randn(1, outputs)))
            if gate != "c":
                setattr(self, f"w_c_{gate}", torch.nn.Parameter(torch.randn(1, outputs)))

    def forward(self, x, edge_index, edge_weight, h, c):
        def arrived(gate: str) -> torch.Tensor:
            from_x = getattr(self, f"conv_x_{gate}")(x, edge_index, edge_weight)
            return from_x + getattr(self, f"conv_h_{gate}")(h, edge_index, edge_weight)

        i = torch.sigmoid(arrived("i") + self.w_c_i * c + self.b_i)
        f = torch.sigmoid(arrived("f") + self.w_c_f * c + self.b_f)
        c = f * c + i * torch.tanh(arrived("c") + self.b_c)
        o = torch.sigmoid(arrived("o") + self.w_c_o * c + self.b_o)
        return o * torch.tanh(c), c


class TemporalGRU(torch.nn.Module):
    """PyG Temporal's GConvGRU, likewise."""

    def __init__(self, inputs: int, outputs: int, K: int, normalization: str | None) -> None:
        super().__init__()
        from torch_geometric.nn import ChebConv

        for gate in "zrh":
            setattr(self, f"conv_x_{gate}", ChebConv(inputs, outputs, K, normalization=normalization))
            setattr(self, f"conv_h_{gate}", ChebConv(outputs, outputs, K, normalization=normalization))

    def forward(self, x, edge_index, edge_weight, h, c):
        def arrived(gate: str, h: torch.Tensor) -> torch.Tensor:
            from_x = getattr(self, f"conv_x_{gate}")(x, edge_index, edge_weight)
            return from_x + getattr(self, f"conv_h_{gate}")(h, edge_index, edge_weight)

        z, r = torch.sigmoid(arrived("z", h)), torch.sigmoid(arrived("r", h))
        return z * h + (1 - z) * torch.tanh(arrived("h", h * r)), c


@pytest.mark.parametrize("normalization", ["sym", "rw"])
@pytest.mark.parametrize(("kind", "theirs"), [(nn.GConvLSTM, TemporalLSTM), (nn.GConvGRU, TemporalGRU)])
def test_equals_pyg_temporals_algorithm_at_its_weights(kind, theirs, normalization):
    pytest.importorskip("torch_geometric")
    peer, layer = theirs(I, 16, 3, normalization), kind(I, 16, 3, normalization)
    for name, parameter in peer.named_parameters():
        torch.nn.init.normal_(parameter, std=0.7 if "bias" in name else 0.3)
    nn.load_pyg_temporal(layer, peer.state_dict())
    graph = graph_at(0)
    weight = graph.edge_weight.float()
    x = torch.randn(T, N, I)
    h, c = torch.zeros(N, 16), torch.zeros(N, 16)
    outputs = []
    for x_t in x:
        h, c = peer(x_t, graph.edge_index, weight, h, c)
        outputs.append(h)
    output, _ = layer(x, graph.with_edge_weight(weight))
    torch.testing.assert_close(output, torch.stack(outputs), rtol=0, atol=1e-6)


def test_pyg_temporals_weights_that_do_not_fit_are_refused():
    pytest.importorskip("torch_geometric")
    theirs = TemporalLSTM(I, H, 2, "sym").state_dict()
    with pytest.raises(ShapeError, match=r"weight_ih_l0 is \[20, 6\] here, but \[16, 6\] there"):
        nn.load_pyg_temporal(nn.GConvLSTM(I, H + 1), theirs)
    with pytest.raises(InputError, match=r"no 'conv_x_i\.lins\.2\.weight'"):
        nn.load_pyg_temporal(nn.GConvLSTM(I, H, 3), theirs)
    with pytest.raises(InputError, match="have biases and the layer has none"):
        nn.load_pyg_temporal(nn.GConvLSTM(I, H, bias=False), theirs)
    with pytest.raises(InputError, match="no counterpart in PyG Temporal"):
        nn.load_pyg_temporal(nn.GConvRNN(I, H), theirs)


@pytest.mark.parametrize("changing", [False, True])
def test_graph_recurrent_is_the_graph_layer_at_each_step_and_then_the_cell(changing):
    conv, cell = drawn(nn.GCNConv(I, 5)), drawn(nn.LSTM(5, H, 2, bidirectional=True))
    layer = nn.GraphRecurrent(conv, cell, activation="tanh")
    x = torch.randn(T, N, I, dtype=torch.float64)
    graphs = [graph_at(t if changing else 0) for t in range(T)]
    W, b = conv.lin.weight.detach().numpy(), conv.bias.detach().numpy()
    y = np.stack([np.tanh(gcn_terms(g)[0] @ x_t.numpy() @ W.T + b) for g, x_t in zip(graphs, x, strict=True)])
    expected, (h, c) = cell(torch.from_numpy(y))
    output, state = layer(x, graphs if changing else graphs[0])
    torch.testing.assert_close((output, *state), (expected, h, c), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pool", nn.POOLS)
def test_a_pooled_graph_is_one_row(pool):
    conv, cell = drawn(nn.GCNConv(I, 5)), drawn(nn.GRU(5, H))
    layer = nn.GraphRecurrent(conv, cell, pool=pool)
    x, graph = torch.randn(T, N, I, dtype=torch.float64), graph_at(0)
    present = torch.rand(T, N) < 0.6
    present[0] = True
    present[2] = False  # nobody is there: the step is left out
    rows = []
    for t in range(T):
        nodes = present[t].nonzero().squeeze(1)
        if len(nodes):
            y = conv(x[t, nodes], graph.subgraph(nodes))
            rows.append({"mean": y.mean(0), "sum": y.sum(0), "max": y.amax(0)}[pool])
    expected, final = cell(torch.stack(rows))
    output, state = layer(x, graph, present=present)
    assert output.shape == (T, H)
    assert not output[2].any()
    torch.testing.assert_close(output[[0, 1, 3, 4]], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, final, rtol=0, atol=1e-12)
    batched, _ = layer(torch.stack([x, x.flip(0)], 1), graph)
    assert batched.shape == (T, 2, H)
    torch.testing.assert_close(batched[:, 0], layer(x, graph)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "conv",
    [
        lambda: nn.GATConv(I, 5, heads=2, concat=False),
        lambda: nn.GATv2Conv(I, 5),
        lambda: nn.SAGEConv(I, 5),
        lambda: nn.ChebConv(I, 5, 3, normalization=None),
        lambda: torch.nn.ModuleList([nn.MessagePassing(lambda s, r, e: (s - r) * e.weight, "max")])[0],
    ],
    ids=["gat", "gatv2", "sage", "cheb, none", "message passing"],
)
def test_any_graph_layer_reads_each_snapshot_by_itself(conv):
    conv = drawn(conv())
    width = 3 if isinstance(conv, nn.MessagePassing) else 5
    cell = drawn(nn.RNN(width, H))
    x = torch.randn(T, B, N, I, dtype=torch.float64)
    graphs = [graph_at(t) for t in range(T)]
    y = torch.stack([torch.stack([conv(x_tb, g) for x_tb in x_t]) for x_t, g in zip(x, graphs, strict=True)])
    expected = cell(y.reshape(T, B * N, width))[0].reshape(T, B, N, H)
    torch.testing.assert_close(nn.GraphRecurrent(conv, cell)(x, graphs)[0], expected, rtol=0, atol=1e-12)


def test_a_cell_of_ones_own():
    layer = nn.GraphRecurrent(nn.GCNConv(I, 5), nn.Recurrent(torch.nn.LSTMCell(5, H))).double()
    x = torch.randn(T, B, N, I, dtype=torch.float64)
    output, (hidden, memory) = layer(x, graph_at(0))
    assert output.shape == (T, B, N, H)
    assert hidden.shape == memory.shape == (1, B, N, H)
    assert set(layer.observe(x, graph_at(0)).layers[0][0]) == {"hidden", "memory"}

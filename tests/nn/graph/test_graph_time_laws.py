"""True of every layer over a graph and time: of the table's, their filters, and pairs of a graph layer and a cell."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, ShapeError, UnknownName, UnrolledError
from unrolled.graph import Graph
from unrolled.kernels import graph_recurrent

T, B, N, I, H = 5, 3, 6, 3, 4

LAYERS: dict[str, Callable[..., torch.nn.Module]] = {
    **nn.GRAPH_TIME_LAYERS,
    "dcrnn, three steps": lambda i, h, **o: nn.DCRNN(i, h, 3, **o),
    "gconv-gru, gcn": lambda i, h, **o: nn.GConvGRU(i, h, filter="gcn", **o),
    "gconv-lstm, two layers": lambda i, h, **o: nn.GConvLSTM(i, h, 3, None, num_layers=2, **o),
    "gcn, lstm": lambda i, h, **o: nn.GraphRecurrent(nn.GCNConv(i, 5), nn.LSTM(5, h), **o),
    "gat, gru": lambda i, h, **o: nn.GraphRecurrent(nn.GATConv(i, 5), nn.GRU(5, h, 2), activation="tanh", **o),
}


@pytest.fixture(params=LAYERS)
def make(request) -> Callable[..., torch.nn.Module]:
    """Every layer, with all weights drawn, in float64."""

    def made(inputs: int = I, hidden: int = H, **options) -> torch.nn.Module:
        layer = LAYERS[request.param](inputs, hidden, **options).double()
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.6)
        return layer

    return made


def some_graph(seed: int = 0, nodes: int = N) -> Graph:
    """Directed and weighted, a loop or two, its last node alone."""
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(nodes - 1, (2, 3 * nodes), generator=generator)
    return Graph.from_edge_index(ends, torch.rand(3 * nodes, generator=generator, dtype=torch.float64) + 0.2, nodes)


def changing(steps: int = T, first: int = 0) -> list[Graph]:
    return [some_graph(first + t) for t in range(steps)]


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def fields(state) -> list[torch.Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


def start_of(layer, x) -> object:
    _, state = layer(x[:1], some_graph(9))
    state = tuple(draw(*field.shape) for field in fields(state))
    return state if len(state) > 1 else state[0]


def same(got, expected) -> None:
    torch.testing.assert_close(
        [*fields(got[0]), *fields(got[1])], [*fields(expected[0]), *fields(expected[1])], rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
def test_the_whole_sequence_is_step_by_step(make, graph):
    layer, x = make(), draw(T, B, N, I)
    state = start = start_of(layer, x)
    outputs = []
    for t in range(T):
        output, state = layer.step(x[t], graph[t] if isinstance(graph, list) else graph, state)
        outputs.append(output)
    same((torch.stack(outputs), state), layer(x, graph, start))


def test_permuting_time_changes_the_output(make):
    layer, x = make(), draw(T, N, I)
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = layer(x[order], some_graph())[0][torch.argsort(order)]
    assert (permuted - layer(x, some_graph())[0]).abs().max() > 0.01


def test_a_fixed_graph_given_t_times_is_the_fixed_graph(make):
    layer, x, graph = make(), draw(T, B, N, I), some_graph()
    again = [some_graph() for _ in range(T)]
    same(layer(x, again), layer(x, graph))
    same(layer(x, [graph] * T), layer(x, graph))
    same(layer(x, [[some_graph() for _ in range(B)] for _ in range(T)]), layer(x, graph))
    edges = Graph.from_edge_index(graph.edge_index, None, N)
    same(layer(x, [graph.edge_index] * T), layer(x, edges))


def test_rows_of_a_batch_do_not_meet(make):
    layer, x = make(), draw(T, B, N, I).requires_grad_()
    output, state = layer(x, changing())
    (gradient,) = torch.autograd.grad(output[:, 1].sum() + fields(state)[0][:, 1].sum(), x)
    assert gradient[:, 1].any()
    assert not gradient[:, [0, 2]].any()
    for row in range(B):
        alone, end = layer(x[:, row], changing())
        torch.testing.assert_close(output[:, row], alone, rtol=0, atol=1e-11)
        torch.testing.assert_close(fields(state)[0][:, row], fields(end)[0], rtol=0, atol=1e-11)


def test_sequences_with_graphs_of_their_own_are_each_alone(make):
    layer, x = make(), draw(T, B, N, I)
    own = [[some_graph(10 * row + t) for row in range(B)] for t in range(T)]
    output, state = layer(x, own)
    for row in range(B):
        alone, end = layer(x[:, row], [graphs[row] for graphs in own])
        torch.testing.assert_close(output[:, row], alone, rtol=0, atol=1e-11)
        torch.testing.assert_close([field[:, row] for field in fields(state)], fields(end), rtol=0, atol=1e-11)
    by_row = [list(graphs) for graphs in zip(*own, strict=True)]
    layer.batch_first = True
    same((layer(x.transpose(0, 1), by_row)[0].transpose(0, 1), state), (output, state))
    step, _ = layer.step(x[0], own[0])
    torch.testing.assert_close(step, output[0], rtol=0, atol=1e-11)


def test_the_future_does_not_reach_the_past(make):
    layer, x = make(), draw(T, N, I).requires_grad_()
    output, _ = layer(x, changing())
    for t in range(T):
        (gradient,) = torch.autograd.grad(output[t].sum(), x, retain_graph=True)
        assert not gradient[t + 1 :].any()
        assert gradient[: t + 1].abs().sum((1, 2)).all()


def test_renaming_nodes_renames_outputs(make):
    layer, x, new = make(), draw(T, N, I), torch.randperm(N)
    old = torch.argsort(new)

    def renamed(graph: Graph) -> Graph:
        return Graph(new[graph.senders], new[graph.receivers], N, graph.edge_weight)

    output, state = layer(x, changing())
    again, end = layer(x[:, old], [renamed(graph) for graph in changing()])
    same((again[:, new], tuple(field[:, new] for field in fields(end))), (output, tuple(fields(state))))


def test_batch_first_is_the_same_transposed(make):
    layer, x, present = make(), draw(T, B, N, I), torch.rand(T, B, N) < 0.7
    output, state = layer(x, changing(), lengths=[3, 5, 1], present=present)
    layer.batch_first = True
    turned, end = layer(x.transpose(0, 1), changing(), lengths=torch.tensor([3, 5, 1]), present=present.transpose(0, 1))
    same((turned.transpose(0, 1), end), (output, state))


@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
def test_padding_changes_nothing(make, graph):
    """Each ragged row equals that row alone in outputs, states and gradients, whatever stands in the padding."""
    layer, x, lengths = make(), draw(T, B, N, I), [3, 0, 5]
    start = start_of(layer, x)
    for row, length in enumerate(lengths):
        x[length:, row] = torch.nan
    weights = list(layer.parameters())
    output, state = layer(x, graph, start, lengths=lengths)
    cotangent = torch.randn_like(output)
    ragged = torch.autograd.grad(output, weights, cotangent)
    total = [torch.zeros_like(w) for w in weights]
    for row, length in enumerate(lengths):
        own = [field[:, row] for field in fields(start)]
        ends = [field[:, row] for field in fields(state)]
        assert not output[length:, row].any()
        if length == 0:
            torch.testing.assert_close(ends, own, rtol=0, atol=0)
            continue
        graphs = graph[:length] if isinstance(graph, list) else graph
        alone, end = layer(x[:length, row], graphs, tuple(own) if len(own) > 1 else own[0])
        same((output[:length, row], tuple(ends)), (alone, tuple(fields(end))))
        for sum_, gradient in zip(total, torch.autograd.grad(alone, weights, cotangent[:length, row]), strict=True):
            sum_ += gradient
    torch.testing.assert_close(list(ragged), total, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shared", [True, False])
def test_an_absent_node_keeps_its_state_and_is_not_heard(make, shared):
    layer, x = make(), draw(T, B, N, I)
    present = torch.rand((T, N) if shared else (T, B, N), generator=torch.Generator().manual_seed(1)) < 0.6
    there = present.unsqueeze(1).expand(T, B, N) if shared else present
    nan = x.masked_fill(~there.unsqueeze(-1), torch.nan).requires_grad_()
    start = start_of(layer, x)
    output, state = layer(nan, changing(), start, present=present)
    assert not output[~there].any()
    cotangent = torch.randn_like(output)
    gradient, *to_weights = torch.autograd.grad(output, [nan, *layer.parameters()], cotangent)
    assert not gradient[~there].any()
    assert all(bool(g.isfinite().all()) for g in to_weights)
    for row in range(B):  # by subgraphs of those who are there, one step after another
        now = [field[:, row].clone() for field in fields(start)]
        for t in range(T):
            nodes = there[t, row].nonzero().squeeze(1)
            if not len(nodes):
                continue
            part = [field[:, nodes] for field in now]
            step, new = layer.step(
                x[t, row, nodes], some_graph(t).subgraph(nodes), tuple(part) if len(part) > 1 else part[0]
            )
            for field, changed in zip(now, fields(new), strict=True):
                field[:, nodes] = changed
            torch.testing.assert_close(output[t, row, nodes], step, rtol=0, atol=1e-11)
        torch.testing.assert_close([field[:, row] for field in fields(state)], now, rtol=0, atol=1e-11)
    last, end = layer(nan[:-1], changing(T - 1), start, present=present[:-1])
    step, end = layer.step(nan[-1], some_graph(T - 1), end, present=present[-1])
    same((torch.cat([last, step.unsqueeze(0)]), end), (output, state))


@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
def test_what_is_observed_is_what_is_computed(make, graph):
    layer, x, present = make(), draw(T, B, N, I), torch.rand(T, N) < 0.7
    output, state = layer(x, graph, lengths=[5, 3, 4], present=present)
    seen = layer.observe(x, graph, lengths=[5, 3, 4], present=present)
    same((seen.output, seen.state), (output, state))
    trace = seen.layers[-1][0]
    assert torch.equal(trace["hidden"], seen.output)
    gates = {"Hidden": set(), "LSTM": {"input_gate", "forget_gate", "candidate", "output_gate", "memory"}}
    gates["GRU"] = {"reset_gate", "update_gate", "candidate"}
    cell = layer.cell.cell.name if isinstance(layer, nn.GraphRecurrent) else layer.cell.name
    assert set(trace) == {"hidden", *gates["LSTM" if "lstm" in cell else "GRU" if "gru" in cell else "Hidden"]}
    assert all(value.shape == (T, B, N, H) for value in trace.values())
    alone = layer.observe(x[:, 0], graph).layers[0][0]
    assert all(value.shape == (T, N, H) for value in alone.values())
    got = torch.autograd.grad(seen.layers[0][0]["hidden"].square().sum(), list(layer.parameters()), allow_unused=True)
    assert any(g is not None and bool(g.any()) for g in got)


@pytest.mark.parametrize("graph", [some_graph(nodes=4), [some_graph(t, 4) for t in range(3)]], ids=["one", "changing"])
def test_gradients_and_gradients_of_gradients(make, graph):
    layer = make(2, 2)
    x = draw(3, 2, 4, 2).requires_grad_()
    present = torch.rand(3, 4) < 0.8
    weights = list(layer.parameters())

    def function(x, *weights):
        names = [name for name, _ in layer.named_parameters()]
        output, state = torch.func.functional_call(
            layer, dict(zip(names, weights, strict=True)), (x, graph), {"lengths": [3, 2], "present": present}
        )
        return output, *fields(state)

    assert torch.autograd.gradcheck(function, [x, *weights], fast_mode=True)
    assert torch.autograd.gradgradcheck(function, [x, *weights], fast_mode=True)


def test_gradients_reach_the_edge_weights(make):
    layer, graph = make(2, 2), some_graph(nodes=4)
    if isinstance(layer, nn.GraphRecurrent) and isinstance(layer.conv, nn.GATConv):
        return  # attention does not read them
    x, other = draw(3, 4, 2), some_graph(1, 4)

    def function(weight):
        return layer(x, [graph.with_edge_weight(weight), other, graph.with_edge_weight(2 * weight)])[0]

    weight = graph.edge_weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(function, [weight], fast_mode=True)
    assert torch.autograd.gradcheck(lambda w: layer(x, graph.with_edge_weight(w))[0], [weight], fast_mode=True)


@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
def test_float32_is_float64_rounded(make, graph):
    torch.manual_seed(5)
    exact = make(5, 24)
    for parameter in exact.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # steps that do not magnify what rounding did to the one before
    layer = copy.deepcopy(exact).float()
    x = draw(T, B, N, 5)
    wide, narrow = x.clone().requires_grad_(), x.float().requires_grad_()
    expected, found = exact(wide, graph)[0], layer(narrow, graph)[0]
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)
    cotangent = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(found, [narrow, *layer.parameters()], cotangent.float()),
        torch.autograd.grad(expected, [wide, *exact.parameters()], cotangent),
        strict=True,
    ):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=2e-5 * float(b.abs().max()) + 1e-5)


def test_bfloat16_and_autocast_are_near(make):
    torch.manual_seed(2)
    layer = make(5, 16).float()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(T, N, 5)
    expected = layer(x, some_graph())[0].detach()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x, some_graph())[0]
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.05)
    found.float().square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())
    half = copy.deepcopy(layer).bfloat16()
    torch.testing.assert_close(half(x.bfloat16(), some_graph())[0].float(), expected, rtol=0, atol=0.06)


GRAPH = some_graph()
X, ONE = draw(T, B, N, I), draw(T, N, I)
BAD = {
    "too few graphs": (lambda m: m(X, [GRAPH] * 4), ShapeError, "x has 5 steps, but 4 graphs were given"),
    "no graphs": (lambda m: m(X, []), ShapeError, "a list of no graphs"),
    "another number of nodes": (lambda m: m(X, some_graph(0, 7)), ShapeError, "x has 6 nodes, the graph 7"),
    "at one step": (
        lambda m: m(X, [*changing(4), some_graph(0, 7)]),
        ShapeError,
        "x has 6 nodes, the graph of step 4 7",
    ),
    "an empty snapshot": (
        lambda m: m(X, [*changing(4), Graph.from_edge_index([[], []], num_nodes=0)]),
        ShapeError,
        "the graph of step 4 0",
    ),
    "lists of another length": (lambda m: m(X, [[GRAPH] * 2] * T), ShapeError, "3 sequences, but 2 graphs in a list"),
    "both": (lambda m: m(X, [[GRAPH] * 3] * 4 + [GRAPH]), InputError, "graphs and lists of graphs beside each other"),
    "no graph": (lambda m: m(X, "A-B"), InputError, "the graph is a str"),
    "no graph in a list": (lambda m: m(X, [GRAPH] * 4 + ["A"]), InputError, "the graph of step 4 is a str"),
    "no step": (lambda m: m(X[:0], GRAPH), ShapeError, "has no step"),
    "no node": (lambda m: m(X[:, :, :0], GRAPH), ShapeError, "has no node"),
    "flat x": (lambda m: m(X[0, 0], GRAPH), ShapeError, "x must be"),
    "whole numbers": (lambda m: m(X.long(), GRAPH), InputError, "floating point"),
    "lengths of one sequence": (lambda m: m(ONE, GRAPH, lengths=[5]), InputError, "lengths= is for a batch"),
    "too long": (lambda m: m(X, GRAPH, lengths=[5, 6, 1]), ShapeError, "lengths must lie in 0..5"),
    "too few lengths": (lambda m: m(X, GRAPH, lengths=[5, 1]), ShapeError, "one entry per row"),
    "present of another length": (
        lambda m: m(ONE, GRAPH, present=torch.ones(4, N, dtype=torch.bool)),
        ShapeError,
        r"present must be \[T, N\] = \[5, 6\]",
    ),
    "present in numbers": (lambda m: m(X, GRAPH, present=torch.ones(T, N)), InputError, "torch.bool"),
    "a state of another size": (lambda m: m(X, GRAPH, [torch.zeros(1)]), UnrolledError, "initial"),
    "a state of other nodes": (
        lambda m: m(ONE, GRAPH, tuple(f[:, :-1] for f in fields(m(ONE, GRAPH)[1]))),
        ShapeError,
        "must have shape",
    ),
    "a step of a sequence": (lambda m: m.step(X, GRAPH), ShapeError, "a step's x must be"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_one_clear_error(make, what):
    call, error, message = BAD[what]
    with pytest.raises(error, match=message):
        call(make())


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: nn.GConvLSTM(I, H, filter="chebb"), UnknownName, "did you mean 'cheb'"),
        (lambda: nn.GConvLSTM(I, H, normalization="symm"), UnknownName, "did you mean 'sym'"),
        (lambda: nn.GConvGRU(I, H, 0), InputError, "K=0"),
        (lambda: nn.GConvGRU(I, H, 3, filter="gcn"), InputError, "K=1, not 3"),
        (lambda: nn.GConvRNN(I, H, lambda_max=-1.0), InputError, "lambda_max=-1.0"),
        (lambda: nn.GConvRNN(0, H), InputError, "input_size must be"),
        (lambda: nn.GConvLSTM(I, H, peepholes=1), InputError, "peepholes must be True or False"),
        (lambda: nn.GraphRecurrent(nn.GCNConv, nn.LSTM(I, H)), InputError, "the class GCNConv"),
        (lambda: nn.GraphRecurrent(nn.GCNConv(I, 5), torch.nn.LSTM(5, H)), InputError, "convert"),
        (lambda: nn.GraphRecurrent(nn.GCNConv(I, 5), nn.LSTM(5, H), pool="median"), UnknownName, "no pool 'median'"),
        (lambda: nn.GraphRecurrent(nn.GCNConv(I, 5), nn.LSTM(5, H, batch_first=True)), InputError, "batch_first"),
    ],
)
def test_a_layer_that_cannot_be_made_says_why(made, error, message):
    with pytest.raises(error, match=message):
        made()


def test_a_bidirectional_cell_refuses_to_step():
    layer = nn.GraphRecurrent(nn.GCNConv(I, 5), nn.LSTM(5, H, bidirectional=True)).double()
    with pytest.raises(InputError, match="cannot go step by step"):
        layer.step(ONE[0], GRAPH)


@pytest.mark.parametrize("all_there", [True, False])
@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
def test_running_again_what_was_not_kept_changes_nothing(make, graph, all_there, monkeypatch):
    """In chunks of two steps, values and gradients are those of the whole sequence kept."""
    layer, x = make(), draw(T, B, N, I).requires_grad_()
    present = None if all_there else torch.rand(T, N) < 0.8
    start = start_of(layer, x.detach())
    wanted = [x, *layer.parameters()]

    def run():
        output, state = layer(x, graph, start, present=present)
        loss = output.square().sum() + sum(field.square().sum() for field in fields(state))
        return (output, tuple(fields(state))), torch.autograd.grad(loss, wanted)

    kept, gradients = run()
    lengths = []
    monkeypatch.setattr(graph_recurrent, "KEPT_BYTES", 1)
    monkeypatch.setattr(graph_recurrent, "JOINED_EDGES", 50)
    chunk_length = graph_recurrent._chunk_length
    monkeypatch.setattr(
        graph_recurrent, "_chunk_length", lambda *given: lengths.append(chunk_length(*given)) or lengths[-1] + 1
    )
    again, found = run()
    assert set(lengths) <= {1}
    assert lengths or isinstance(layer, nn.GraphRecurrent)
    same(again, kept)
    torch.testing.assert_close(found, gradients, rtol=0, atol=1e-11)


@pytest.mark.parametrize("graph", [some_graph(), changing()], ids=["one graph", "changing"])
@pytest.mark.parametrize("path", ["reference", "torch"])
def test_other_paths_say_the_same(make, graph, path, monkeypatch):
    layer, x = make(2, 16).float(), torch.randn(T, B, N, 2)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    found = layer(x, graph)
    cotangent = torch.randn_like(found[0])
    gradients = torch.autograd.grad(found[0], list(layer.parameters()), cotangent)
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    other = layer(x, graph)
    torch.testing.assert_close(other[0], found[0], rtol=0, atol=2e-6)
    again = torch.autograd.grad(other[0], list(layer.parameters()), cotangent)
    torch.testing.assert_close(again, gradients, rtol=1e-4, atol=1e-4)

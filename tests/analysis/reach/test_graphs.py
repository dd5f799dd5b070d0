"""Reach over graphs against PyG's influence, finite differences, networkx and known graphs."""

from __future__ import annotations

import math
from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv as TheirGCNConv
from torch_geometric.utils import total_influence

from unrolled.analysis.reach import (
    commute_times,
    dirichlet_energy,
    graph_reach,
    graph_replacement,
    smoothing,
    squashing,
)
from unrolled.analysis.reach.graphs import chosen_nodes, hops_to
from unrolled.analysis.reach.influence import Sample, draw_probes, summarise
from unrolled.analysis.reach.values import Reach
from unrolled.errors import InputError
from unrolled.nn import GATConv, GCNConv, Graph


def drawn(nodes: int = 14, edges: int = 22, seed: int = 0) -> Graph:
    return Graph.from_networkx(nx.gnm_random_graph(nodes, edges, seed=seed))


def ring(nodes: int) -> Graph:
    return Graph.from_networkx(nx.cycle_graph(nodes))


class Network(torch.nn.Module):
    """Two graph layers with a nonlinearity between."""

    def __init__(self, features: int = 3, out: int = 2, layer: type = GCNConv) -> None:
        super().__init__()
        self.first, self.second = layer(features, 5), layer(5, out)

    def forward(self, x: Tensor, edges: object) -> Tensor:
        return self.second(torch.tanh(self.first(x, edges)), edges)


def features(graph: Graph, width: int = 3) -> Tensor:
    return torch.randn(graph.num_nodes, width, generator=torch.Generator().manual_seed(2))


def test_influence_and_range_are_pyg_s() -> None:
    graph = drawn()
    model, x = Network(layer=TheirGCNConv), features(graph)  # PyG takes the mean distance in float32
    found = graph_reach(lambda x: model(x, graph.edge_index), x, graph)
    data = Data(x=x, edge_index=graph.edge_index, num_nodes=graph.num_nodes)
    theirs, breadth = total_influence(model, data, max_hops=6, normalize=False)
    ours = [each.value for each in found.influence]
    assert ours == pytest.approx(theirs[: len(ours)].tolist(), rel=1e-5)
    assert theirs[len(ours) :].abs().sum() == 0
    assert found.mean_distance.value == pytest.approx(breadth, rel=1e-5)
    assert found.exact
    assert found.mean_distance.error == 0


def test_influence_is_that_of_finite_differences() -> None:
    graph = drawn()
    model, x = Network(layer=GATConv).double(), features(graph).double()
    found = squashing(lambda x: model(x, graph), x, graph, nodes=[4])
    with torch.no_grad():
        for (u, v), size in zip(found.pairs, found.influence, strict=True):
            total = 0.0
            for feature in range(3):
                up, down = x.clone(), x.clone()
                up[v, feature] += 1e-6
                down[v, feature] -= 1e-6
                total += float(((model(up, graph)[u] - model(down, graph)[u]) / 2e-6).abs().sum())
            assert size == pytest.approx(total, rel=1e-6)


def test_a_linear_gcn_on_a_ring_is_a_lazy_walk() -> None:
    graph, k = ring(31), 6
    layer = GCNConv(1, 1, bias=False, hops=k).double()
    with torch.no_grad():
        layer.lin.weight.fill_(1)
    found = graph_reach(lambda x: layer(x, graph), features(graph, 1).double(), graph, nodes=[3, 20])
    walk = {0: 1.0}
    for _ in range(k):
        stepped: dict[int, float] = {}
        for place, chance in walk.items():
            for move in (-1, 0, 1):
                stepped[place + move] = stepped.get(place + move, 0.0) + chance / 3
        walk = stepped
    expected = sum(abs(place) * chance for place, chance in walk.items())
    assert found.each == pytest.approx([expected, expected])
    assert len(found.influence) == k + 1
    assert sum(each.value for each in found.influence) == pytest.approx(1)


def test_hops_follow_the_edges() -> None:
    graph = Graph.from_text("A->B B->C C->D E")
    distance = torch.full((5,), -1)
    seen = hops_to(graph, graph.node("D"), distance, torch.ones(5, dtype=torch.bool))
    assert distance.tolist() == [3, 2, 1, 0, -1]
    assert sorted(seen.tolist()) == [0, 1, 2, 3]
    everything = nx.gnm_random_graph(30, 40, seed=3)
    known = nx.single_source_shortest_path_length(everything, 7)
    distance = torch.full((30,), -1)
    hops_to(Graph.from_networkx(everything), 7, distance, torch.ones(30, dtype=torch.bool))
    assert distance.tolist() == [known.get(node, -1) for node in range(30)]


def test_what_comes_from_nowhere_is_said() -> None:
    graph = Graph.from_text("A-B C-D")
    found = graph_reach(lambda x: x.sum(0, keepdim=True).expand(4, 1), torch.randn(4, 1), graph)
    assert found.unreached == pytest.approx(0.5)


SHORTCUTS = Graph.from_networkx(nx.connected_watts_strogatz_graph(40, 4, 0.3, seed=1))


@pytest.mark.parametrize(
    ("graph", "nodes", "probes", "least"),
    [
        (SHORTCUTS, 12, 4, 0.915),
        (SHORTCUTS, 20, 8, 0.915),
        (SHORTCUTS, 40, 4, 0.915),
        (drawn(40, 70, seed=1), 20, 8, 0.9),  # a node without edges: skewness 3.6
    ],
)
def test_estimates_over_nodes_and_probes_cover_the_exact_value(
    graph: Graph, nodes: int, probes: int, least: float
) -> None:
    """At 95 %, every one: the least of twenty shares of 400 trials is .915 or more, 3.2 standard errors below .95."""
    torch.manual_seed(0)
    model, x = Network(out=12).double(), features(graph).double()
    influence = torch.autograd.functional.jacobian(lambda x: model(x, graph), x).abs().sum(-1)  # [N,d,N]
    sizes = torch.zeros(40, 12, 3, dtype=torch.float64)
    for u in range(40):
        distance = torch.full((40,), -1)
        hops_to(graph, u, distance, influence[u].sum(0) > 0)
        sizes[u].index_add_(1, distance.clamp(0, 2), influence[u])

    def measured(generator: torch.Generator) -> Reach:
        """What `graph_reach` measures, without a backward pass for every probe."""
        chosen = chosen_nodes(nodes, 40, generator)
        vectors = torch.stack([draw_probes(12, probes, "entries", generator)[0] for _ in chosen])
        profiles = torch.einsum("ukd,udh->ukh", vectors, sizes[chosen])
        return summarise(Sample(profiles, torch.zeros(len(chosen)), tuple(chosen), 40, 12), "hops", "jacobian")

    exact = graph_reach(lambda x: model(x, graph), x, graph)
    once, again = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    found = graph_reach(lambda x: model(x, graph), x, graph, nodes=nodes, probes=probes, generator=once)
    assert measured(again).mean_distance.value == pytest.approx(found.mean_distance.value)
    hits, mean = [0] * 5, 0.0
    for _ in range(400):
        found = measured(once)
        mean += found.mean_distance.value / 400
        pairs = [*zip(found.influence, exact.influence, strict=True), (found.range_total, exact.range_total)]
        for place, (each, truth) in enumerate([*pairs, (found.mean_distance, exact.mean_distance)]):
            low, high = each.interval(0.95)
            hits[place] += low <= truth.value <= high
    assert min(hits) >= least * 400, hits
    assert mean == pytest.approx(exact.mean_distance.value, rel=0.01)


def test_replacement_hears_the_neighbourhood_and_no_more() -> None:
    graph = ring(12)
    model, x = Network(), features(graph)
    found = graph_replacement(lambda x: model(x, graph), x, graph, nodes=[0, 5])
    assert len(found.influence) == 3
    assert found.unreached == 0
    linear = graph_replacement(lambda x: 2 * x, x, graph)
    assert len(linear.influence) == 1


def test_dirichlet_energy_is_the_sum_over_edges() -> None:
    graph = drawn(9, 14)
    x = features(graph)
    degree = graph.in_degree.double() + 1
    scaled = x.double() / degree.sqrt()[:, None]
    expected = 0.5 * (scaled[graph.senders] - scaled[graph.receivers]).square().sum()
    energy, share = dirichlet_energy(x, graph)
    assert energy == pytest.approx(float(expected), rel=1e-6)
    assert share == pytest.approx(float(expected / x.double().square().sum()), rel=1e-6)
    smooth = degree.sqrt()[:, None]
    assert dirichlet_energy(smooth, graph)[0] == pytest.approx(0, abs=1e-10)


def test_depth_smooths() -> None:
    graph = drawn(20, 40)
    layers = torch.nn.ModuleList(GCNConv(4, 4) for _ in range(12))
    x = features(graph, 4)

    def function(x: Tensor) -> Tensor:
        for layer in layers:
            x = layer(x, graph)
        return x

    found = smoothing(layers, x, graph, function=function)
    assert [each.layer for each in found] == ["input", *map(str, range(12))]
    assert found[-1].smoothness < 0.2 * found[0].smoothness
    model = Network()
    assert [each.layer for each in smoothing(model, x[:, :3], graph)] == ["input", "first", "second"]
    assert len(smoothing(model, x[:, :3], graph, layers=["second"])) == 2


def test_commute_times_are_networkx_s() -> None:
    graph = nx.gnm_random_graph(10, 16, seed=4)
    found = commute_times(Graph.from_networkx(graph))
    for u, v in ((0, 5), (1, 7), (3, 8)):
        expected = 2 * graph.number_of_edges() * nx.resistance_distance(graph, u, v)
        assert float(found[u, v]) == pytest.approx(expected, rel=1e-9)
    assert math.isinf(commute_times(Graph.from_text("A-B C-D"))[0, 2])


def test_a_bridge_squashes() -> None:
    barbell = Graph.from_networkx(nx.barbell_graph(6, 2))
    model = torch.nn.ModuleList([GCNConv(2, 2) for _ in range(4)]).double()

    def function(x: Tensor) -> Tensor:
        for layer in model:
            x = layer(x, barbell)
        return x

    found = squashing(function, features(barbell, 2).double(), barbell)
    assert found.rank_correlation is not None
    assert found.rank_correlation < -0.5
    assert max(found.hops) <= 4


WEIGHT = torch.ones((), requires_grad=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=[3, 99]), "no node 99: nodes are numbered 0…13"),
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=[3, 3]), "a node is given twice"),
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=15), "nodes is 15: the graph has 14"),
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=[1, 2.5]), "no node 2.5: nodes are whole numbers"),
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=torch.ones(14) > 0), "no node True"),
        (lambda g, x: graph_reach(lambda x: x, x, g, nodes=np.int64(15)), "nodes is 15: the graph has 14"),
        (lambda g, x: graph_reach(lambda x: x / 0, x, g, nodes=[3, 5]), "the output of node 3 is inf or no number"),
        (lambda g, x: graph_replacement(lambda x: x / 0, x, g), "the output of node 0 is inf or no number"),
        (lambda g, x: dirichlet_energy(x / 0, g), "they have no energy"),
        (lambda g, x: graph_reach(WEIGHT.expand_as, x, g), "does not depend on x, only on weights"),
        (lambda g, x: squashing(WEIGHT.expand_as, x, g.undirected()), "does not depend on x, only on weights"),
        (lambda g, x: graph_reach(lambda x: x, x[:9], g), "x has 9 nodes, the graph 14"),
        (lambda g, x: graph_reach(lambda x: x.sum(), x, g), "one vector a node"),
        (lambda g, x: graph_reach(lambda x: x.detach(), x, g), "does not depend on x"),
        (lambda g, x: smoothing(Network(), x, g, layers=["third"]), "no layer 'third'; layers: first, "),
        (lambda g, x: smoothing(torch.nn.Linear(3, 3), x, g, function=lambda x: x), "is called with a graph"),
        (lambda g, x: commute_times(Graph.from_text("A->B")), "one way only"),
        (lambda g, x: commute_times(Graph(torch.tensor([0]), torch.tensor([1]), 5000)), "up to 4000"),
    ],
)
def test_bad_input_costs_a_line(call: Callable[[Graph, Tensor], object], message: str) -> None:
    graph = drawn()
    with pytest.raises(InputError, match=message):
        call(graph, features(graph))

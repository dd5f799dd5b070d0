"""The node classifier: what its layers do one after the other, its samples, and dropout that skips zeros."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from unrolled import data, nn
from unrolled.errors import InputError, UnknownName
from unrolled.nn.feature_dropout import FeatureDropout


@pytest.fixture
def graph() -> nn.Graph:
    return data.planted_partition(60, 3, 5.0, features=7, generator=torch.Generator().manual_seed(0))


def test_it_is_its_layers_one_after_the_other(graph: nn.Graph) -> None:
    layers = [nn.GCNConv(7, 5), nn.GCNConv(5, 3)]
    model = nn.NodeClassifier(layers, dropout=0.5, activation="elu").eval()
    x = graph.node_features
    assert x is not None
    expected = layers[1](torch.nn.functional.elu(layers[0](x, graph)), graph)
    assert torch.equal(model(x, graph), expected)
    assert torch.allclose(model(x, graph.edge_index), expected, atol=1e-6)


def test_all_neighbours_sampled_give_the_whole_graphs_answer(graph: nn.Graph) -> None:
    x = graph.node_features
    assert x is not None
    model = nn.NodeClassifier([nn.SAGEConv(7, 5), nn.SAGEConv(5, 3)])
    sample = data.NeighbourSampler(graph, [-1, -1]).sample(torch.tensor([4, 17, 2]))
    assert torch.allclose(model(x[sample.nodes], sample.layers)[:3], model(x, graph)[[4, 17, 2]], atol=1e-5)
    with pytest.raises(InputError, match="3 graphs for 2 layers"):
        model(x, [graph] * 3)


def test_dropout_of_sparse_features_drops_what_is_there_at_its_rate() -> None:
    x = (torch.rand(400, 100) < 0.05).float() * torch.rand(400, 100)
    drop = FeatureDropout(0.6)
    y = drop(x)
    kept = y != 0
    assert torch.allclose(y[kept], x[kept] / 0.4)
    assert float(kept.sum() / (x != 0).sum()) == pytest.approx(0.4, abs=0.04)
    assert not torch.equal(drop(x), y)
    assert torch.equal(drop.eval()(x), x)


def test_features_changed_in_place_are_looked_at_again() -> None:
    x = torch.zeros(50, 10)
    x[0] = 1.0
    drop = FeatureDropout(0.5)
    drop(x)
    x[7, 3] = 5.0
    assert any(float(drop(x)[7, 3]) == 10.0 for _ in range(40))
    dense = torch.ones(50, 10)
    assert set(drop(dense).unique().tolist()) == {0.0, 2.0}


def test_dropout_carries_gradients_where_they_are_wanted() -> None:
    x = torch.ones(20, 5, requires_grad=True)
    y = FeatureDropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_it_is_copied_and_pickled_after_use(graph: nn.Graph) -> None:
    model = nn.NodeClassifier([nn.GCNConv(7, 3)], dropout=0.5)
    assert graph.node_features is not None
    model(graph.node_features, graph)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other.eval()(graph.node_features, graph), model.eval()(graph.node_features, graph))


def test_mistakes() -> None:
    with pytest.raises(UnknownName, match="no activation 'rleu'; did you mean 'relu'"):
        nn.NodeClassifier([nn.GCNConv(2, 2)], activation="rleu")
    with pytest.raises(InputError, match="no layers"):
        nn.NodeClassifier([])

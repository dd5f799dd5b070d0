"""Node classification: parts that do not meet, batches that ask each training node once, nothing seen too early."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Generator

from unrolled.data import NodeClassification, karate_club, planted_partition, split_nodes
from unrolled.errors import InputError
from unrolled.graph import Graph


@pytest.fixture
def graph() -> Graph:
    made = planted_partition(300, 3, 6.0, features=8, generator=Generator().manual_seed(0))
    return split_nodes(made, labelled=10, validation=0.3, seed=1)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_a_split_takes_so_many_of_each_class_and_no_node_twice(graph: Graph) -> None:
    assert graph.labels is not None
    parts = torch.stack([graph.masks[part] for part in ("train", "validation", "test")])
    assert torch.equal(parts.sum(0), torch.ones(300, dtype=torch.long))
    assert torch.bincount(graph.labels[graph.masks["train"]]).tolist() == [10, 10, 10]
    assert int(graph.masks["validation"].sum()) == round(0.3 * 270)
    again = split_nodes(graph, labelled=10, validation=0.3, seed=1)
    assert torch.equal(again.masks["train"], graph.masks["train"])
    assert not torch.equal(split_nodes(graph, labelled=10, seed=2).masks["train"], graph.masks["train"])


def test_a_small_class_gives_half_and_unknown_labels_take_no_part() -> None:
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, -1, -1])
    graph = Graph(torch.arange(9), torch.arange(1, 10), 10, labels=labels)
    split = split_nodes(graph, labelled=20)
    assert torch.bincount(labels[split.masks["train"]]).tolist() == [3, 2]
    assert not any(bool(mask[8:].any()) for mask in split.masks.values())


def test_a_full_batch_is_the_whole_graph(graph: Graph) -> None:
    task = NodeClassification(graph)
    batch = task.batch(512, task.order(seeded()), 0, seeded())
    assert task.steps_per_epoch(512) == 1
    assert batch.graphs[0].num_edges == graph.num_edges
    assert torch.equal(batch.asked, graph.masks["train"].nonzero().squeeze(1))
    assert batch.graphs[0].labels is None, "labels are not handed to the network"


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("batching", ["neighbours", "clusters"])
def test_an_epoch_asks_every_training_node_once(graph: Graph, batching: Any, setting: Any) -> None:
    assert graph.node_features is not None
    task = NodeClassification(graph, batching=batching, setting=setting, parts=9, fan_outs=(3, 2))
    order = task.order(seeded(3))
    asked = []
    for place in range(task.steps_per_epoch(4)):
        batch = task.batch(4, order, place, seeded(place))
        for row, label in zip(batch.asked.tolist(), batch.targets.tolist(), strict=True):
            node = int((graph.node_features == batch.features[row]).all(1).nonzero())
            assert graph.labels is not None
            assert int(graph.labels[node]) == label
            asked.append(node)
    assert sorted(asked) == graph.masks["train"].nonzero().squeeze(1).tolist()


@pytest.mark.parametrize("batching", ["full", "neighbours", "clusters"])
def test_inductive_training_never_meets_a_node_of_validation_or_test(graph: Graph, batching: Any) -> None:
    assert graph.node_features is not None
    hidden = graph.node_features[graph.masks["validation"] | graph.masks["test"]]
    task = NodeClassification(graph, batching=batching, setting="inductive", parts=3, fan_outs=(-1, -1))
    order = task.order(seeded())
    for place in range(task.steps_per_epoch(2)):
        met = task.batch(2, order, place, seeded()).features
        assert not bool((met[:, None] == hidden[None]).all(2).any())
    assert task.whole("test").graphs[0].num_edges == graph.num_edges


def test_neighbours_give_a_graph_for_each_layer_and_seeds_first(graph: Graph) -> None:
    task = NodeClassification(graph, batching="neighbours", fan_outs=(4, 3))
    batch = task.batch(5, task.order(seeded()), 0, seeded())
    assert len(batch.graphs) == 2
    assert batch.graphs[0].num_nodes > batch.graphs[1].num_nodes >= 5
    assert batch.asked.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("given", [[1.0, 3.0], [0.0, 0.0]]),
        ("row-normalised", [[0.25, 0.75], [0.0, 0.0]]),
        (None, [[0.25, 0.75], [0.0, 0.0]]),
        ("one-hot", [[1.0, 0.0], [0.0, 1.0]]),
        ("degree", [[1.0, 0.0], [1.0, float(torch.tensor(2.0).log())]]),
    ],
)
def test_features(how: Any, expected: list[list[float]]) -> None:
    x = torch.tensor([[1.0, 3.0], [0.0, 0.0], [1.0, 1.0]])
    masks = {part: torch.arange(3) == place for place, part in enumerate(("train", "validation", "test"))}
    graph = Graph(torch.tensor([0]), torch.tensor([1]), 3, node_features=x, labels=torch.arange(3), masks=masks)
    assert torch.allclose(NodeClassification(graph, features=how).features[:2, :2], torch.tensor(expected))


def test_baselines_and_description() -> None:
    task = NodeClassification(split_nodes(karate_club(), labelled=2), title="karate")
    assert task.classes == 2
    assert task.chance == 0.5
    assert 0.5 <= task.majority <= 1.0
    assert task.describe().startswith("karate: 34 nodes, 156 directed edges, 34 features, 2 classes")


@pytest.mark.parametrize(("labels", "is_refused"), [((0, 99), False), ((2000, 2001), True), ((-1, 10**9), True)])
def test_few_classes_with_high_numbers_are_refused(labels: tuple[int, int], is_refused: bool) -> None:
    graph = dataclasses.replace(karate_club(), labels=torch.tensor(labels * 17))
    if is_refused:
        with pytest.raises(InputError, match=rf"karate has labels up to {labels[1]} and \d of them in use"):
            split_nodes(graph, title="karate", labelled=2)
    else:
        assert NodeClassification(split_nodes(graph, labelled=2)).classes == 100
    many = torch.arange(1500)
    assert split_nodes(Graph(many[:1], many[1:2], 1500, labels=many * 9), labelled=1).num_nodes == 1500


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(InputError, match="no labels to learn"):
        split_nodes(Graph.from_text("A-B"))
    with pytest.raises(InputError, match="no mask train and no validation and no test"):
        NodeClassification(karate_club())
    graph = split_nodes(karate_club(), labelled=2)
    shared = dataclasses.replace(graph, masks={**graph.masks, "test": ~graph.masks["train"]})
    with pytest.raises(InputError, match=r"karate has node \d+ in validation and in test \(6 such\)"):
        NodeClassification(shared, title="karate")
    with pytest.raises(InputError, match="labelled=0"):
        split_nodes(karate_club(), labelled=0)

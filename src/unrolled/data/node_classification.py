"""Node classification: the labels of some nodes of a graph are known, those of the others are asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Literal, final

import torch
from torch import Generator, Tensor

from unrolled.data.neighbours import NeighbourSampler
from unrolled.data.partition import partition
from unrolled.data.question import Choice
from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["NodeBatch", "NodeClassification", "split_nodes"]

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
ONE_HOT_NODES = 20_000
"""The most nodes that are told apart by a feature each."""
SPARSE_CLASSES = 100
"""Of more classes than these, a tenth at least has to occur."""


@dataclass(frozen=True, eq=False)
class NodeBatch:
    """Nodes with what they are asked.

    Attributes:
        features: ``[n, F]``.
        graphs: the edges among them: one graph for all layers, or one for each, each a part of the one before.
        asked: ``[m]``, which of the nodes are asked.
        targets: ``[m]``, their labels.
    """

    features: Tensor
    graphs: tuple[Graph, ...]
    asked: Tensor
    targets: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> NodeBatch:
        """The same on a device, with features of a dtype; itself where it is there already."""
        if self.features.device == device and self.features.dtype == dtype:
            return self
        graphs = tuple(graph if graph.device == device else graph.to(device) for graph in self.graphs)
        features = self.features.to(device, dtype)
        return NodeBatch(features, graphs, self.asked.to(device), self.targets.to(device))


@final
class NodeClassification(Choice):
    """Which class is each node of, given the graph, what its nodes carry and the classes of a few?

    The nodes are in three parts: training goes down the gradient at ``train`` alone, ``validation`` says when to stop,
    and ``test`` is looked at once, at the end. Other nodes are there for their neighbours.

    * transductive: every node and edge is there from the beginning, labels aside;
    * inductive: while training, the nodes of validation and test and their edges are not there.

    How a step reads the graph:

    * full: all of it, every step;
    * neighbours: ``size`` training nodes and a sample of their surroundings, a graph for each layer
      (Hamilton, Ying & Leskovec 2017);
    * clusters: ``size`` of the graph's parts and the edges among them (Chiang et al. 2019).

    Evaluation is always on the whole graph.

    Args:
        graph: with labels (-1: not known) and the masks ``train``, ``validation`` and ``test``, which share no node.
        title: what the graph is called in sentences.
        features: ``row-normalised`` (each row sums to one, as Kipf & Welling), ``given``, ``one-hot`` (each node its
            own) or ``degree`` (a constant, and log(1 + neighbours)); None: row-normalised where none is negative,
            given where one is, one-hot where nodes have no features.
        setting: transductive or inductive.
        batching: full, neighbours or clusters.
        fan_outs: how many neighbours are drawn of each node, a number a layer, the nodes' own first.
        parts: how many clusters the graph is cut into.
        seed: of the cut.

    Raises:
        InputError: no labels or masks, labels that number few classes high, masks that share a node, no training node,
            or features that the graph does not have.
    """

    name = "nodes"

    def __init__(
        self,
        graph: Graph,
        *,
        title: str = "the graph",
        features: Literal["row-normalised", "given", "one-hot", "degree"] | None = None,
        setting: Literal["transductive", "inductive"] = "transductive",
        batching: Literal["full", "neighbours", "clusters"] = "full",
        fan_outs: tuple[int, ...] = (15, 10),
        parts: int = 50,
        seed: int = 0,
    ) -> None:
        labels = _require_labels(graph, title)
        missing = [part for part in PARTS if part not in graph.masks]
        if missing:
            raise InputError(f"{title} has no mask {' and no '.join(missing)}: split_nodes(graph) draws all three")
        _check_apart(graph, title)
        self.title = title
        self.setting = setting
        self.batching = batching
        self.fan_outs = fan_outs
        self.parts = parts
        self.seed = seed
        self.features = _features(graph, title, features)
        self.graph = replace(graph, node_features=None)
        self.labels = labels
        self.nodes = {part: (graph.masks[part] & (labels >= 0)).nonzero().squeeze(1) for part in PARTS}
        empty = [part for part, nodes in self.nodes.items() if len(nodes) == 0]
        if empty:
            raise InputError(f"{title} has no labelled node to use for {empty[0]}: at least 1 would do")

    @property
    def classes(self) -> int:
        """K, one more than the highest label."""
        return int(self.labels.max()) + 1

    @property
    def majority(self) -> float:
        """Share of the commonest class among the validation nodes."""
        counts = torch.bincount(self.labels[self.nodes["validation"]])
        return float(counts.max() / counts.sum())

    def describe(self) -> str:
        """The graph and its parts in one line."""
        counts = ", ".join(f"{len(nodes)} for {part}" for part, nodes in self.nodes.items())
        return (
            f"{self.title}: {self.graph.num_nodes} nodes, {self.graph.num_edges} directed edges, "
            f"{self.features.shape[1]} features, {self.classes} classes (chance {self.chance:.3f}, best constant "
            f"answer {self.majority:.3f}); {counts}; {self.setting}"
        )

    # ── what is evaluated ─────────────────────────────────────────────────────────────────────────────────

    def whole(self, part: Part) -> NodeBatch:
        """The whole graph, asked at one part of its nodes."""
        nodes = self.nodes[part]
        return NodeBatch(self.features, (self.graph,), nodes, self.labels[nodes])

    # ── what is trained on ────────────────────────────────────────────────────────────────────────────────

    def steps_per_epoch(self, size: int) -> int:
        """Batches until every training node has been asked once."""
        return 1 if self.batching == "full" else -(-len(self._turns) // size)

    def order(self, generator: Generator) -> Tensor:
        """The order of an epoch: of training nodes, or of the clusters that hold any."""
        return self._turns[torch.randperm(len(self._turns), generator=generator)]

    def batch(self, size: int, order: Tensor, place: int, generator: Generator) -> NodeBatch:
        """Batch ``place`` of an epoch.

        Args:
            size: training nodes, or clusters, of a batch; a full batch has them all.
            order: of the epoch, as `order` drew it.
            place: 0 … `steps_per_epoch` − 1.
            generator: of the neighbours drawn; it is advanced.
        """
        features, graph, train = self._seen
        if self.batching == "full":
            return self._full
        turn = order[place * size : (place + 1) * size]
        if self.batching == "neighbours":
            sample = self._sampler.sample(turn, generator)
            asked = torch.arange(sample.seeds)
            return NodeBatch(features[sample.nodes], sample.layers, asked, self._seen_labels[sample.nodes[: len(turn)]])
        chosen = torch.zeros(self.parts, dtype=torch.bool).index_fill(0, turn, True)
        nodes = chosen[self._part].nonzero().squeeze(1)
        asked = torch.isin(nodes, train).nonzero().squeeze(1)
        return NodeBatch(features[nodes], (graph.subgraph(nodes),), asked, self._seen_labels[nodes[asked]])

    @cached_property
    def _seen(self) -> tuple[Tensor, Graph, Tensor]:
        """Features, graph and training nodes as training sees them."""
        bare = replace(self.graph, labels=None, masks={}, names=None, node_columns={}, edge_columns={})
        if self.setting == "transductive":
            return self.features, bare, self.nodes["train"]
        kept = self._kept
        place = torch.full((self.graph.num_nodes,), -1, dtype=torch.long)
        place[kept] = torch.arange(len(kept))
        return self.features[kept], bare.subgraph(kept), place[self.nodes["train"]]

    @cached_property
    def _kept(self) -> Tensor:
        """The nodes that are there while training inductively."""
        hidden = torch.zeros(self.graph.num_nodes, dtype=torch.bool)
        for part in ("validation", "test"):
            hidden[self.graph.masks[part]] = True
        return (~hidden).nonzero().squeeze(1)

    @cached_property
    def _seen_labels(self) -> Tensor:
        return self.labels if self.setting == "transductive" else self.labels[self._kept]

    @cached_property
    def _full(self) -> NodeBatch:
        features, graph, train = self._seen
        return NodeBatch(features, (graph,), train, self._seen_labels[train])

    @cached_property
    def _sampler(self) -> NeighbourSampler:
        return NeighbourSampler(self._seen[1], self.fan_outs)

    @cached_property
    def _part(self) -> Tensor:
        """``[N]``: the cluster of each node."""
        return partition(self._seen[1], self.parts, generator=Generator().manual_seed(self.seed))

    @cached_property
    def _turns(self) -> Tensor:
        """What takes turns in an epoch: training nodes, or clusters with a training node."""
        train = self._seen[2]
        return torch.unique(self._part[train]) if self.batching == "clusters" else train


def _require_labels(graph: Graph, title: str) -> Tensor:
    if graph.labels is None:
        raise InputError(
            f"{title} has no labels to learn: give a graph that has them (cora, karate, planted:10000 …), "
            "or a file of nodes with a column label"
        )
    if graph.labels.dim() != 1 or graph.labels.is_floating_point() or not bool((graph.labels >= 0).any()):
        raise InputError(
            f"{title} has labels {tuple(graph.labels.shape)}: one whole number of 0 or more a node would do"
        )
    labels = graph.labels.long()
    highest, found = int(labels.max()), len(torch.unique(labels[labels >= 0]))
    if highest >= SPARSE_CLASSES and highest >= 10 * found:
        raise InputError(
            f"{title} has labels up to {highest} and {found} of them in use: classes are numbered 0, 1, 2 …, "
            "or called by words"
        )
    return labels


def _check_apart(graph: Graph, title: str) -> None:
    for one, other in combinations(PARTS, 2):
        shared = (graph.masks[one] & graph.masks[other]).nonzero().flatten()
        if len(shared):
            node = (graph.names or range(graph.num_nodes))[int(shared[0])]
            raise InputError(
                f"{title} has node {node!r} in {one} and in {other} ({len(shared)} such): parts share no node"
            )


def _features(graph: Graph, title: str, how: str | None) -> Tensor:
    x, nodes = graph.node_features, graph.num_nodes
    if how is None:
        how = "one-hot" if x is None else "row-normalised" if bool((x >= 0).all()) else "given"
    if how == "one-hot":
        if nodes > ONE_HOT_NODES:
            raise InputError(
                f"{title} has {nodes} nodes without features, too many for one each (at most {ONE_HOT_NODES}): "
                "features degree would do"
            )
        return torch.eye(nodes)
    if how == "degree":
        return torch.stack([torch.ones(nodes), graph.in_degree.float().log1p()], 1)
    if x is None:
        raise InputError(f"{title} has no features to use {how}: features one-hot or degree would do")
    x = x.float() if not x.is_floating_point() else x
    if how == "given":
        return x
    total = x.sum(1, keepdim=True)
    return torch.where(total == 0, torch.zeros_like(x), x / total)


def split_nodes(
    graph: Graph, *, title: str = "the graph", labelled: int = 20, validation: float = 0.2, seed: int = 0
) -> Graph:
    """The graph with masks drawn at random: so many training nodes of each class, then shares of the others.

    A class with fewer than twice as many nodes gives half of them, rounded up.

    Args:
        graph: with labels.
        title: what it is called in sentences.
        labelled: training nodes of each class.
        validation: share of the other labelled nodes that validate; the rest test.
        seed: of the draw.

    Raises:
        InputError: no labels, labels that number few classes high, or numbers that leave a part empty.
    """
    labels = _require_labels(graph, title)
    if labelled < 1 or not 0 < validation < 1:
        raise InputError(
            f"labelled={labelled}, validation={validation}: 1 or more, and a share between 0 and 1, would do"
        )
    generator = Generator().manual_seed(seed)
    shuffled = torch.randperm(graph.num_nodes, generator=generator)
    shuffled = shuffled[labels[shuffled] >= 0]
    by_class = shuffled[torch.argsort(labels[shuffled], stable=True)]
    counts = torch.bincount(labels[by_class])
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(by_class)) - first[labels[by_class]]
    takes_part = rank < ((counts + 1) // 2).clamp(max=labelled)[labels[by_class]]
    train, others = by_class[takes_part], by_class[~takes_part]
    others = others[torch.randperm(len(others), generator=generator)]
    count = max(1, round(validation * len(others)))
    split = {"train": train, "validation": others[:count], "test": others[count:]}
    masks = {
        part: torch.zeros(graph.num_nodes, dtype=torch.bool).index_fill(0, nodes, True) for part, nodes in split.items()
    }
    return replace(graph, masks={**graph.masks, **masks})

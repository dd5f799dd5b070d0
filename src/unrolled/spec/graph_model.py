"""The section ``model`` of a network on a graph, and the table of graph layers with their papers' settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch.nn import Module

from unrolled import nn
from unrolled.errors import UnknownName
from unrolled.spec.require import require, require_own
from unrolled.spec.training import TrainingSpec

__all__ = ["LAYERS", "LAYER_OPTIONS", "GraphModelSpec", "LayerEntry"]

_ATTENTIVE = ("gat", "gatv2")

LAYER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "heads": _ATTENTIVE,
    "output_heads": _ATTENTIVE,
    "attention_dropout": _ATTENTIVE,
    "hops": ("gcn", "cheb"),
    "normalisation": ("gcn",),
    "aggregation": ("sage",),
}
"""The options that not every graph layer has, with the layers that do."""


@dataclass(frozen=True, kw_only=True)
class GraphModelSpec:
    """A network of graph layers, with dropout before each and a nonlinearity between.

    Attributes:
        layer: gcn, gat, gatv2, sage or cheb; the others' defaults follow their papers.
        hidden: features of a hidden layer; with attention, of each head.
        layers: how many layers are stacked; each hears `hops` further.
        heads: attention only: heads of a hidden layer, put beside each other.
        output_heads: attention only: heads of the last layer, averaged.
        dropout: share of the features dropped before every layer while training.
        attention_dropout: attention only: share of the attention weights dropped while training.
        hops: gcn and cheb: how far one layer hears, as products with the graph's matrix.
        normalisation: gcn only: symmetric (D^-1/2 A D^-1/2) or random-walk (D^-1 A, rows sum to one).
        aggregation: sage only: mean, sum or max of what a node receives.
        activation: relu, elu or tanh.
    """

    layer: str = "gcn"
    hidden: int = 16
    layers: int = 2
    heads: int = 1
    output_heads: int = 1
    dropout: float = 0.5
    attention_dropout: float = 0.0
    hops: int = 1
    normalisation: Literal["symmetric", "random-walk"] = "symmetric"
    aggregation: Literal["mean", "sum", "max"] = "mean"
    activation: Literal["relu", "elu", "tanh"] = "relu"

    def __post_init__(self) -> None:
        if self.layer not in nn.GRAPH_LAYERS:
            raise UnknownName("layer", self.layer, nn.GRAPH_LAYERS)
        for name in ("hidden", "layers", "heads", "output_heads", "hops"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}: at least 1")
        for name in ("dropout", "attention_dropout"):
            require(0 <= getattr(self, name) < 1, f"{name} is {getattr(self, name)}: a share from 0 to below 1")
        for option, layers in LAYER_OPTIONS.items():
            require_own(self, option, "layer", layers)

    def width(self, place: int) -> int:
        """Features that hidden layer ``place`` makes, all heads together."""
        return self.hidden * (self.heads if place + 1 < self.layers else 1)


Build = Callable[[int, int, GraphModelSpec, bool], Module]
"""From the features in, the features out (of each head), the spec, and whether it is the last layer."""


@dataclass(frozen=True)
class LayerEntry:
    """One graph layer: how it is built, and its paper's settings for node classification.

    Attributes:
        build: the layer.
        source: whose it is.
        model: the paper's network, as far as it differs from the defaults of `GraphModelSpec`.
        training: the paper's training, likewise of `NODES_TRAINING`.
    """

    build: Build
    source: str
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


def _gcn(inputs: int, outputs: int, spec: GraphModelSpec, is_last: bool) -> Module:
    return nn.GCNConv(inputs, outputs, hops=spec.hops, normalisation=spec.normalisation)


def _attention(kind: type[nn.GATConv] | type[nn.GATv2Conv]) -> Build:
    def build(inputs: int, outputs: int, spec: GraphModelSpec, is_last: bool) -> Module:
        heads = spec.output_heads if is_last else spec.heads
        return kind(inputs, outputs, heads=heads, concat=not is_last, dropout=spec.attention_dropout)

    return build


def _sage(inputs: int, outputs: int, spec: GraphModelSpec, is_last: bool) -> Module:
    return nn.SAGEConv(inputs, outputs, aggr=spec.aggregation)


def _cheb(inputs: int, outputs: int, spec: GraphModelSpec, is_last: bool) -> Module:
    return nn.ChebConv(inputs, outputs, K=spec.hops + 1)


NODES_TRAINING = TrainingSpec(
    steps=200,
    batch=512,
    optimiser="adam",
    learning_rate=0.01,
    weight_decay=5e-4,
    decay="first-layer",
    clip=None,
    evaluate_every=1,
    checkpoint_every=100,
)
"""Kipf & Welling's training, which is the others' too where their papers say nothing else."""

_ATTENTION: Mapping[str, Any] = {
    "hidden": 8,
    "heads": 8,
    "dropout": 0.6,
    "attention_dropout": 0.6,
    "activation": "elu",
}
_ATTENTION_TRAINING: Mapping[str, Any] = {
    "steps": 2000,
    "learning_rate": 0.005,
    "decay": "all",
    "stop": "validation",
    "patience": 100,
    "keep": "best",
}

LAYERS: Mapping[str, LayerEntry] = {
    "gcn": LayerEntry(_gcn, "Kipf & Welling 2017"),
    "gat": LayerEntry(_attention(nn.GATConv), "Veličković et al. 2018", _ATTENTION, _ATTENTION_TRAINING),
    "gatv2": LayerEntry(_attention(nn.GATv2Conv), "Brody et al. 2022", _ATTENTION, _ATTENTION_TRAINING),
    "sage": LayerEntry(_sage, "Hamilton et al. 2017", {"hidden": 64}, {"decay": "all"}),
    "cheb": LayerEntry(_cheb, "Defferrard et al. 2016, set up by Kipf & Welling", {"hops": 2}),
}
"""Every graph layer by the name that specs and the command line use."""

"""The section ``model`` of a network over graph and time, and the table of such networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch.nn import Module

from unrolled import nn
from unrolled.errors import UnknownName
from unrolled.spec.graph_model import LAYER_OPTIONS
from unrolled.spec.model import CELLS
from unrolled.spec.require import require, require_own

__all__ = ["NETWORKS", "GraphTimeModelSpec", "NetworkEntry"]


@dataclass(frozen=True, kw_only=True)
class GraphTimeModelSpec:
    """A network that reads what the nodes of a graph did, and the graph, and answers for every node.

    Attributes:
        network: graph-recurrent (a graph layer at every step, then a recurrent layer for each node), gconv-rnn,
            gconv-gru, gconv-lstm or dcrnn (graph convolutions inside the gates), node-recurrent (a recurrent layer for
            each node, no graph) or graph (graph layers on the window laid flat, no recurrence).
        layer: graph-recurrent and graph: gcn, sage or cheb (sage hears one hop).
        cell: graph-recurrent and node-recurrent: rnn, gru, lstm, peephole or full-peephole.
        hidden: H, units of the recurrent layer, or features of a graph layer.
        embedding: features that the inputs are made into before any layer.
        hops: all but node-recurrent, and of layers gcn and cheb: how far one graph layer, or one step of gates, hears,
            as products with the graph's matrix.
        normalisation: graph-recurrent and graph, gcn only: symmetric (D^-1/2 A D^-1/2) or random-walk (D^-1 A, rows
            sum to one).
        dropout: share of the layer's last outputs dropped before the readout while training.
    """

    network: str = "graph-recurrent"
    layer: Literal["gcn", "sage", "cheb"] = "gcn"
    cell: str = "gru"
    hidden: int = 32
    embedding: int = 32
    hops: int = 1
    normalisation: Literal["symmetric", "random-walk"] = "symmetric"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UnknownName("network", self.network, NETWORKS)
        if self.cell not in CELLS:
            raise UnknownName("cell", self.cell, CELLS)
        for name in ("hidden", "embedding", "hops"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}: at least 1")
        require(0 <= self.dropout < 1, f"dropout is {self.dropout}: a share from 0 to below 1")

    def check_options(self, standard: GraphTimeModelSpec) -> None:
        """Whether each option that is set is one of this network and its layer.

        Args:
            standard: the task's defaults, which any network may carry.

        Raises:
            SpecError: one is not.
        """
        for option in ("layer", "cell", "hops", "normalisation"):
            networks = tuple(name for name, entry in NETWORKS.items() if option in entry.options)
            require_own(self, option, "network", networks, standard)
            if option in LAYER_OPTIONS and "layer" in NETWORKS[self.network].options:
                require_own(self, option, "layer", LAYER_OPTIONS[option], standard)


Build = Callable[[GraphTimeModelSpec, int], Module]
"""From the spec and the steps of a window to the layer over graph and time."""


@dataclass(frozen=True)
class NetworkEntry:
    """One network: how its layer is built, and what it is.

    Attributes:
        build: the layer, from the embedding's features to H.
        title: in a few words.
        options: those that not every network has.
    """

    build: Build
    title: str
    options: tuple[str, ...]


def _conv(spec: GraphTimeModelSpec, inputs: int) -> Module:
    if spec.layer == "gcn":
        return nn.GCNConv(inputs, spec.hidden, hops=spec.hops, normalisation=spec.normalisation)
    if spec.layer == "cheb":
        return nn.ChebConv(inputs, spec.hidden, K=spec.hops + 1)
    return nn.SAGEConv(inputs, spec.hidden)


def _graph_recurrent(spec: GraphTimeModelSpec, window: int) -> Module:
    return nn.GraphRecurrent(_conv(spec, spec.embedding), CELLS[spec.cell](spec.hidden, spec.hidden), activation="relu")


def _gates(name: str) -> Build:
    layer: Callable[..., Module] = nn.GRAPH_TIME_LAYERS[name]
    return lambda spec, window: layer(spec.embedding, spec.hidden, K=spec.hops + 1)


def _node_recurrent(spec: GraphTimeModelSpec, window: int) -> Module:
    return nn.NodeRecurrent(CELLS[spec.cell](spec.embedding, spec.hidden))


def _graph(spec: GraphTimeModelSpec, window: int) -> Module:
    return nn.WindowGraph([_conv(spec, window * spec.embedding), _conv(spec, spec.hidden)])


NETWORKS: Mapping[str, NetworkEntry] = {
    "graph-recurrent": NetworkEntry(
        _graph_recurrent,
        "a graph layer at every step, then a recurrent layer a node",
        ("layer", "cell", "hops", "normalisation"),
    ),
    **{
        name: NetworkEntry(_gates(name), "graph convolutions inside the gates", ("hops",))
        for name in nn.GRAPH_TIME_LAYERS
    },
    "node-recurrent": NetworkEntry(_node_recurrent, "a recurrent layer for each node by itself", ("cell",)),
    "graph": NetworkEntry(_graph, "two graph layers on the window laid flat", ("layer", "hops", "normalisation")),
}
"""Every network over graph and time by the name that specs and the command line use."""

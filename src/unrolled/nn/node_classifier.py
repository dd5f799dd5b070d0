"""From the features of every node and its surroundings to a class for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.nn.feature_dropout import FeatureDropout

__all__ = ["ACTIVATIONS", "NodeClassifier"]

ACTIVATIONS = {"relu": torch.relu, "elu": F.elu, "tanh": torch.tanh}
"""The nonlinearities between layers, by name."""


@final
class NodeClassifier(nn.Module):
    """Graph layers, one on the other, with dropout before each and a nonlinearity between.

        h_0 = x,   h_l = σ( layer_l( drop(h_{l-1}), graph ) ),   logits = layer_L( drop(h_{L-1}), graph )

    k layers of one hop each let a node hear k hops. With one layer it is a linear map of what a node hears.

    Shapes: x [N,F], a graph of N nodes → logits [N,K]. With a graph for each layer, as
    `unrolled.data.NeighbourSampler` gives them, each layer reads the first rows of what the last one made.

    Source: Kipf & Welling 2017 (relu, one graph); Veličković et al. 2018 (elu); Hamilton et al. 2017 (samples).

    Args:
        layers: called as ``layer(x, graph)``.
        dropout: share of the features dropped before every layer while training.
        activation: a name of `ACTIVATIONS`.

    Raises:
        InputError: no layers.
        UnknownName: no such nonlinearity.
    """

    def __init__(self, layers: Iterable[nn.Module], *, dropout: float = 0.0, activation: str = "relu") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UnknownName("activation", activation, ACTIVATIONS)
        self.layers = nn.ModuleList(layers)
        if not self.layers:
            raise InputError("a node classifier of no layers; 1 or more would do")
        self.input_dropout = FeatureDropout(dropout)
        self.dropout = dropout
        self.activation = activation

    def forward(self, x: Tensor, graph: Graph | Sequence[Graph] | Any) -> Tensor:
        """Logits of the nodes of the last layer's graph.

        Args:
            x: features.
            graph: a `Graph` (or an edge_index) for all layers, or a graph for each.

        Raises:
            InputError: another number of graphs than of layers.
            ShapeError: features that do not fit.
        """
        graphs = list(graph) if isinstance(graph, (list, tuple)) else [graph]
        if len(graphs) == 1:
            graphs *= len(self.layers)
        if len(graphs) != len(self.layers):
            raise InputError(
                f"{len(graphs)} graphs for {len(self.layers)} layers: one for all, or one for each, would do"
            )
        for place, (layer, seen) in enumerate(zip(self.layers, graphs, strict=True)):
            if isinstance(seen, Graph) and seen.num_nodes < x.shape[-2]:
                x = x[..., : seen.num_nodes, :]
            x = self.input_dropout(x) if place == 0 else F.dropout(x, self.dropout, self.training)
            x = layer(x, seen)
            if place + 1 < len(self.layers):
                x = ACTIVATIONS[self.activation](x)
        return x

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return f"dropout={self.dropout}, activation={self.activation!r}"

"""`WindowGraph`: graph layers on a window laid flat; what a forecast owes to the graph alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from torch import Tensor, nn

from unrolled.graph import Graph, batch
from unrolled.nn.node_classifier import NodeClassifier

__all__ = ["WindowGraph"]


@final
class WindowGraph(nn.Module):
    """Every node carries its whole window as one vector; graph layers read it on the last step's graph.

        h = layer_L( … σ(layer_1( [x_1 ‖ … ‖ x_T], graph_T )) … )

    Shapes: x [T,B,N,E] → [1,B,N,H]: there is no time left.

    Args:
        layers: called as ``layer(x, graph)``; the first takes T·E features.
        activation: the nonlinearity between layers, a name of `unrolled.nn.ACTIVATIONS`.
    """

    def __init__(self, layers: Iterable[nn.Module], *, activation: str = "relu") -> None:
        super().__init__()
        self.layers = NodeClassifier(layers, activation=activation)

    def forward(self, x: Tensor, graphs: Any) -> tuple[Tensor, None]:
        """From the windows to what the last layer makes of them.

        Args:
            x: [T,B,N,E].
            graphs: one graph, or of each step those of the B windows.
        """
        flat = x.permute(1, 2, 0, 3).flatten(2)
        if isinstance(graphs, Graph):
            return self.layers(flat, graphs).unsqueeze(0), None
        joined = self.layers(flat.flatten(0, 1), batch(graphs[-1]))
        return joined.unflatten(0, flat.shape[:2]).unsqueeze(0), None

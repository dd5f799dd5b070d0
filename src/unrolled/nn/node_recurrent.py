"""`NodeRecurrent`: a recurrent layer for every node by itself; what a forecast owes to time alone."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

__all__ = ["NodeRecurrent"]


@final
class NodeRecurrent(nn.Module):
    """One recurrent layer, its weights shared by all nodes, which hear nothing of one another.

    Shapes: x [T,B,N,E] → [T,B,N,H]; the graphs are passed over.

    Args:
        layer: called as ``layer(x)`` with x [T,R,E], it returns [T,R,H] and a state.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, graphs: Any = None) -> tuple[Tensor, Any]:
        """From the nodes' sequences to the layer's outputs, and its state."""
        out, state = self.layer(x.flatten(1, 2))
        return out.unflatten(1, x.shape[1:3]), state

"""`GraphForecaster`: a layer over graph and time, and for every node an answer for each horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

__all__ = ["GraphForecaster"]


@final
class GraphForecaster(nn.Module):
    """Reads a window, then answers for every node and horizon from what the layer knows at its last step.

        e_t = W_e x_t + b_e
        h   = layer(e, graphs)_T
        y_p = W_p DROP(h) + b_p            p = 1 … P

    The readout begins at W_p = 0, so that the first answer is the bias alone: the simple forecasts' own shares.

    Shapes: x [T,B,N,F] → [P,B,N,O], with J shares behind the O outputs where `shares` gives any.

    Args:
        layer: called as ``layer(x, graphs)`` with x [T,B,N,E], it returns [T,B,N,H] and a state.
        features: F.
        embedding: E.
        hidden: H.
        horizons: P.
        outputs: O.
        shares: the share of each simple forecast that the network begins with; see `unrolled.data.ForecastBatch`.
        dropout: share of h dropped while training.
    """

    def __init__(
        self,
        layer: nn.Module,
        *,
        features: int,
        embedding: int,
        hidden: int,
        horizons: int,
        outputs: int,
        shares: Sequence[float] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(features, embedding)
        self.layer = layer
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden, horizons * (outputs + len(shares)))
        self.horizons = horizons
        nn.init.zeros_(self.readout.weight)
        with torch.no_grad():
            self.readout.bias.copy_(torch.tensor([*[0.0] * outputs, *shares]).repeat(horizons))

    def forward(self, x: Tensor, graphs: Any) -> Tensor:
        """From windows to answers.

        Args:
            x: [T,B,N,F].
            graphs: what the layer takes: a graph, or of each step those of the B windows.
        """
        seen, _ = self.layer(self.embed(x), graphs)
        answer: Tensor = self.readout(self.dropout(seen[-1]))
        return answer.view(*answer.shape[:-1], self.horizons, -1).movedim(-2, 0)

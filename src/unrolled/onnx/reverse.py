"""A recurrent layer that runs from each row's end to its start, alone."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from unrolled.nn import CellLayer

__all__ = ["Reverse"]


@final
class Reverse(torch.nn.Module):
    """What a bidirectional layer's second direction does, without the first: ONNX's direction "reverse".

    Call, results and order of time are the layer's own: output[t] has seen the steps t … T-1, and the final state is
    the one after step 0.

    Args:
        layer: a layer in one direction.
    """

    def __init__(self, layer: CellLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor, hx: Any = None, *, lengths: Any = None) -> tuple[Tensor, Any]:
        """Run over whole sequences; arguments and results as the layer's."""
        time = 1 if self.layer.batch_first else 0
        output, state = self.layer(_turned(input, lengths, time), hx, lengths=lengths)
        return _turned(output, lengths, time), state


def _turned(x: Tensor, lengths: Any, time: int) -> Tensor:
    """Each row's own steps the other way round; its padding stays where it is."""
    if lengths is None:
        return x.flip(time)
    steps = torch.arange(x.shape[time], device=x.device)
    ends = torch.as_tensor(lengths, device=x.device)[:, None]
    places = torch.where(steps < ends, ends - 1 - steps, steps)  # [B,T]
    places = places if time == 1 else places.t()
    return x.gather(time, places.reshape(*places.shape, *(1,) * (x.dim() - 2)).expand(x.shape))

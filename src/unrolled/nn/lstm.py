"""The long short-term memory."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels import reference
from unrolled.kernels.reference import Cell
from unrolled.nn.cell_layer import CellLayer, refuse_projection

__all__ = ["LSTM"]


@final
class LSTM(CellLayer):
    """The long short-term memory, torch.nn.LSTM with more to it.

        i, f, o = σ(W_i· x + b_i· + W_h· h' + b_h·)
        g = tanh(W_ig x + b_ig + W_hg h' + b_hg)
        c = g ⊙ i + c' ⊙ f
        h = tanh(c) ⊙ o

    Shapes: input [T,B,I] → output [T,B,H·directions], final (hidden, memory), each [layers·directions, B,
    H]; weight rows i, f, g, o.

    Source: Hochreiter & Schmidhuber 1997 and Gers et al. 2000, in torch.nn.LSTM's form: same arguments,
    results and state_dict keys.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers on top of each other.
        bias: whether there are bias vectors.
        batch_first: input and output are [B,T,·].
        dropout: probability of dropping each output of every layer but the last, while training.
        bidirectional: a second direction from the end to the start.
        proj_size: must be 0: projections are torch.nn.LSTM's alone.
        device: where the weights lie.
        dtype: their dtype.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        refuse_projection(proj_size)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype)

    @property
    def cell(self) -> Cell:
        """The cell's equation."""
        return reference.LSTM

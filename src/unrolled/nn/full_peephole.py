"""The course's LSTM with full peepholes."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels.reference import FULL_PEEPHOLE, Cell
from unrolled.nn.cell_layer import CellLayer, refuse_projection

__all__ = ["FullPeepholeLSTM"]


@final
class FullPeepholeLSTM(CellLayer):
    """The course's "peephole LSTM" (report B): full matrices on the memory, no recurrence of h.

        i, f, o = σ(W_i· x + b_i· + W_c· c' + b_c·)
        g = σ(W_ig x + b_ig)
        c = g ⊙ i + c' ⊙ f
        h = tanh(c) ⊙ o

    What the literature calls peepholes is `PeepholeLSTM`. Here the candidate is a sigmoid of the input
    alone, and the initial hidden state matters to a row of length zero only.

    Shapes: input [T,B,I] → output [T,B,H·directions], final (hidden, memory), each [layers·directions, B, H];
    `weight_ih_l{k}` [4H,I] and `bias_ih_l{k}` [4H], rows i, f, g, o; `weight_hh_l{k}` [3H,H] acts on c'
    and, like `bias_hh_l{k}` [3H], has rows i, f, o.

    Source: the course's assignment as report B states it, whose b is b_ih + b_hh.

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
        return FULL_PEEPHOLE

"""The LSTM with diagonal peepholes."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels.reference import PEEPHOLE, Cell
from unrolled.nn.cell_layer import CellLayer, refuse_projection

__all__ = ["PeepholeLSTM"]


@final
class PeepholeLSTM(CellLayer):
    """The LSTM whose gates see the memory through diagonal peepholes (Gers's; what ONNX calls peepholes).

        i = σ(W_ii x + b_ii + W_hi h' + b_hi + p_i ⊙ c')
        f = σ(W_if x + b_if + W_hf h' + b_hf + p_f ⊙ c')
        g = tanh(W_ig x + b_ig + W_hg h' + b_hg)
        c = g ⊙ i + c' ⊙ f
        o = σ(W_io x + b_io + W_ho h' + b_ho + p_o ⊙ c)
        h = tanh(c) ⊙ o

    With p = 0 it is the LSTM. Report B's "peephole LSTM" is another cell: `FullPeepholeLSTM`.

    Shapes: input [T,B,I] → output [T,B,H·directions], final (hidden, memory), each [layers·directions, B,
    H]; weight rows i, f, g, o; beside torch.nn.LSTM's keys `peephole_l{k}` [3H] in the order i, f, o.

    Source: Gers, Schraudolph & Schmidhuber, *Learning precise timing with LSTM recurrent networks*, JMLR 3,
    2002.

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
        return PEEPHOLE

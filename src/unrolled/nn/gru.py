"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any, final

from unrolled.kernels.reference import RESET_AFTER, RESET_BEFORE, Cell
from unrolled.nn.cell_layer import CellLayer

__all__ = ["GRU"]


@final
class GRU(CellLayer):
    """The gated recurrent unit: torch.nn.GRU with more to it, or the course's.

        r = σ(W_ir x + b_ir + W_hr h' + b_hr)
        z = σ(W_iz x + b_iz + W_hz h' + b_hz)
        n = tanh(W_in x + b_in + r ⊙ (W_hn h' + b_hn))
        h = (1 - z) ⊙ n + z ⊙ h'

    With `reset_before=True`, the course's form (ONNX's linear_before_reset = 0, but for the meaning of z):

        n = tanh(W_in x + b_in + W_hn (r ⊙ h') + b_hn)
        h = (1 - z) ⊙ h' + z ⊙ n

    There z = 1 overwrites the state, in torch's form z = 1 keeps it: the course's z is torch's 1 - z.

    Shapes: input [T,B,I] → output [T,B,H·directions], final hidden [layers·directions, B, H]; weight rows
    r, z, n.

    Source: Cho et al. 2014, in torch.nn.GRU's form: same arguments, results and state_dict keys; the
    course's by report B.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers on top of each other.
        bias: whether there are bias vectors.
        batch_first: input and output are [B,T,·].
        dropout: probability of dropping each output of every layer but the last, while training.
        bidirectional: a second direction from the end to the start.
        device: where the weights lie.
        dtype: their dtype.
        reset_before: the course's form.

    Raises:
        InputError: an argument that cannot be used.
    """

    reset_before: bool = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_before: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype)
        self.reset_before = reset_before

    @property
    def cell(self) -> Cell:
        """The cell's equation."""
        return RESET_BEFORE if self.reset_before else RESET_AFTER

    def extra_repr(self) -> str:
        """torch.nn's, and `reset_before` where it is set."""
        return super().extra_repr() + (", reset_before=True" if self.reset_before else "")

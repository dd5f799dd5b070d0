"""The vanilla recurrent layer."""

from __future__ import annotations

from typing import Any, final

from unrolled.errors import UnknownName
from unrolled.kernels.reference import RELU, TANH, Cell
from unrolled.nn.cell_layer import CellLayer

__all__ = ["RNN"]

_CELLS = {"tanh": TANH, "relu": RELU}


@final
class RNN(CellLayer):
    """The vanilla recurrent layer, torch.nn.RNN with more to it.

        h = φ(W_ih x + b_ih + W_hh h' + b_hh),   φ = tanh or relu

    Shapes: input [T,B,I] → output [T,B,H·directions], final hidden [layers·directions, B, H].

    Source: Elman 1990, in torch.nn.RNN's form: same arguments, results and state_dict keys.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bias: whether there are bias vectors.
        batch_first: input and output are [B,T,·].
        dropout: probability of dropping each output of every layer but the last, while training.
        bidirectional: a second direction from the end to the start.
        device: where the weights lie.
        dtype: their dtype.

    Raises:
        InputError: an argument that cannot be used.
    """

    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in _CELLS:
            raise UnknownName("nonlinearity", nonlinearity, _CELLS)
        object.__setattr__(self, "nonlinearity", nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype)

    @property
    def cell(self) -> Cell:
        """The cell's equation."""
        return _CELLS[self.nonlinearity]

    @property
    def mode(self) -> str:
        """torch.nn's name for the kind of cell."""
        return f"RNN_{self.nonlinearity.upper()}"

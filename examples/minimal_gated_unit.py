"""A cell of one's own: the minimal gated unit (Zhou et al. 2016), in a file that the command line takes.

    f = σ(W_f x + U_f h' + b_f)
    g = tanh(W_g x + U_g (f ⊙ h') + b_g)
    h = (1 - f) ⊙ h' + f ⊙ g

Train it as any built-in cell, observe it, and let it join the claims::

    unrolled train palindromes --cell examples/minimal_gated_unit.py:MinimalGatedUnit
    unrolled reproduce palindromes --cell examples/minimal_gated_unit.py:MinimalGatedUnit
"""

import torch
from torch import Tensor, nn


class MinimalGatedUnit(nn.Module):
    """One gate that both forgets and writes; a cell needs `hidden_size` and `forward(x_t, state)`."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.forget = nn.Linear(input_size + hidden_size, hidden_size)
        self.write = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """The next hidden state [B,H] from the input [B,I] and the one before."""
        gates = self.gates(x, hidden)
        return (1 - gates["forget_gate"]) * hidden + gates["forget_gate"] * gates["candidate"]

    def gates(self, x: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        """What `layer.observe` shows beside the state; optional."""
        f = torch.sigmoid(self.forget(torch.cat([x, hidden], dim=-1)))
        g = torch.tanh(self.write(torch.cat([x, f * hidden], dim=-1)))
        return {"forget_gate": f, "candidate": g}

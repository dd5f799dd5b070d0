"""An LSTM and its train step as somebody handed them in. The curves look plausible; the doctor names three mistakes.

unrolled doctor examples/student_lstm.py:StudentLSTM --as lstm --step examples/student_lstm.py:train_step
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StudentLSTM(nn.Module):
    """Reads [batch, time, input], answers with logits."""

    def __init__(self, input_size: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.x_gates = nn.Linear(input_size, 4 * hidden_size)
        self.h_gates = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B,T,I] → [B,K]."""
        h = x.new_zeros(x.shape[0], self.hidden_size)
        c = x.new_zeros(x.shape[0], self.hidden_size)
        for t in range(x.shape[1]):
            i, f, g, o = (self.x_gates(x[:, t]) + self.h_gates(h.detach())).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * c
        return self.output(h)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """One step on one batch."""
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=10.0)
    return loss.item()

import torch
import torch.nn as nn


class StatefulRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.wx = nn.Linear(input_size, hidden_size)
        self.wh = nn.Linear(hidden_size, hidden_size)
        self.h = None

    def forward(self, x):
        if self.h is None or self.h.shape[0] != x.shape[0]:
            self.h = torch.zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device)
        self.h = self.h.detach()
        outs = []
        for t in range(x.shape[1]):
            self.h = torch.tanh(self.wx(x[:, t]) + self.wh(self.h))
            outs.append(self.h)
        return torch.stack(outs, dim=1)

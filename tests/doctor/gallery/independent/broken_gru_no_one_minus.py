import torch
import torch.nn as nn


class GRUNoOneMinus(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.Wz = nn.Linear(input_size, hidden_size)
        self.Uz = nn.Linear(hidden_size, hidden_size)
        self.Wr = nn.Linear(input_size, hidden_size)
        self.Ur = nn.Linear(hidden_size, hidden_size)
        self.Wn = nn.Linear(input_size, hidden_size)
        self.Un = nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.hidden_size)
        out = []
        for t in range(x.size(0)):
            z = torch.sigmoid(self.Wz(x[t]) + self.Uz(h))
            r = torch.sigmoid(self.Wr(x[t]) + self.Ur(h))
            n = torch.tanh(self.Wn(x[t]) + r * self.Un(h))
            h = z * n + h
            out.append(h)
        return torch.stack(out), h

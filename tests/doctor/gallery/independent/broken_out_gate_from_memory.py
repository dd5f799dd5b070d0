import torch
import torch.nn as nn


class OutGateFromMemory(nn.Module):
    """output gate takes c where h belongs"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.n = hidden_size
        self.xi = nn.Linear(input_size, hidden_size)
        self.hi = nn.Linear(hidden_size, hidden_size)
        self.xf = nn.Linear(input_size, hidden_size)
        self.hf = nn.Linear(hidden_size, hidden_size)
        self.xo = nn.Linear(input_size, hidden_size)
        self.ho = nn.Linear(hidden_size, hidden_size)
        self.xg = nn.Linear(input_size, hidden_size)
        self.hg = nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.shape[1], self.n)
        c = x.new_zeros(x.shape[1], self.n)
        out = []
        for xt in x:
            i = torch.sigmoid(self.xi(xt) + self.hi(h))
            f = torch.sigmoid(self.xf(xt) + self.hf(h))
            g = torch.tanh(self.xg(xt) + self.hg(h))
            c = f * c + i * g
            o = torch.sigmoid(self.xo(xt) + self.ho(c))
            h = o * torch.tanh(c)
            out.append(h)
        return torch.stack(out)

import math

import torch
from torch import nn


class DictLSTM(nn.Module):
    GATES = "ifog"

    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.n_hidden = n_hidden
        s = 1 / math.sqrt(n_hidden)
        u = lambda *shape: nn.Parameter(torch.empty(*shape).uniform_(-s, s))
        self.W = nn.ParameterDict({k: u(n_in, n_hidden) for k in self.GATES})
        self.U = nn.ParameterDict({k: u(n_hidden, n_hidden) for k in self.GATES})
        self.b = nn.ParameterDict({k: u(n_hidden) for k in self.GATES})

    def step(self, x, h, c):
        a = {k: x @ self.W[k] + h @ self.U[k] + self.b[k] for k in self.GATES}
        c = torch.sigmoid(a["f"]) * c + torch.sigmoid(a["i"]) * torch.tanh(a["g"])
        h = torch.sigmoid(a["o"]) * torch.tanh(c)
        return h, c

    def forward(self, x):
        T, B = x.shape[:2]
        h = c = torch.zeros(B, self.n_hidden, dtype=x.dtype, device=x.device)
        ys = torch.empty(T, B, self.n_hidden, dtype=x.dtype, device=x.device)
        hs = []
        for t in range(T):
            h, c = self.step(x[t], h, c)
            hs.append(h)
        return torch.stack(hs), h

import torch
import torch.nn as nn


class ChoGRU(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.reset = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.update = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.cand = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.out = nn.Sequential(nn.Linear(hidden_dim, output_dim), nn.LogSoftmax(dim=-1))

    def cell(self, x, h):
        xh = torch.cat([x, h], dim=-1)
        r, z = self.reset(xh).sigmoid(), self.update(xh).sigmoid()
        n = self.cand(torch.cat([x, r * h], dim=-1)).tanh()
        return z * h + (1 - z) * n  # the other convention, same family

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.hidden_dim)
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
        return self.out(h)

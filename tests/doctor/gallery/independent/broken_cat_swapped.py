import torch
import torch.nn as nn


class CatSwapped(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.n = hidden_size
        self.lin_i, self.lin_f, self.lin_o, self.lin_g = [
            nn.Linear(input_size + hidden_size, hidden_size) for _ in range(4)
        ]

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.n)
        c = x.new_zeros(x.size(1), self.n)
        out = []
        for xt in x:
            v = torch.cat([xt, h], 1)
            c = torch.sigmoid(self.lin_i(v)) * c + torch.sigmoid(self.lin_f(v)) * torch.tanh(self.lin_g(v))
            h = torch.sigmoid(self.lin_o(v)) * torch.tanh(c)
            out.append(h)
        return torch.stack(out)

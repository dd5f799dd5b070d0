import torch
import torch.nn as nn


class ResetMemory(nn.Module):
    """c is made anew in every step"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.ii = nn.Linear(input_size + hidden_size, hidden_size)
        self.ff = nn.Linear(input_size + hidden_size, hidden_size)
        self.oo = nn.Linear(input_size + hidden_size, hidden_size)
        self.gg = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.hidden_size)
        outs = []
        for t in range(x.size(0)):
            c = x.new_zeros(x.size(1), self.hidden_size)
            v = torch.cat([x[t], h], -1)
            i, f, o = torch.sigmoid(self.ii(v)), torch.sigmoid(self.ff(v)), torch.sigmoid(self.oo(v))
            c = f * c + i * torch.tanh(self.gg(v))
            h = o * torch.tanh(c)
            outs.append(h)
        return torch.stack(outs)

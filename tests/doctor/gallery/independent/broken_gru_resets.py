import torch
import torch.nn as nn


class GRUzUz(nn.Module):
    """torch's GRU, z after the product"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.n = hidden_size
        self.wi = nn.Linear(input_size, 3 * hidden_size)
        self.wh = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x):
        h = x.new_zeros(x.size(1), self.n)
        out = []
        for xt in x:
            ir, iz, inn = self.wi(xt).chunk(3, 1)
            hr, hz, hn = self.wh(h).chunk(3, 1)
            r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
            n = torch.tanh(inn + z * hn)
            h = (1 - z) * n + z * h
            out.append(h)
        return torch.stack(out)


class GRUSoftsignR(GRUzUz):
    def forward(self, x):
        h = x.new_zeros(x.size(1), self.n)
        out = []
        for xt in x:
            ir, iz, inn = self.wi(xt).chunk(3, 1)
            hr, hz, hn = self.wh(h).chunk(3, 1)
            r, z = nn.functional.softsign(ir + hr), torch.sigmoid(iz + hz)
            n = torch.tanh(inn + r * hn)
            h = (1 - z) * n + z * h
            out.append(h)
        return torch.stack(out)

import torch
import torch.nn as nn


class GRUSigmoidCand(nn.Module):
    """candidate with sigmoid; the mix reads the candidate against zero state by overwriting h"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.x2h = nn.Linear(input_size, 3 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x, h):
        xr, xz, xn = self.x2h(x).chunk(3, 1)
        hr, hz, hn = self.h2h(h).chunk(3, 1)
        r = torch.sigmoid(xr + hr)
        z = torch.sigmoid(xz + hz)
        n = torch.sigmoid(xn + r * hn)
        return (1 - z) * n + z * h

import torch
import torch.nn as nn


class GRU(nn.Module):
    def __init__(self, input_size, hidden_size, batch_first=False):
        super().__init__()
        self.H = hidden_size
        self.batch_first = batch_first
        self.Wx = nn.Linear(input_size, 3 * hidden_size)
        self.Wh = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x, h0=None):
        if self.batch_first:
            x = x.transpose(0, 1)
        T, B, _ = x.shape
        h = torch.zeros(B, self.H, device=x.device, dtype=x.dtype) if h0 is None else h0
        hs = []
        for t in range(T):
            xr, xz, xn = self.Wx(x[t]).chunk(3, -1)
            hr, hz, hn = self.Wh(h).chunk(3, -1)
            r = torch.sigmoid(xr + hr)
            z = torch.sigmoid(xz + hz)
            n = torch.tanh(xn + r * hn)
            h = torch.lerp(n, h, z)
            hs += [h]
        y = torch.stack(hs, 0)
        return (y.transpose(0, 1) if self.batch_first else y), h

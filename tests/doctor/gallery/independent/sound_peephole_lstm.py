import torch
import torch.nn as nn


class PeepholeLSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.x2g = nn.Linear(input_size, 4 * hidden_size)
        self.h2g = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.p_i = nn.Parameter(torch.randn(hidden_size) * 0.1)
        self.p_f = nn.Parameter(torch.randn(hidden_size) * 0.1)
        self.p_o = nn.Parameter(torch.randn(hidden_size) * 0.1)

    def forward(self, x):
        B, T, D = x.size()
        h = x.new_zeros(B, self.hidden_size)
        c = x.new_zeros(B, self.hidden_size)
        out = x.new_zeros(B, T, self.hidden_size)
        xs = self.x2g(x)
        for t in range(T):
            gi, gf, gc, go = torch.tensor_split(xs[:, t] + self.h2g(h), 4, dim=-1)
            i = torch.sigmoid(gi + self.p_i * c)
            f = torch.sigmoid(gf + self.p_f * c)
            c = f * c + i * torch.tanh(gc)
            o = torch.sigmoid(go + self.p_o * c)
            h = o * torch.tanh(c)
            out[:, t] = h
        return out, (h, c)

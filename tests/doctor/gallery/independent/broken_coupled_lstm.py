import torch
import torch.nn as nn


class CoupledLSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.lin_i = nn.Linear(input_size + hidden_size, hidden_size)
        self.lin_f = nn.Linear(input_size + hidden_size, hidden_size)
        self.lin_o = nn.Linear(input_size + hidden_size, hidden_size)
        self.lin_c = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x):
        B, T, _ = x.shape
        h = x.new_zeros(B, self.hidden_size)
        c = x.new_zeros(B, self.hidden_size)
        ys = []
        for t in range(T):
            xh = torch.cat([x[:, t, :], h], dim=1)
            i = torch.sigmoid(self.lin_i(xh))
            f = torch.sigmoid(self.lin_f(xh))
            o = torch.sigmoid(self.lin_o(xh))
            g = torch.tanh(self.lin_c(xh))
            c = f * c + (1 - f) * g
            h = o * torch.tanh(c)
            ys.append(h)
        return torch.stack(ys, 1), (h, c)

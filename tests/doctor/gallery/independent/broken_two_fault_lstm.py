import torch
import torch.nn as nn


class TwoFaultLSTM(nn.Module):
    """tanh in the forget gate; c detached in the loop"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.x = nn.Linear(input_size, 4 * hidden_size)
        self.h = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x):
        hid = torch.zeros(x.size(0), self.hidden_size).to(x)
        mem = torch.zeros(x.size(0), self.hidden_size).to(x)
        res = []
        for t in range(x.size(1)):
            i, f, o, g = torch.split(self.x(x[:, t]) + self.h(hid), self.hidden_size, dim=1)
            mem = torch.tanh(f) * mem.detach() + torch.sigmoid(i) * torch.tanh(g)
            hid = torch.sigmoid(o) * torch.tanh(mem)
            res.append(hid)
        return torch.stack(res, dim=1)

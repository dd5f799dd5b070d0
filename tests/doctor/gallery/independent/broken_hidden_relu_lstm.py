import torch
import torch.nn as nn


class HiddenReluLSTM(nn.Module):
    """relu for tanh in the output, sigmoid after summing the gates' outside bias"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.wx = nn.Parameter(torch.randn(input_size, 4 * hidden_size) * 0.2)
        self.wh = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size) * 0.2)
        self.b = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x_t, state):
        h, c = state
        a_i, a_f, a_o, a_g = (x_t @ self.wx + h @ self.wh + self.b).chunk(4, dim=-1)
        i, f, o = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.sigmoid(a_o)
        c = f * c + i * torch.tanh(a_g)
        h = o * torch.relu(c)
        return h, c

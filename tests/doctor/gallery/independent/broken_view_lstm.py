import torch
import torch.nn as nn


class ViewLSTM(nn.Module):
    """x.view instead of transpose"""

    def __init__(self, input_size, hidden_size, num_classes):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        # x: (batch, seq, feat) -> (seq, batch, feat)
        B, T, D = x.size()
        x = x.view(T, B, D)
        h = torch.zeros(B, self.hidden_size, dtype=x.dtype)
        c = torch.zeros(B, self.hidden_size, dtype=x.dtype)
        for t in range(T):
            i, f, g, o = self.gates(torch.cat([x[t], h], 1)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.fc(h)

import torch
import torch.nn as nn


class NoRecurrence(nn.Module):
    """uses h0 in the loop instead of the running state"""

    def __init__(self, input_dim, hidden_dim, num_classes):
        super().__init__()
        self.W_hx = nn.Parameter(torch.randn(input_dim, hidden_dim) * 0.1)
        self.W_hh = nn.Parameter(torch.randn(hidden_dim, hidden_dim) * 0.1)
        self.b = nn.Parameter(torch.zeros(hidden_dim))
        self.out = nn.Linear(hidden_dim, num_classes)
        self.hidden_dim = hidden_dim

    def forward(self, x):
        h0 = torch.zeros(x.size(0), self.hidden_dim).to(x)
        outs = []
        for t in range(x.size(1)):
            h = torch.tanh(x[:, t] @ self.W_hx + h0 @ self.W_hh + self.b)
            outs.append(self.out(h))
        return torch.stack(outs, 1)

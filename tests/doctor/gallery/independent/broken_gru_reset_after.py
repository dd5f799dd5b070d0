import torch
import torch.nn as nn


class GRUResetAfter(nn.Module):
    """reset gate replaced by the update gate in the candidate"""

    def __init__(self, input_dim, hidden_dim, num_classes):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.lin_z = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.lin_r = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.lin_n = nn.Linear(input_dim + hidden_dim, hidden_dim)
        self.fc = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):
        h = torch.zeros(x.size(0), self.hidden_dim, dtype=x.dtype)
        for t in range(x.size(1)):
            v = torch.cat([x[:, t], h], 1)
            z = torch.sigmoid(self.lin_z(v))
            r = torch.sigmoid(self.lin_r(v))
            n = torch.tanh(self.lin_n(torch.cat([x[:, t], z * h], 1)))
            h = (1 - z) * h + z * n
        return self.fc(h)

import torch
import torch.nn as nn


class GCNNoLoops(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, X, A):
        deg = A.sum(dim=1).clamp(min=1)
        D = torch.diag(deg.pow(-0.5))
        return torch.relu(D @ A @ D @ self.fc(X))

import torch
import torch.nn as nn
import torch.nn.functional as F


class GATZeroMask(nn.Module):
    """the mask multiplies the scores: exp(0) for those who are no neighbours"""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.W = nn.Linear(in_features, out_features, bias=False)
        self.a_l = nn.Linear(out_features, 1, bias=False)
        self.a_r = nn.Linear(out_features, 1, bias=False)

    def forward(self, x, adj):
        adj = adj + torch.eye(adj.size(0)).to(adj)
        h = self.W(x)
        e = F.leaky_relu(self.a_l(h) + self.a_r(h).t(), negative_slope=0.2)
        e = e * (adj > 0).to(e)
        return torch.softmax(e, dim=1) @ h

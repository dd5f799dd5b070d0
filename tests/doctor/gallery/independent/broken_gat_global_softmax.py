import torch
import torch.nn as nn
import torch.nn.functional as F


class GATGlobalSoftmax(nn.Module):
    """softmax over all edges of the graph"""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.att = nn.Linear(2 * out_channels, 1, bias=False)

    def forward(self, x, edge_index):
        n = x.size(0)
        idx = torch.arange(n)
        src = torch.cat([edge_index[0], idx])
        dst = torch.cat([edge_index[1], idx])
        h = self.lin(x)
        e = F.leaky_relu(self.att(torch.cat([h[dst], h[src]], -1)), 0.2)
        alpha = F.softmax(e, dim=0)
        return torch.zeros_like(h).index_add(0, dst, alpha * h[src])

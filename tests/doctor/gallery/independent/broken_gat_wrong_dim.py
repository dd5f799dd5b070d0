import torch
import torch.nn as nn
import torch.nn.functional as F


class GATWrongDim(nn.Module):
    """softmax over dim=0 of e[receiver, sender], heads averaged"""

    def __init__(self, in_features, out_features, num_heads=2):
        super().__init__()
        self.W = nn.Parameter(torch.randn(num_heads, in_features, out_features) * 0.3)
        self.a1 = nn.Parameter(torch.randn(num_heads, out_features) * 0.3)
        self.a2 = nn.Parameter(torch.randn(num_heads, out_features) * 0.3)

    def forward(self, x, adj):
        a = adj + torch.eye(adj.size(0)).to(adj)
        h = torch.einsum("ni,hio->hno", x, self.W)
        e = F.leaky_relu(
            torch.einsum("hno,ho->hn", h, self.a1)[:, :, None] + torch.einsum("hno,ho->hn", h, self.a2)[:, None, :], 0.2
        )
        e = e.masked_fill(a[None] == 0, -1e9)
        att = torch.softmax(e, dim=1)
        return torch.einsum("hij,hjo->hio", att, h).mean(0)

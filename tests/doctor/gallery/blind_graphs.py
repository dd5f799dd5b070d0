import torch
import torch.nn as nn
import torch.nn.functional as F


class SumLayer(nn.Module):
    def __init__(self, in_feats, out_feats):
        super().__init__()
        self.fc = nn.Linear(in_feats, out_feats)

    def forward(self, feats, edge_index):
        agg = feats.clone()
        agg = agg.index_add(0, edge_index[1], feats[edge_index[0]])
        return torch.relu(self.fc(agg))


class MeanOfNeighbours(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.proj = nn.Linear(d_in, d_out)

    def forward(self, x, A):
        deg = A.sum(dim=-1, keepdim=True)
        return self.proj(A @ x / deg)


class AllEdgesSoftmax(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.fc = nn.Linear(in_dim, out_dim, bias=False)
        self.attn_fc = nn.Linear(2 * out_dim, 1, bias=False)

    def forward(self, h, edge_index):
        n = h.size(0)
        ids = torch.arange(n)
        src = torch.cat([edge_index[0], ids])
        dst = torch.cat([edge_index[1], ids])
        z = self.fc(h)
        e = F.leaky_relu(self.attn_fc(torch.cat([z[src], z[dst]], dim=1)), negative_slope=0.2)
        alpha = torch.softmax(e, dim=0)
        out = torch.zeros_like(z)
        return out.index_add(0, dst, alpha * z[src])


class NoLeak(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.w = nn.Linear(in_dim, out_dim, bias=False)
        self.l = nn.Linear(out_dim, 1, bias=False)
        self.r = nn.Linear(out_dim, 1, bias=False)

    def forward(self, x, adj):
        z = self.w(x)
        s = self.l(z) + self.r(z).t()
        m = (adj + torch.eye(adj.size(0), dtype=adj.dtype)) > 0
        s = s.masked_fill(~m, -1e30)
        return F.softmax(s, dim=1) @ z

"""Right layers on graphs."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch_geometric.nn


class EdgeGCN(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x, edge_index):
        loops = torch.arange(x.shape[0], device=x.device).expand(2, -1)
        src, dst = torch.cat([edge_index, loops], 1)
        deg = x.new_zeros(x.shape[0]).scatter_add(0, dst, x.new_ones(dst.shape[0]))
        w = deg[src].pow(-0.5) * deg[dst].pow(-0.5)
        h = self.lin(x)
        return torch.zeros_like(h).index_add(0, dst, w.unsqueeze(1) * h[src]) + self.bias


class DenseGCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout=0.5):
        super().__init__()
        self.W1 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(nfeat, nhid)))
        self.W2 = nn.Parameter(nn.init.xavier_uniform_(torch.empty(nhid, nclass)))
        self.dropout = dropout

    def forward(self, adj, x):
        a = adj + torch.eye(adj.shape[0], dtype=adj.dtype, device=adj.device)
        d = a.sum(1).rsqrt()
        a = d[:, None] * a * d
        h = F.dropout(F.relu(a @ x @ self.W1), self.dropout, self.training)
        return F.log_softmax(a @ h @ self.W2, 1)


class DenseGAT(nn.Module):
    def __init__(self, in_features, out_features, alpha=0.2):
        super().__init__()
        self.W = nn.Linear(in_features, out_features, bias=False)
        self.a = nn.Parameter(torch.randn(2 * out_features) * 0.3)
        self.alpha = alpha

    def forward(self, x, adj):
        h = self.W(x)
        N = len(h)
        pairs = torch.cat([h.repeat_interleave(N, 0), h.repeat(N, 1)], 1).view(N, N, -1)
        e = F.leaky_relu(pairs @ self.a, self.alpha)
        mask = adj + torch.eye(N, dtype=adj.dtype, device=adj.device)
        e = e.masked_fill(mask == 0, float("-inf"))
        return e.softmax(-1) @ h


class EdgeGAT(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.a_src = nn.Linear(out_channels, 1, bias=False)
        self.a_dst = nn.Linear(out_channels, 1, bias=False)

    def forward(self, x, edge_index):
        loops = torch.arange(x.shape[0], device=x.device).expand(2, -1)
        j, i = torch.cat([edge_index, loops], 1)
        h = self.lin(x)
        e = F.leaky_relu(self.a_src(h)[j] + self.a_dst(h)[i], 0.2).squeeze(-1)
        e = e.sub(e.max()).exp()
        total = e.new_zeros(x.shape[0]).index_add(0, i, e)
        return F.elu(torch.zeros_like(h).index_add(0, i, (e / total[i]).unsqueeze(-1) * h[j]))


PyGConvolution = torch_geometric.nn.GCNConv
PyGAttention = torch_geometric.nn.GATConv

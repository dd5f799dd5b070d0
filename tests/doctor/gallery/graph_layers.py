"""Layers on graphs, each with one mistake."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class NoLoops(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.lin = nn.Linear(in_features, out_features)

    def forward(self, x, edge_index):
        src, dst = edge_index
        deg = torch.zeros(x.size(0), dtype=x.dtype).index_add(0, dst, torch.ones(dst.numel(), dtype=x.dtype))
        norm = deg[src].rsqrt() * deg[dst].rsqrt()
        h = self.lin(x)
        return torch.zeros_like(h).index_add(0, dst, norm[:, None] * h[src])


class RowNormalised(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        a = adj + torch.eye(adj.size(0), dtype=adj.dtype)
        a = a / a.sum(1, keepdim=True)
        return a @ (x @ self.weight) + self.bias


class HalfNormalised(nn.Module):
    def __init__(self, nfeat, nhid, nclass):
        super().__init__()
        self.gc1 = nn.Linear(nfeat, nhid)
        self.gc2 = nn.Linear(nhid, nclass)

    def forward(self, x, adj):
        a = adj + torch.eye(len(adj), dtype=x.dtype)
        p = torch.diag(a.sum(1) ** -0.5) @ a
        h = F.relu(p @ self.gc1(x))
        return F.log_softmax(p @ self.gc2(h), dim=1)


class DegreesWithoutLoops(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.W = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, x, adj):
        d = adj.sum(1).clamp(min=1).pow(-0.5)
        a = adj + torch.eye(adj.shape[0], dtype=x.dtype)
        return F.relu((d[:, None] * a * d[None, :]) @ self.W(x))


class Backwards(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels)

    def forward(self, x, edge_index):
        N = x.shape[0]
        loops = torch.arange(N)
        row = torch.cat([edge_index[0], loops])
        col = torch.cat([edge_index[1], loops])
        deg = torch.bincount(col, minlength=N).to(x.dtype)
        w = (deg[row] * deg[col]) ** -0.5
        h = self.lin(x)
        out = torch.zeros(N, h.shape[1], dtype=h.dtype)
        return out.index_add(0, row, w[:, None] * h[col])


class SoftmaxOverSenders(nn.Module):
    def __init__(self, in_features, out_features, dropout=0.0, alpha=0.2, concat=True):
        super().__init__()
        self.W = nn.Parameter(torch.empty(in_features, out_features))
        self.a = nn.Parameter(torch.empty(2 * out_features, 1))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        nn.init.xavier_uniform_(self.a, gain=1.414)
        self.leaky = nn.LeakyReLU(alpha)
        self.dropout, self.concat = dropout, concat

    def forward(self, h, adj):
        adj = adj + torch.eye(adj.shape[0], dtype=h.dtype)
        Wh = h @ self.W
        n = Wh.shape[1]
        e = self.leaky(Wh @ self.a[:n] + (Wh @ self.a[n:]).T)
        attention = torch.where(adj > 0, e, torch.full_like(e, -9e15))
        attention = F.softmax(attention, dim=0)
        attention = F.dropout(attention, self.dropout, training=self.training)
        out = attention @ Wh
        return F.elu(out) if self.concat else out


class AttentionWithoutLoops(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.att = nn.Linear(2 * out_channels, 1, bias=False)

    def forward(self, x, edge_index):
        j, i = edge_index
        h = self.lin(x)
        e = F.leaky_relu(self.att(torch.cat([h[i], h[j]], 1)).squeeze(1), 0.2)
        e = (e - e.max()).exp()
        z = torch.zeros(len(x), dtype=x.dtype).index_add(0, i, e)
        return torch.zeros_like(h).index_add(0, i, (e / z[i])[:, None] * h[j])

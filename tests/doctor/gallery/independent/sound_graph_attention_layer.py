import torch
import torch.nn as nn
import torch.nn.functional as F


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features, out_features, alpha=0.2, concat=True):
        super().__init__()
        self.W = nn.Parameter(torch.empty(in_features, out_features))
        self.a = nn.Parameter(torch.empty(2 * out_features, 1))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        nn.init.xavier_uniform_(self.a, gain=1.414)
        self.out_features = out_features
        self.concat = concat
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, h, adj):
        adj = adj + torch.eye(adj.size(0)).to(adj)
        Wh = h @ self.W
        e = self.leakyrelu(Wh @ self.a[: self.out_features] + (Wh @ self.a[self.out_features :]).T)
        attention = torch.where(adj > 0, e, torch.full_like(e, -9e15))
        attention = F.softmax(attention, dim=1)
        h_prime = attention @ Wh
        return F.elu(h_prime) if self.concat else h_prime

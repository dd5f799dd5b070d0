import torch
from torch import Tensor, nn
import torch.nn.functional as F


class EdgeGAT(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.out = heads, out_channels
        self.lin = nn.Linear(in_channels, heads * out_channels, bias=False)
        self.att_src = nn.Parameter(torch.randn(heads, out_channels) * 0.3)
        self.att_dst = nn.Parameter(torch.randn(heads, out_channels) * 0.3)
        self.bias = nn.Parameter(torch.zeros(heads * out_channels))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        n = x.size(0)
        loop = torch.arange(n, device=x.device).expand(2, n)
        src, dst = torch.cat([edge_index, loop], dim=1)
        h = self.lin(x).view(n, self.heads, self.out)
        score = (h * self.att_src).sum(-1)[src] + (h * self.att_dst).sum(-1)[dst]
        score = F.leaky_relu(score, 0.2)
        weight = (score - score.max()).exp()
        total = x.new_zeros(n, self.heads).index_add_(0, dst, weight)
        alpha = weight / total[dst]
        out = x.new_zeros(n, self.heads, self.out).index_add_(0, dst, alpha.unsqueeze(-1) * h[src])
        return out.flatten(1) + self.bias

from typing import Optional

import torch
from torch import Tensor, nn


class EinsumReLUCell(nn.Module):
    """One step of an Elman network with a rectifier."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(in_features, out_features) / in_features**0.5)
        self.recurrent_kernel = nn.Parameter(torch.eye(out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor, h: Optional[Tensor] = None) -> Tensor:
        if h is None:
            h = x.new_zeros(x.size(0), self.bias.numel())
        pre = torch.einsum("bi,ij->bj", x, self.kernel) + torch.einsum("bk,kj->bj", h, self.recurrent_kernel)
        return (pre + self.bias).clamp(min=0)

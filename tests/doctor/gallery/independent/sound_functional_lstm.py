from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class State(NamedTuple):
    h: Tensor
    c: Tensor


def logistic(a: Tensor) -> Tensor:
    return 0.5 * (torch.tanh(0.5 * a) + 1.0)


def hyperbolic(a: Tensor) -> Tensor:
    return 2.0 * torch.sigmoid(2.0 * a) - 1.0


class FunctionalLSTM(nn.Module):
    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.n = n
        self.A = nn.Parameter(torch.randn(4, n, d) * d**-0.5)
        self.R = nn.Parameter(torch.randn(4, n, n) * n**-0.5)
        self.bias = nn.Parameter(torch.zeros(4, n))

    def forward(self, x: Tensor) -> Tensor:
        """x: [time, batch, d] -> [time, batch, n]."""
        drive = torch.einsum("tbd,gnd->tgbn", x, self.A) + self.bias[:, None, :]
        state = State(x.new_zeros(x.shape[1], self.n), x.new_zeros(x.shape[1], self.n))
        out: list[Tensor] = []
        for a in drive:
            z = a + torch.einsum("bm,gnm->gbn", state.h, self.R)
            i, f, o = logistic(z[:3])
            c = f * state.c + i * hyperbolic(z[3])
            state = State(o * hyperbolic(c), c)
            out.append(state.h)
        return torch.stack(out)

"""Dropout whose draw costs what it should on a CPU: sixteen random bits an entry in place of a whole draw.

torch draws its masks there one after the other, some 17 ns an entry on one thread, which can be a third of a training
step.  Sixty-four bits of the same generator serve four entries here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unrolled.kernels import modes

__all__ = ["dropout"]

_BITS = 16
_SIZE = 2**_BITS
_LEAST = -(2**63)


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zero a share p of the entries, each by itself, and let the others grow to make up for it.

    ::

        y_i = x_i m_i / (1 − p)        m_i ~ Bernoulli(1 − p)

    On a CPU p is rounded to a multiple of 2⁻¹⁶, in the mask and in the factor, and the draws are other ones than
    torch's from the same generator; elsewhere, under torch.compile, torch.export and torch.func it is torch's own.

    Args:
        x: of any shape.
        p: the share that is zeroed, 0…1.
        training: False: y = x.

    Raises:
        ValueError: p is no share.
    """
    least = round(p * _SIZE) if 0 <= p <= 1 else _SIZE
    plain = x.device.type != "cpu" or modes.is_watched()
    if plain or not training or least >= _SIZE:
        return functional.dropout(x, p, training)
    words = torch.empty(-(-x.numel() * _BITS // 64), dtype=torch.int64, device="cpu").random_(_LEAST, None)
    drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
    mask: Tensor = (drawn >= least - _SIZE // 2).to(x.dtype).mul_(_SIZE / (_SIZE - least))
    return x * mask

"""Which of torch's modes a call runs under: what is recorded or transformed cannot come by its numbers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd import forward_ad

__all__ = ["are_many", "is_recorded", "is_traced", "is_transformed"]


def is_recorded() -> bool:
    """Whether a call is recorded to run later: by torch.compile, torch.export or torch.jit.trace."""
    return torch.compiler.is_compiling() or is_traced()


def is_traced() -> bool:
    """Whether by torch.jit.trace."""
    return torch._C._get_tracing_state() is not None


def is_transformed() -> bool:
    """Whether a transform of torch.func, or forward-mode differentiation, is running."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def are_many(gradients: Iterable[Tensor | None]) -> bool:
    """Whether each of these stands for many at once: `is_grads_batched`, `jacobian(vectorize=True)`."""
    return any(g is not None and is_legacy_batchedtensor(g) for g in gradients)

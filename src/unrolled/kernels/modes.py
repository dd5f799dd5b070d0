"""Which of torch's modes a call runs under: what is recorded or transformed cannot come by its numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd import forward_ad

__all__ = ["are_many", "is_differentiated", "is_recorded", "is_traced", "is_transformed", "is_watched", "lasting"]

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def is_recorded() -> bool:
    """Whether a call is recorded to run later: by torch.compile, torch.export or torch.jit.trace."""
    return torch.compiler.is_compiling() or is_traced()


def is_traced() -> bool:
    """Whether by torch.jit.trace."""
    return torch._C._get_tracing_state() is not None


def is_transformed() -> bool:
    """Whether a transform of torch.func, or forward-mode differentiation, is running."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def is_watched() -> bool:
    """Either: kernels that go by addresses, which autograd cannot look into either, must leave such a call to torch."""
    return is_recorded() or is_transformed()


def are_many(gradients: Iterable[Tensor | None]) -> bool:
    """Whether each of these stands for many at once: `is_grads_batched`, `jacobian(vectorize=True)`."""
    return any(g is not None and is_legacy_batchedtensor(g) for g in gradients)


def is_differentiated(tensor: Tensor | None) -> bool:
    """Whether a derivative may be taken of it, now or later: its grad mode does not matter."""
    if tensor is None:
        return False
    return tensor.requires_grad or (not is_recorded() and is_functorch_wrapped_tensor(tensor))


def lasting(make: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """`make`, of constants, whose result is kept: it must serve calls that are made under other modes than this one.

    What is made under inference_mode can never be saved for a backward pass, and what is made inside a transform of
    torch.func ends with it.
    """

    @functools.wraps(make)
    def made(*args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        if is_recorded() or not (torch.is_inference_mode_enabled() or torch._C._are_functorch_transforms_active()):
            return make(*args, **kwargs)
        with temporarily_clear_interpreter_stack(), torch.inference_mode(False):
            return make(*args, **kwargs)

    return made

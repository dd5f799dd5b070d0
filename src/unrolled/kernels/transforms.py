"""The recurrent layers under torch.func: ensembles, per-sample gradients, derivatives in any order and mode.

vmap runs a layer once for each member, through the same kernels as without it: the kernels share out the rows of one
batch, and members with weights of their own have no product in common. One gradient (`grad`, `vjp`, `jacrev`, and
vmap over them) goes through the kernels too. Forward mode (`jvp`, `jacfwd`, `hessian`) and gradients of gradients
inside torch.func go through the reference equation, which autograd differentiates as often as it is asked to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.autograd import forward_ad

from unrolled.kernels import autograd, operators, reference
from unrolled.kernels.implementation import Inputs
from unrolled.kernels.reference import Cell, State, Weights

__all__ = ["unroll"]


def unroll(
    cell: Cell, x: Tensor, state: State | None, weights: Weights, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """One layer in one direction under the transforms that run; arguments as `kernels.recurrent.unroll` has them."""
    h0, c0 = (None, None) if state is None else (state[0], state[1] if len(state) > 1 else None)
    if _differentiated_once():
        keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, h0, c0, *weights))
        found = _Forward.apply(cell.name, x, h0, c0, *weights, lengths, reverse, keep)  # type: ignore[no-untyped-call]
        return found[0], cell.state(*found[1 : 1 + len(cell.state_names)])
    fields = (h0, c0)[: len(cell.state_names)]
    full = autograd.in_full(Inputs(x, fields, weights, lengths, reverse, train=True))
    unrolled = reference.unroll(cell, full.x, cell.state(*full.state), weights, lengths=lengths, reverse=reverse)
    return unrolled.output, unrolled.state


def _differentiated_once() -> bool:
    """Whether the kernels' own backward pass is enough: reverse mode, once at most, under any number of vmaps."""
    kinds = [interpreter.key() for interpreter in get_interpreter_stack() or ()]
    forward = forward_ad._current_level >= 0 or TransformType.Jvp in kinds
    return not forward and kinds.count(TransformType.Grad) <= 1


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        return operators.compute(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        operators.remember(ctx, inputs, output)
        ctx.mark_non_differentiable(output[-1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return operators.differentiate(ctx, gradients, _Backward.apply)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *arguments: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return operators.over_members(_Forward.apply, info, dims, arguments)


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        return operators.compute_backward(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        operators.remember_again(ctx, inputs, output)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        return operators.differentiate_again(ctx, *cotangents)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *arguments: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return operators.over_members(_Backward.apply, info, dims, arguments)

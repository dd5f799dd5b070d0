"""The recurrent layers as two operators of torch's, for code that is looked at before it runs: compile, export.

`unrolled::recurrent` is one layer in one direction and `unrolled::recurrent_backward` its gradients. A tracer sees
their shapes and nothing of the steps, so one graph serves every length and batch. Inside runs whatever
`kernels.recurrent` would pick for the tensors that arrive. The eager path does not come here: it calls the same
implementations straight from `autograd`.

What only the numbers can tell is checked here, when there are numbers: lengths in 0..T and tokens in 0..I-1.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import _register_namedtuple

from unrolled.errors import ShapeError
from unrolled.kernels import autograd, modes, reference
from unrolled.kernels.implementation import Gradients, Implementation, Inputs
from unrolled.kernels.reference import Cell, Hidden, HiddenMemory, State, Weights

__all__ = [
    *("CELLS", "GRADIENTS", "OUTPUTS", "compute", "compute_backward", "unroll"),
    *("differentiate", "differentiate_again", "over_members", "remember", "remember_again"),
]

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        *(reference.TANH, reference.RELU, reference.RESET_AFTER, reference.RESET_BEFORE),
        *(reference.LSTM, reference.PEEPHOLE, reference.FULL_PEEPHOLE),
    )
}
"""Every cell by the name that stands in a graph."""

OUTPUTS = 4
"""Of the forward operator: output [T,B,H], hidden [B,H], memory [B,H] and what backward wants to see again; the last
two are empty where there is none."""

GRADIENTS = 8
"""Of the backward operator: of x, h0, c0, W_ih, W_hh, b_ih, b_hh, p; empty where there is none."""

_TENSORS = "Tensor x, Tensor? h0, Tensor? c0, Tensor W_ih, Tensor W_hh, Tensor? b_ih, Tensor? b_hh, Tensor? p"
_SCHEMA = f"(str cell, {_TENSORS}, Tensor? lengths, bool reverse, bool keep) -> (Tensor, Tensor, Tensor, Tensor)"
_SCHEMA_BACKWARD = (
    f"(str cell, {_TENSORS}, Tensor? lengths, bool reverse, Tensor output, Tensor saved, "
    "Tensor? grad_output, Tensor? grad_h, Tensor? grad_c, bool want_x) -> "
    f"({', '.join(['Tensor'] * GRADIENTS)})"
)


def unroll(
    cell: Cell, x: Tensor, state: State | None, weights: Weights, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """One layer in one direction as one operator; arguments as `kernels.recurrent.unroll` has them.

    An exported or traced graph keeps nothing for a backward pass: if one comes, it runs the layer again.
    """
    h0, c0 = (None, None) if state is None else (state[0], state[1] if len(state) > 1 else None)
    given = (x, h0, c0, *weights)
    wanted = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given)
    keep = wanted and not (torch.compiler.is_exporting() or modes.is_traced())
    output, hidden, memory, _ = torch.ops.unrolled.recurrent(cell.name, *given, lengths, reverse, keep)
    return output, cell.state(*(hidden, memory)[: len(cell.state_names)])


def compute(name: str, *arguments: Any) -> tuple[Tensor, ...]:
    """What `unrolled::recurrent` does with numbers: `OUTPUTS`.

    The compiled kernels keep one block of floats for backward. The others keep nothing: their backward pass runs the
    layer again.

    Raises:
        ShapeError: a length or a token out of range.
    """
    *given, lengths, reverse, keep = arguments
    cell, inputs, implementation = _entered(name, given, lengths, reverse, keep)
    if implementation is None:
        unrolled = reference.unroll(
            cell, inputs.x, cell.state(*inputs.state), inputs.weights, lengths=inputs.lengths, reverse=reverse
        )
        output, state, saved = unrolled.output, unrolled.state, None
    else:
        keeps = keep and implementation.reads_tokens
        output, state, kept = implementation.forward(inputs._replace(train=keeps))
        saved = kept[1] if keeps else None
    if implementation is None or not implementation.reads_tokens:  # parts of larger buffers, or of one another
        output, state = output.clone(), tuple(field.clone() for field in state)
    hidden, memory = state if len(state) == 2 else (*state, output.new_empty(0))
    return output, hidden, memory, output.new_empty(0, dtype=torch.float32) if saved is None else saved


def compute_backward(name: str, *arguments: Any) -> tuple[Tensor, ...]:
    """What `unrolled::recurrent_backward` does with numbers: `GRADIENTS`."""
    *given, lengths, reverse, output, saved, grad_output, grad_h, grad_c, want_x = arguments
    cell, inputs, implementation = _entered(name, given, lengths, reverse, True)
    gradients = (grad_output, grad_h, grad_c)[: 1 + len(cell.state_names)]
    with _differentiable(output):
        if implementation is None:
            x, state, weights = _by_equation(cell, inputs, gradients)
        else:
            kept = (output, _aligned(saved)) if saved.numel() > 0 else implementation.forward(inputs).saved
            x, state, weights = implementation.backward(inputs, kept, grad_output, gradients[1:], want_x)
    found = (x, *state, *(None,) * (2 - len(state)), *weights)
    wanted = (want_x and given[0].is_floating_point(), *(t is not None for t in given[1:]))
    return tuple(
        _own(gradient, tensor) if want else output.new_empty(0)
        for gradient, tensor, want in zip(found, given, wanted, strict=True)
    )


class _Entered(NamedTuple):
    cell: Cell
    inputs: Inputs
    implementation: Implementation | None


def _entered(name: str, given: list[Any], lengths: Tensor | None, reverse: bool, train: bool) -> _Entered:
    """The operator's arguments as the kernels have them, checked, and who takes them."""
    from unrolled.kernels import recurrent  # which itself comes here

    cell, (x, h0, c0, *weights) = CELLS[name], given
    inputs = Inputs(x, (h0, c0)[: len(cell.state_names)], Weights(*weights), lengths, reverse, train)
    _check_shapes(cell, inputs)
    _check_range(lengths, "lengths", x.shape[0] + 1)
    _check_range(x if x.dim() == 2 else None, "tokens", inputs.weights.W_ih.shape[1])
    implementation = recurrent.pick(cell, inputs)
    if implementation is None or not implementation.reads_tokens:
        inputs = autograd.in_full(inputs)
    return _Entered(cell, inputs, implementation)


def _check_shapes(cell: Cell, inputs: Inputs) -> None:
    """Stop before the kernels read past an end: an operator can be called by anybody, with anything."""
    x, state, (W_ih, W_hh, b_ih, b_hh, p), lengths, *_ = inputs
    (T, B), H, features = x.shape[:2], W_hh.shape[1], W_ih.shape[1]
    rows, recurrent_rows = len(cell.input_blocks) * H, len(cell.recurrent_blocks) * H
    expected = {
        "x": (x, [T, B, features] if x.is_floating_point() else [T, B]),
        **{name: (field, [B, H]) for name, field in zip(cell.state_names, state, strict=True)},
        "W_ih": (W_ih, [rows, features]),
        "W_hh": (W_hh, [recurrent_rows, H]),
        "b_ih": (b_ih, [rows]),
        "b_hh": (b_hh, [recurrent_rows]),
        "p": (p, [len(cell.peephole_blocks) * H]),
        "lengths": (lengths, [B]),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is not None and list(tensor.shape) != shape:
            raise ShapeError(f"{cell.name}: {name} must have shape {shape}, but has {list(tensor.shape)}")
    if (p is None) != (not cell.peephole_blocks):
        raise ShapeError(f"{cell.name}: {'no p was given' if p is None else 'it has no p'}")
    for name, numbers in (("tokens", x if x.dim() == 2 else None), ("lengths", lengths)):
        if numbers is not None and numbers.dtype != torch.int64:
            raise ShapeError(f"{cell.name}: {name} must be int64, not {numbers.dtype}")


def _check_range(numbers: Tensor | None, what: str, end: int) -> None:
    if numbers is None or numbers.numel() == 0:
        return
    least, most = (int(one) for one in numbers.aminmax())
    if least < 0 or most >= end:
        raise ShapeError(f"{what} must lie in 0..{end - 1}, but run from {least} to {most}")


def _by_equation(cell: Cell, inputs: Inputs, gradients: tuple[Tensor | None, ...]) -> Gradients:
    """Autograd's gradients of the reference equation."""
    given = (inputs.x, *inputs.state, *inputs.weights)
    leaves: list[Any] = [None if t is None else t.detach().requires_grad_() for t in given]
    weights = Weights(*leaves[1 + len(inputs.state) :])
    inputs = inputs._replace(x=leaves[0], state=tuple(leaves[1 : 1 + len(inputs.state)]), weights=weights)
    with torch.enable_grad():
        x, *found = autograd.through_reference(cell, inputs, gradients, create_graph=False)
    return Gradients(x, tuple(found[: len(inputs.state)]), tuple(found[len(inputs.state) :]))


def _differentiable(like: Tensor) -> AbstractContextManager[object]:
    """Inside an operator, where autograd is switched off below the dispatcher: switched on again.

    A backward pass that runs torch's own functions again (cuDNN's, or the reference equation) differentiates them.
    """
    key = getattr(torch._C.DispatchKey, f"Autograd{like.device.type.upper()}")
    excluded = torch._C._dispatch_tls_local_exclude_set() - torch._C.DispatchKeySet(key)
    return torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), excluded)


def _aligned(saved: Tensor) -> Tensor:
    """What the kernels kept, where vectors can read it: a row of a stack may lie anywhere."""
    return (
        saved
        if saved.data_ptr() % 64 == 0 and saved.is_contiguous()
        else saved.clone(memory_format=torch.contiguous_format)
    )


def _own(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A gradient as the operator's own result: contiguous, zeros where the layer does not depend on it."""
    return torch.zeros_like(like) if gradient is None else gradient.contiguous()


def _fake(name: str, *arguments: Any) -> tuple[Tensor, ...]:
    x, _, _, W_ih, W_hh, *_, keep = arguments
    (T, B), H = x.shape[:2], W_hh.shape[1]
    output, hidden = W_ih.new_empty(T, B, H), W_ih.new_empty(B, H)
    memory = W_ih.new_empty((B, H) if len(CELLS[name].state_names) == 2 else 0)
    kept = torch.library.get_ctx().new_dynamic_size() if keep else 0  # the kernels' own affair
    return output, hidden, memory, W_ih.new_empty(kept, dtype=torch.float32)


def _fake_backward(name: str, *arguments: Any) -> tuple[Tensor, ...]:
    given, output, want_x = arguments[:GRADIENTS], arguments[GRADIENTS + 2], arguments[-1]
    wanted = (want_x and given[0].is_floating_point(), *(t is not None for t in given[1:]))
    return tuple(
        output.new_empty(tensor.shape) if want else output.new_empty(0)
        for tensor, want in zip(given, wanted, strict=True)
    )


def remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Save what `differentiate` reads."""
    ctx.name, *given, lengths, ctx.reverse, _ = inputs
    ctx.save_for_backward(*given, lengths, output[0], output[-1])
    ctx.set_materialize_grads(False)


def differentiate(
    ctx: Any, gradients: tuple[Tensor | None, ...], operator: Callable[..., tuple[Tensor, ...]]
) -> tuple[Tensor | None, ...]:
    """The gradients of the forward operator's arguments, by the backward `operator`."""
    *given, lengths, output, saved = ctx.saved_tensors
    wanted = ctx.needs_input_grad[1 : 1 + GRADIENTS]
    found = operator(ctx.name, *given, lengths, ctx.reverse, output, saved, *gradients[:3], wanted[0])
    return (None, *(g if want else None for g, want in zip(found, wanted, strict=True)), None, None, None)


def remember_again(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Save what `differentiate_again` reads."""
    ctx.name, *given, lengths, ctx.reverse, _, _, grad_output, grad_h, grad_c, _ = inputs
    ctx.save_for_backward(*given, lengths, grad_output, grad_h, grad_c)
    ctx.set_materialize_grads(False)


def differentiate_again(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
    """The gradients of the backward operator's arguments, by autograd from the reference equation."""
    *given, lengths, grad_output, grad_h, grad_c = ctx.saved_tensors
    cell = CELLS[ctx.name]
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        leaves = [
            t if t is None or not t.is_floating_point() else (t.view_as(t) if again else t.detach()).requires_grad_()
            for t in (*given, grad_output, grad_h, grad_c)
        ]
        x, h0, c0, *weights = leaves[:GRADIENTS]
        inputs = Inputs(x, (h0, c0)[: len(cell.state_names)], Weights(*weights), lengths, ctx.reverse, train=True)
        first = autograd.through_reference(cell, inputs, tuple(leaves[GRADIENTS:])[: 1 + len(inputs.state)])
    by_place = (*first[: 1 + len(inputs.state)], *(None,) * (2 - len(inputs.state)), *first[1 + len(inputs.state) :])
    ends = autograd.where_reached(by_place, leaves, cotangents, create_graph=again)
    return (None, *ends[:GRADIENTS], None, None, None, None, *ends[GRADIENTS:], None)


def over_members(
    operator: Callable[..., tuple[Tensor, ...]], info: Any, dims: tuple[int | None, ...], arguments: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """The rule of vmap for both operators: once for each member, the results stacked in front."""
    found = [
        operator(*(a if d is None else a.select(d, member) for a, d in zip(arguments, dims, strict=True)))
        for member in range(info.batch_size)
    ]
    stacked = tuple(_stack(results) for results in zip(*found, strict=True))
    return stacked, (0,) * len(stacked)


def _stack(members: tuple[Tensor, ...]) -> Tensor:
    """One result of all members; what ragged members keep for backward differs in size, and the rest stays blank."""
    if members[0].dim() != 1 or len({member.shape for member in members}) == 1:
        return torch.stack(members)
    stacked = members[0].new_zeros(len(members), max(member.numel() for member in members))
    for row, member in zip(stacked, members, strict=True):
        row[: member.numel()] = member
    return stacked


for _state in (Hidden, HiddenMemory):  # so that torch.export.save knows the layers' results by name
    _register_namedtuple(_state, serialized_type_name=f"unrolled.{_state.__name__}")
torch.serialization.add_safe_globals([Hidden, HiddenMemory])  # a saved result loads without pickle's dangers

_forward_operator = torch.library.custom_op("unrolled::recurrent", compute, mutates_args=(), schema=_SCHEMA)
_backward_operator = torch.library.custom_op(
    "unrolled::recurrent_backward", compute_backward, mutates_args=(), schema=_SCHEMA_BACKWARD
)
_forward_operator.register_fake(_fake)
_forward_operator.register_autograd(
    lambda ctx, *gradients: differentiate(ctx, gradients, _backward_operator), setup_context=remember
)
_forward_operator.register_vmap(  # a tracer cannot stack what has no size yet: nothing is kept, backward runs it again
    lambda info, dims, *given: over_members(_forward_operator, info, dims, (*given[:-1], False))
)
_backward_operator.register_fake(_fake_backward)
_backward_operator.register_autograd(differentiate_again, setup_context=remember_again)
_backward_operator.register_vmap(lambda info, dims, *given: over_members(_backward_operator, info, dims, given))

"""The glue between torch's autograd and an `Implementation`.

A first-order backward pass runs the implementation's own. When the gradient itself is to be differentiated
(`create_graph=True`), the backward pass runs the reference equation again and lets autograd differentiate
that, so second and higher derivatives are right whatever the implementation is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from unrolled.kernels import autocast, modes, reference
from unrolled.kernels.implementation import Implementation, Inputs
from unrolled.kernels.reference import Cell, State, Weights
from unrolled.kernels.reference.unroll import blank_padding

__all__ = ["apply", "in_full", "observe", "through_reference", "where_reached"]


def apply(cell: Cell, implementation: Implementation, inputs: Inputs) -> tuple[Tensor, State]:
    """Run `implementation` and, if `inputs.train`, attach its backward pass."""
    if not inputs.train:
        result = implementation.forward(inputs)
        return result.output, cell.state(*result.state)
    output, *state = _Unroll.apply(  # type: ignore[no-untyped-call]
        cell, implementation, False, inputs.reverse, inputs.lengths, inputs.x, *inputs.state, *inputs.weights
    )
    return output, cell.state(*state)


def observe(cell: Cell, implementation: Implementation, inputs: Inputs) -> tuple[Tensor, State, dict[str, Tensor]]:
    """The same, with every field of the cell's Step, [T,B,H] each: through `implementation.observe`, which must be.

    A gradient that comes in by output and state alone goes back as in `apply`; one that comes in by a gate goes back
    through the reference equation.
    """
    if not inputs.train:
        assert implementation.observe is not None
        result, values = implementation.observe(inputs)
        output, state = result.output, result.state
    else:
        output, *others = _Unroll.apply(  # type: ignore[no-untyped-call]
            cell, implementation, True, inputs.reverse, inputs.lengths, inputs.x, *inputs.state, *inputs.weights
        )
        state, values = tuple(others[: len(inputs.state)]), tuple(others[len(inputs.state) :])
    seen = dict(zip(implementation.observed, values, strict=True))
    return output, cell.state(*state), {**seen, "hidden": output}


def in_full(inputs: Inputs) -> Inputs:
    """The same with everything written out: tokens as rows of the identity, zeros for a state, zeros in the padding."""
    x, W_ih, W_hh = inputs.x, inputs.weights.W_ih, inputs.weights.W_hh
    if x.dim() == 2:
        x = one_hot(x, W_ih.shape[1]).to(W_ih.dtype)
    state = tuple(x.new_zeros(x.shape[1], W_hh.shape[1]) if s is None else s for s in inputs.state)
    return inputs._replace(x=blank_padding(x, inputs.lengths), state=state)


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        implementation: Implementation,
        observed: bool,
        reverse: bool,
        lengths: Tensor | None,
        *tensors: Any,
    ) -> tuple[Tensor, ...]:
        inputs = _inputs(cell, tensors, lengths, reverse)
        if observed:
            assert implementation.observe is not None
            result, values = implementation.observe(inputs)
        else:
            result, values = implementation.forward(inputs), ()
        ctx.cell, ctx.implementation, ctx.reverse = cell, implementation, reverse
        ctx.save_for_backward(lengths, *tensors, *result.saved)
        ctx.set_materialize_grads(False)
        return (result.output, *result.state, *values)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor | None, *grads: Tensor | None) -> tuple[Any, ...]:
        lengths, *tensors = ctx.saved_tensors
        inputs = _inputs(ctx.cell, tensors, lengths, ctx.reverse)
        number = 1 + len(inputs.state) + len(inputs.weights)
        grad_state, grad_values = grads[: len(inputs.state)], grads[len(inputs.state) :]
        by_equation = torch.is_grad_enabled() or any(
            g is not None for g in grad_values
        )  # create_graph=True; into a gate
        if by_equation or modes.are_many((grad_output, *grads)):
            names = ctx.implementation.observed[: len(grad_values)]
            gradients = through_reference(ctx.cell, inputs, (grad_output, *grads), names)
        else:
            arguments = inputs, tuple(tensors[number:]), grad_output, grad_state, ctx.needs_input_grad[5]
            device = inputs.x.device
            if autocast.is_on(device):  # a backward pass may be called under it
                with torch.autocast(device.type, enabled=False):
                    x, state, weights = ctx.implementation.backward(*arguments)
            else:
                x, state, weights = ctx.implementation.backward(*arguments)
            gradients = (x, *(None if s is None else g for s, g in zip(inputs.state, state, strict=True)), *weights)
        return (None, None, None, None, None, *gradients)


def _inputs(cell: Cell, tensors: Any, lengths: Tensor | None, reverse: bool) -> Inputs:
    states, number = len(cell.state_names), len(Weights._fields)
    state, weights = tensors[1 : 1 + states], Weights(*tensors[1 + states : 1 + states + number])
    return Inputs(tensors[0], tuple(state), weights, lengths, reverse, train=True)


def through_reference(
    cell: Cell,
    inputs: Inputs,
    gradients: tuple[Tensor | None, ...],
    observed: tuple[str, ...] = (),
    *,
    create_graph: bool | None = None,
) -> tuple[Tensor | None, ...]:
    """The gradient of each input; with `create_graph`, as a differentiable function of the inputs and `gradients`.

    `gradients` belong to the output, the final state, and the values that `observed` names. `create_graph` is on where
    gradients are, unless it is given.

    The equation is run on aliases of the inputs: where an input was itself computed from another one (a
    state that depends on the weights), the gradient must stop at the alias, or that path would count twice.
    """
    again = torch.is_grad_enabled() if create_graph is None else create_graph
    given = (inputs.x, *inputs.state, *inputs.weights)
    with torch.enable_grad():
        outputs, alias = _reference_outputs(cell, inputs, given, observed)
    return where_reached(outputs, alias, gradients, create_graph=again)


def where_reached(
    outputs: Sequence[Tensor | None],
    inputs: Sequence[Tensor | None],
    gradients: Sequence[Tensor | None],
    *,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """`torch.autograd.grad` over what is there: None for an input that is not, or that no gradient reaches."""
    reached = [
        (output, gradient)
        for output, gradient in zip(outputs, gradients, strict=True)
        if output is not None and gradient is not None and output.requires_grad
    ]
    wanted = [place for place, t in enumerate(inputs) if t is not None and t.requires_grad]
    found = torch.autograd.grad(
        [output for output, _ in reached],
        [t for t in inputs if t is not None and t.requires_grad],
        [gradient for _, gradient in reached],
        create_graph=create_graph,
        allow_unused=True,
    )
    by_place = dict(zip(wanted, found, strict=True))
    return tuple(by_place.get(place) for place in range(len(inputs)))


def _reference_outputs(
    cell: Cell, inputs: Inputs, given: tuple[Any, ...], observed: tuple[str, ...]
) -> tuple[tuple[Tensor, ...], list[Any]]:
    """Output, final state and observed values by the reference equation, and the aliases of `given` they come from."""
    alias = [t.view_as(t) if t is not None and t.requires_grad else t for t in given]
    states = len(inputs.state)
    full = in_full(
        inputs._replace(x=alias[0], state=tuple(alias[1 : 1 + states]), weights=Weights(*alias[1 + states :]))
    )
    unrolled = reference.unroll(
        cell, full.x, cell.state(*full.state), full.weights, lengths=inputs.lengths, reverse=inputs.reverse
    )
    values = (torch.stack([step[name] for step in unrolled.steps]) for name in observed)
    return (unrolled.output, *unrolled.state, *(blank_padding(v, inputs.lengths) for v in values)), alias

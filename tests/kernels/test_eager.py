"""The eager path, against the reference: values and gradients of every cell under random cotangents."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels import autograd, eager, reference
from unrolled.kernels.implementation import Inputs
from unrolled.kernels.reference.unroll import blank_padding

CELLS = {
    cell.name: cell
    for cell in (
        reference.TANH,
        reference.RELU,
        reference.RESET_AFTER,
        reference.RESET_BEFORE,
        reference.LSTM,
        reference.PEEPHOLE,
        reference.FULL_PEEPHOLE,
    )
}


def test_every_cell_has_an_eager_path():
    assert set(eager.IMPLEMENTATIONS) == set(CELLS)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2, 5], [5, 5, 5, 5]], ids=["full", "ragged", "level"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 4e-6)])
def test_equals_the_reference(name, dtype, tolerance, bias, lengths, reverse, make_problem, assert_same):
    cell = CELLS[name]
    problem = make_problem(cell, bias=bias, dtype=dtype)
    lengths = None if lengths is None else torch.tensor(lengths)
    expected = reference.unroll(cell, *problem, lengths=lengths, reverse=reverse)
    wanted = [expected.output, *expected.state]
    inputs = Inputs(blank_padding(problem.x, lengths), tuple(problem.state), problem.weights, lengths, reverse, True)
    output, state = autograd.apply(cell, eager.IMPLEMENTATIONS[name], inputs)
    got = [output, *state]
    assert_same(got, wanted, tolerance)
    cotangents = [torch.randn_like(value) for value in wanted]
    assert_same(
        list(torch.autograd.grad(got, problem.leaves, cotangents, allow_unused=True)),
        list(torch.autograd.grad(wanted, problem.leaves, cotangents, allow_unused=True)),
        tolerance,
    )


@pytest.mark.parametrize("lengths", [None, [4, 0, 2, 5]], ids=["full", "ragged"])
@pytest.mark.parametrize("name", CELLS)
def test_gradient_of_each_result_alone(name, lengths, make_problem, assert_same):
    """One result with a cotangent and the others without: what is absent counts as zero."""
    cell = CELLS[name]
    problem = make_problem(cell)
    lengths = None if lengths is None else torch.tensor(lengths)
    expected = reference.unroll(cell, *problem, lengths=lengths)
    inputs = Inputs(blank_padding(problem.x, lengths), tuple(problem.state), problem.weights, lengths, False, True)
    output, state = autograd.apply(cell, eager.IMPLEMENTATIONS[name], inputs)
    for got, wanted in zip([output, *state], [expected.output, *expected.state], strict=True):
        cotangent = torch.randn_like(got)
        options = {"retain_graph": True, "allow_unused": True}
        assert_same(
            list(torch.autograd.grad([got], problem.leaves, [cotangent], **options)),
            list(torch.autograd.grad([wanted], problem.leaves, [cotangent], **options)),
            1e-12,
        )


@pytest.mark.parametrize("name", CELLS)
def test_a_batch_of_none(name, make_problem):
    cell = CELLS[name]
    problem = make_problem(cell, B=0)
    inputs = Inputs(problem.x, tuple(problem.state), problem.weights, None, False, True)
    output, _ = autograd.apply(cell, eager.IMPLEMENTATIONS[name], inputs)
    assert output.shape == (5, 0, 6)
    output.sum().backward()
    assert not problem.weights.W_ih.grad.any()


@pytest.mark.parametrize("name", CELLS)
def test_gradients_and_saved_values_are_not_overwritten(name, make_problem, assert_same):
    """Twice backward through one graph gives the same twice, and leaves the cotangents as they were."""
    cell = CELLS[name]
    problem = make_problem(cell)
    inputs = Inputs(problem.x, tuple(problem.state), problem.weights, None, False, True)
    output, state = autograd.apply(cell, eager.IMPLEMENTATIONS[name], inputs)
    got = [output, *state]
    cotangents = [torch.randn_like(value) for value in got]
    before = [c.clone() for c in cotangents]
    options = {"retain_graph": True, "allow_unused": True}
    first = torch.autograd.grad(got, problem.leaves, cotangents, **options)
    second = torch.autograd.grad(got, problem.leaves, cotangents, **options)
    assert_same(list(first), list(second), 0.0)
    assert_same(cotangents, before, 0.0)

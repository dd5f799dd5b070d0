"""Torch's own kernels behind our signature, against the reference, and the choice of them."""

from __future__ import annotations

import pytest
import torch

from unrolled.kernels import autograd, reference, vendor
from unrolled.kernels.implementation import Inputs

CASES = [
    *((name, vendor.TORCH[name], torch.float64, 1e-12) for name in vendor.TORCH),
    *((name, vendor.TORCH[name], torch.float32, 4e-6) for name in vendor.TORCH),
    pytest.param(
        *("lstm", vendor.ONEDNN_LSTM, torch.float32, 4e-6),
        marks=pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN"),
    ),
]
CELLS = {cell.name: cell for cell in (reference.TANH, reference.RELU, reference.RESET_AFTER, reference.LSTM)}


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize(("name", "implementation", "dtype", "tolerance"), CASES)
def test_equals_the_reference(name, implementation, dtype, tolerance, bias, reverse, make_problem, assert_same):
    cell = CELLS[name]
    problem = make_problem(cell, dtype=dtype, bias=bias)
    inputs = Inputs(problem.x, tuple(problem.state), problem.weights, None, reverse, True)
    output, state = autograd.apply(cell, implementation, inputs)
    got = [output, *state]
    expected = reference.unroll(cell, *problem, reverse=reverse)
    wanted = [expected.output, *expected.state]
    assert_same(got, wanted, tolerance)
    cotangents = [torch.randn_like(value) for value in wanted]
    first = torch.autograd.grad(got, problem.leaves, cotangents, retain_graph=True)
    assert_same(list(first), list(torch.autograd.grad(wanted, problem.leaves, cotangents)), tolerance)
    assert_same(list(torch.autograd.grad(got, problem.leaves, cotangents)), list(first), 0.0)


@pytest.mark.parametrize(("name", "implementation", "dtype", "tolerance"), CASES)
def test_without_gradients(name, implementation, dtype, tolerance, make_problem, assert_same):
    cell = CELLS[name]
    problem = make_problem(cell, dtype=dtype)
    with torch.no_grad():
        result = implementation.forward(Inputs(problem.x, tuple(problem.state), problem.weights, None, False, False))
    assert result.saved == ()
    assert_same([result.output], [reference.unroll(cell, *problem).output], tolerance)


@pytest.mark.parametrize(("name", "implementation", "dtype", "tolerance"), CASES)
def test_the_input_needs_no_gradient(name, implementation, dtype, tolerance, make_problem, assert_same):
    cell = CELLS[name]
    problem = make_problem(cell, dtype=dtype)
    inputs = Inputs(problem.x.detach(), tuple(problem.state), problem.weights, None, False, True)
    output, _ = autograd.apply(cell, implementation, inputs)
    expected = reference.unroll(cell, *problem).output
    leaves = problem.leaves[1:]
    assert_same(
        list(torch.autograd.grad(output.sum(), leaves)),
        list(torch.autograd.grad(expected.sum(), leaves)),
        tolerance,
    )


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_only_the_plain_float32_lstm_goes_to_onednn(make_problem, monkeypatch):
    def chosen(cell, dtype, lengths=None):
        problem = make_problem(cell, dtype=dtype)
        return vendor.implementation(
            cell, Inputs(problem.x, tuple(problem.state), problem.weights, lengths, False, True)
        )

    assert chosen(reference.LSTM, torch.float32) is vendor.ONEDNN_LSTM
    assert chosen(reference.LSTM, torch.float64) is None
    assert chosen(reference.LSTM, torch.float32, torch.tensor([1, 2, 3, 4])) is None
    assert chosen(reference.PEEPHOLE, torch.float32) is None
    assert chosen(reference.RESET_AFTER, torch.float32) is None
    monkeypatch.setattr(vendor, "_has_onednn", lambda: False)
    assert chosen(reference.LSTM, torch.float32) is None

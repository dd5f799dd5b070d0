"""First and higher derivatives through the glue, and what it keeps alive."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from unrolled.kernels import eager, recurrent, reference, vendor
from unrolled.kernels.autograd import apply
from unrolled.kernels.implementation import Inputs

CELLS = {
    cell.name: cell
    for cell in (
        reference.TANH,
        reference.RESET_AFTER,
        reference.RESET_BEFORE,
        reference.LSTM,
        reference.PEEPHOLE,
        reference.FULL_PEEPHOLE,
    )
}
LENGTHS = {"full": None, "ragged": torch.tensor([3, 0])}


def function(cell, problem, lengths, reverse):
    """The cell as a function of its leaves alone, which is what gradcheck wants."""
    states = len(cell.state_names)

    def run(x, *rest):
        weights, given = iter(rest[states:]), problem.weights
        state = cell.state(*rest[:states])
        filled = reference.Weights(*(None if w is None else next(weights) for w in given))
        output, final = recurrent.unroll(cell, x, state, filled, lengths=lengths, reverse=reverse)
        return output, *final

    return run


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name", CELLS)
def test_gradcheck(name, lengths, path, make_problem, monkeypatch):
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    problem = make_problem(CELLS[name], T=3, B=2, I=2, H=2)
    run = function(CELLS[name], problem, LENGTHS[lengths], reverse=lengths == "ragged")
    assert torch.autograd.gradcheck(run, problem.leaves, fast_mode=False)


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name", CELLS)
def test_gradgradcheck(name, lengths, path, make_problem, monkeypatch):
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    problem = make_problem(CELLS[name], T=2, B=2, I=1, H=2)
    lengths = None if LENGTHS[lengths] is None else torch.tensor([2, 1])
    run = function(CELLS[name], problem, lengths, reverse=False)
    assert torch.autograd.gradgradcheck(run, problem.leaves, fast_mode=True)


def test_third_derivative(make_problem):
    cell = reference.PEEPHOLE
    problem = make_problem(cell)
    leaf = problem.weights.p

    def third(unroll):
        value = unroll().pow(2).sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
            value = gradient.pow(2).sum()
        return gradient

    ours = third(lambda: recurrent.unroll(cell, *problem)[0])
    expected = third(lambda: reference.unroll(cell, *problem).output)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_an_input_that_depends_on_the_weights_counts_once(make_problem, monkeypatch):
    """The same weights twice in a row: the second derivative must not take the first pass twice."""
    cell = reference.LSTM
    problem = make_problem(cell, I=6, H=6)
    leaves = problem.leaves

    def twice():
        first, state = recurrent.unroll(cell, *problem)
        return recurrent.unroll(cell, first, state, problem.weights)[0].pow(2).sum()

    def second():
        gradients = torch.autograd.grad(twice(), leaves, create_graph=True)
        return torch.autograd.grad(sum(g.pow(2).sum() for g in gradients), leaves)

    ours = second()
    monkeypatch.setenv("UNROLLED_KERNELS", "reference")
    for got, expected in zip(ours, second(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)


def test_double_backward_after_retain_graph(make_problem):
    cell = reference.FULL_PEEPHOLE
    problem = make_problem(cell)
    loss = recurrent.unroll(cell, *problem)[0].pow(2).sum()
    loss.backward(retain_graph=True)
    first = problem.x.grad.clone()
    (gradient,) = torch.autograd.grad(loss, problem.x, create_graph=True)
    torch.testing.assert_close(gradient, first)
    (again,) = torch.autograd.grad(gradient.sum(), problem.x)
    expected = reference.unroll(cell, *problem).output.pow(2).sum()
    (expected,) = torch.autograd.grad(expected, problem.x, create_graph=True)
    (expected,) = torch.autograd.grad(expected.sum(), problem.x)
    torch.testing.assert_close(again, expected)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_onednns_lstm_has_a_double_backward_here(make_problem):
    cell = reference.LSTM
    problem = make_problem(cell, dtype=torch.float32)
    inputs = Inputs(problem.x, tuple(problem.state), problem.weights, None, False, True)
    results = []
    for output in (
        apply(cell, vendor.ONEDNN_LSTM, inputs)[0],
        reference.unroll(cell, *problem).output,
    ):
        (gradient,) = torch.autograd.grad(output.pow(2).sum(), problem.x, create_graph=True)
        results.append(torch.autograd.grad(gradient.pow(2).sum(), problem.weights.W_hh)[0])
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


PATHS = [*((n, eager.IMPLEMENTATIONS[n]) for n in CELLS), ("lstm", vendor.TORCH["lstm"])]
if torch.backends.mkldnn.is_available():
    PATHS.append(("lstm", vendor.ONEDNN_LSTM))


@pytest.mark.parametrize(("name", "implementation"), PATHS)
def test_nothing_is_kept_alive_once_it_is_forgotten(name, implementation, make_problem):
    """With the cycle collector off: a graph that is dropped frees its tensors by counting alone."""
    cell = CELLS[name]
    problem = make_problem(cell, dtype=torch.float32)
    inputs = Inputs(problem.x * 1, tuple(problem.state), problem.weights, None, False, True)
    gc.collect()
    gc.disable()
    try:
        output, state = apply(cell, implementation, inputs)
        watched = [weakref.ref(t) for t in (inputs.x, output, *state)]
        (output.sum() + state[0].sum()).backward()
        del output, state, inputs
        assert [ref() for ref in watched] == [None] * len(watched)
        inputs = Inputs(problem.x * 1, tuple(problem.state), problem.weights, None, False, True)
        output, state = apply(cell, implementation, inputs)
        watched = [weakref.ref(t) for t in (inputs.x, output, *state)]
        del output, state, inputs
        assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


@pytest.mark.parametrize(("name", "implementation"), PATHS)
def test_changing_the_output_in_place_is_allowed_or_refused_never_wrong(name, implementation, make_problem):
    cell = CELLS[name]
    problem = make_problem(cell, dtype=torch.float32)
    inputs = Inputs(problem.x, tuple(problem.state), problem.weights, None, False, True)
    output, _ = apply(cell, implementation, inputs)
    expected = torch.autograd.grad(apply(cell, implementation, inputs)[0].sum() * 2, problem.weights.W_ih)[0]
    output.mul_(2)
    try:
        got = torch.autograd.grad(output.sum(), problem.weights.W_ih)[0]
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
    else:
        torch.testing.assert_close(got, expected)

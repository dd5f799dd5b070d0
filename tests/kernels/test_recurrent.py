"""The choice of a path, its environment variable, padding and autocast."""

from __future__ import annotations

import pytest
import torch

from unrolled.errors import UnknownName
from unrolled.kernels import eager, native, recurrent, reference

CELLS = [reference.TANH, reference.RESET_AFTER, reference.LSTM, reference.PEEPHOLE, reference.FULL_PEEPHOLE]


def test_path_names_what_the_environment_asks_for(monkeypatch):
    monkeypatch.setenv("UNROLLED_KERNELS", "reference")
    assert recurrent.path().name == "reference"
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    choice = recurrent.path()
    assert choice.name == "torch"
    assert "UNROLLED_KERNELS=torch" in choice.reason


def test_path_without_the_variable_gives_a_reason(monkeypatch):
    monkeypatch.delenv("UNROLLED_KERNELS", raising=False)
    assert "UNROLLED_KERNELS is not set" in recurrent.path().reason


def test_an_unknown_path_is_named(monkeypatch, make_problem):
    monkeypatch.setenv("UNROLLED_KERNELS", "torhc")
    with pytest.raises(UnknownName, match="did you mean 'torch'"):
        recurrent.unroll(reference.LSTM, *make_problem(reference.LSTM))


def test_without_compiled_kernels_torch_serves(monkeypatch, make_problem):
    def nothing(asked):
        raise native.NativeUnavailable("a test's reason")

    monkeypatch.setattr(native, "implementation", lambda cell, inputs, asked: None)
    monkeypatch.setattr(native, "load", nothing)
    monkeypatch.setenv("UNROLLED_KERNELS", "native")
    assert recurrent.path().name == "torch"
    assert "no native kernels (a test's reason)" in recurrent.path().reason
    problem = make_problem(reference.TANH)
    output, _ = recurrent.unroll(reference.TANH, *problem)
    torch.testing.assert_close(output, reference.unroll(reference.TANH, *problem).output)


def test_the_door_to_the_compiled_kernels(monkeypatch, make_problem):
    """What `native.implementation` returns is used, and it is told what was asked for."""
    calls = []

    def implementation(cell, inputs, asked):
        calls.append((cell.name, asked))
        return eager.IMPLEMENTATIONS[cell.name]

    monkeypatch.setattr(native, "implementation", implementation)
    monkeypatch.setattr(native, "describe", lambda asked: "a test's")
    monkeypatch.setenv("UNROLLED_KERNELS", "native-v2")
    assert recurrent.path() == ("native-v2", "UNROLLED_KERNELS=native-v2: a test's; torch takes what it does not")
    recurrent.unroll(reference.LSTM, *make_problem(reference.LSTM))
    monkeypatch.setenv("UNROLLED_KERNELS", "torch")
    recurrent.unroll(reference.LSTM, *make_problem(reference.LSTM))
    assert calls == [("lstm", "native-v2")]


@pytest.mark.parametrize("path", ["torch", "reference"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_garbage_in_the_padding_reaches_nothing(cell, reverse, path, make_problem, assert_same, monkeypatch):
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    problem = make_problem(cell)
    lengths = torch.tensor([4, 0, 2, 5])
    results = []
    for garbage in (0.0, float("nan"), float("inf")):
        x = problem.x.detach().clone()
        for row, length in enumerate(lengths.tolist()):
            x[length:, row] = garbage
        x.requires_grad_()
        output, state = recurrent.unroll(cell, x, problem.state, problem.weights, lengths=lengths, reverse=reverse)
        gradients = torch.autograd.grad(
            output.sum() + sum(s.sum() for s in state), [x, *problem.leaves[1:]], allow_unused=True
        )
        results.append([output, *state, *gradients])
    assert_same(results[1], results[0], 0.0)
    assert_same(results[2], results[0], 0.0)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_autocast_computes_in_bfloat16_and_gives_float32_gradients(cell, make_problem):
    problem = make_problem(cell, dtype=torch.float32)
    exact = reference.unroll(cell, *problem)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = recurrent.unroll(cell, *problem)
    assert output.dtype == torch.bfloat16
    assert (output.float() - exact.output).abs().max() < 0.05
    cotangent = torch.randn_like(exact.output)
    got = torch.autograd.grad(output, problem.weights.W_ih, cotangent.bfloat16())[0]
    expected = torch.autograd.grad(exact.output, problem.weights.W_ih, cotangent)[0]
    assert got.dtype == torch.float32
    assert (got - expected).abs().max() < 0.05 * expected.abs().max()


def test_no_graph_where_no_gradient_is_wanted(make_problem):
    problem = make_problem(reference.LSTM)
    with torch.no_grad():
        output, state = recurrent.unroll(reference.LSTM, *problem)
    assert not output.requires_grad
    assert not state.memory.requires_grad

"""Layers under torch.compile and torch.export: the eager numbers, at another length and batch than the traced ones."""

from __future__ import annotations

import io
import os
import sys

import pytest
import torch
from torch.export import Dim

from unrolled import nn

if sys.version_info < (3, 12):  # inductor imports setuptools, which refuses where a test has imported distutils before
    os.environ.setdefault("SETUPTOOLS_USE_DISTUTILS", "stdlib")

I, H = 3, 5


def tensors(results):
    output, state = results
    return [output, *(state if isinstance(state, tuple) else [state])]


class Called(torch.nn.Module):
    """A layer called with everything, by position."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, hx, lengths):
        return self.layer(x, hx, lengths=lengths)


def problem(layer, T, B, lengths):
    shape = (layer.num_layers * (2 if layer.bidirectional else 1), B, H)
    state = [torch.randn(shape, dtype=layer.weight_dtype, requires_grad=True) for _ in layer.state_names]
    x = torch.randn(T, B, I, dtype=layer.weight_dtype, requires_grad=True)
    hx = tuple(state) if len(state) == 2 else state[0]
    return (x, hx, torch.tensor(lengths)), [x, *state]


def assert_equals_eager(traced, layer, arguments, leaves, assert_same):
    """Outputs, states and the gradients of everything."""
    tolerance = 2e-6 if layer.weight_dtype == torch.float32 else 1e-12
    eager, got = tensors(Called(layer)(*arguments)), tensors(traced(*arguments))
    assert_same(got, eager, tolerance)
    cotangents = [torch.randn_like(t) for t in eager]
    expected = torch.autograd.grad(eager, [*leaves, *layer.parameters()], cotangents)
    wanted = [*leaves, *(traced.parameters() if isinstance(traced, torch.nn.Module) else layer.parameters())]
    assert_same(list(torch.autograd.grad(got, wanted, cotangents)), list(expected), tolerance)


@pytest.mark.conformance
def test_compiled_whole(make_layer, assert_same):
    torch.compiler.reset()
    layer = make_layer(I, H, 2, bidirectional=True, dtype=torch.float32)
    compiled = torch.compile(Called(layer), fullgraph=True, dynamic=True)
    for T, B, lengths in ((6, 4, [6, 0, 3, 2]), (9, 3, [4, 9, 1])):
        assert_equals_eager(compiled.forward, layer, *problem(layer, T, B, lengths), assert_same)


@pytest.mark.parametrize("name", ["lstm"])
def test_one_layer_compiled_whole(name, assert_same):
    torch.compiler.reset()
    layer = nn.CELL_LAYERS[name](I, H)
    compiled = torch.compile(Called(layer), fullgraph=True, dynamic=True, backend="aot_eager")
    for T, B, lengths in ((6, 4, [6, 0, 3, 2]), (9, 3, [4, 9, 1])):
        assert_equals_eager(compiled.forward, layer, *problem(layer, T, B, lengths), assert_same)


@pytest.mark.conformance
@pytest.mark.parametrize("options", [{"dtype": torch.float64}, {"batch_first": True, "bias": False}], ids=str)
def test_compiled_without_lengths_or_state(make_layer, options, assert_same):
    torch.compiler.reset()
    layer = make_layer(I, H, **{"dtype": torch.float32, **options})
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    for shape in ((5, 4), (9, 2)):
        x = torch.randn(*shape, I, dtype=layer.weight_dtype)
        assert_same(tensors(compiled(x)), tensors(layer(x)), 2e-6)
        with torch.no_grad():
            assert_same(tensors(compiled(x)), tensors(layer(x)), 2e-6)


@pytest.mark.conformance
@pytest.mark.parametrize("path", ["torch", "reference"])
def test_compiled_on_the_other_paths(make_layer, path, monkeypatch, assert_same):
    monkeypatch.setenv("UNROLLED_KERNELS", path)
    torch.compiler.reset()
    layer = make_layer(I, H, dtype=torch.float32)
    compiled = torch.compile(Called(layer), fullgraph=True, dynamic=True, backend="aot_eager")
    assert_equals_eager(compiled.forward, layer, *problem(layer, 7, 3, [4, 7, 1]), assert_same)


@pytest.mark.conformance
def test_compiled_under_autocast():
    torch.compiler.reset()
    layer, x = nn.LSTM(I, H), torch.randn(7, 3, I)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, expected = compiled(x)[0], layer(x)[0]
    assert got.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(got, expected)


@pytest.mark.conformance
def test_models_compiled_whole_and_trained():
    torch.compiler.reset()
    torch.manual_seed(0)
    for coding in ("one-hot", "embedding"):
        model = nn.SequenceClassifier(nn.GRU(I, H, bidirectional=True), symbols=I, classes=2, coding=coding)
        compiled = torch.compile(model, fullgraph=True, dynamic=True)
        for T, lengths in ((6, [6, 2, 1]), (8, [3, 8, 1])):
            tokens, lengths = torch.randint(I, (T, 3)), torch.tensor(lengths)
            torch.testing.assert_close(compiled(tokens, lengths), model(tokens, lengths))
            got = torch.autograd.grad(compiled(tokens, lengths).square().sum(), list(model.parameters()))
            expected = torch.autograd.grad(model(tokens, lengths).square().sum(), list(model.parameters()))
            torch.testing.assert_close(got, expected)


@pytest.mark.conformance
def test_an_ensemble_compiled(assert_same):
    torch.compiler.reset()
    members = [nn.PeepholeLSTM(I, H) for _ in range(3)]
    parameters, _ = torch.func.stack_module_state(members)

    def run(parameters, x):
        return torch.func.vmap(lambda p: torch.func.functional_call(members[0], p, (x,))[0])(parameters)

    x = torch.randn(6, 2, I)
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        assert_same([compiled(parameters, x)], [torch.stack([m(x)[0] for m in members])], 1e-6)


@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.conformance)])
def test_exported_with_length_and_batch_open(make_layer, strict, assert_same):
    layer = make_layer(I, H, 2, bidirectional=True, dtype=torch.float32)
    T, B = Dim("T", min=1, max=4096), Dim("B", min=1, max=4096)
    state = {1: B} if len(layer.state_names) == 1 else ({1: B},) * 2
    arguments, _ = problem(layer, 6, 4, [6, 0, 3, 2])
    program = torch.export.export(Called(layer), arguments, dynamic_shapes=({0: T, 1: B}, state, {0: B}), strict=strict)
    operators = [n.target for n in program.graph.nodes if n.target is torch.ops.unrolled.recurrent.default]
    assert len(operators) == 4  # and no node for a step
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    for module in (program.module(), torch.export.load(file).module()):
        for length, batch, lengths in ((11, 3, [11, 0, 5]), (1, 1, [1])):
            assert_equals_eager(module, layer, *problem(layer, length, batch, lengths), assert_same)


def test_an_exported_graph_refuses_what_its_kernels_must_not_read():
    model = nn.CharacterModel(nn.LSTM(I, H), symbols=I)
    program = torch.export.export(model, (torch.zeros(4, 2, dtype=torch.int64),)).module()
    with pytest.raises(ValueError, match=r"tokens must lie in 0\.\.2, but run from 0 to 3"):
        program(torch.tensor([[0, 0], [0, 3], [0, 0], [0, 0]]))

"""Exported files against the module itself: in ONNX Runtime, and by ONNX's reference evaluator where it can."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError, StorageError

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx.reference import ReferenceEvaluator  # noqa: E402

from unrolled.onnx import export  # noqa: E402

I, H = 3, 5
LAYERS = {
    **nn.CELL_LAYERS,
    "rnn-relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "gru-reset-before": lambda *sizes, **options: nn.GRU(*sizes, reset_before=True, **options),
}
"""The reference evaluator knows no lengths, no Relu inside an RNN and no Scan in reverse."""


def draw(name, **options):
    layer = LAYERS[name](I, H, 2, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def tensors(results):
    output, state = results
    return [output, *(state if isinstance(state, tuple) else [state])]


def by_runtime(model, feeds):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)


def by_reference(model, feeds):
    return ReferenceEvaluator(model).run(None, feeds)


def assert_equal(got, expected):
    assert [g.shape for g in got] == [tuple(e.shape) for e in expected]
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e.detach().numpy(), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("state", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_stack_at_any_length_and_batch(name, ragged, state, bidirectional):
    batch_first = ragged != state
    layer = draw(name, bidirectional=bidirectional, batch_first=batch_first)
    model = export(layer, lengths=ragged, state=state)
    for T, B, lengths in ((9, 4, [9, 0, 4, 1]), (2, 1, [2]), (13, 3, [5, 13, 6])):
        x = torch.randn(B, T, I) if batch_first else torch.randn(T, B, I)
        feeds, hx, options = {"input": x.numpy()}, None, {}
        if state:
            fields = [torch.randn(4 if bidirectional else 2, B, H) for _ in layer.state_names]
            feeds |= {key: field.numpy() for key, field in zip(layer.state_names, fields, strict=True)}
            hx = tuple(fields) if len(fields) == 2 else fields[0]
        if ragged:
            feeds["lengths"], options = np.array(lengths, np.int32), {"lengths": lengths}
        expected = tensors(layer(x, hx, **options))
        assert_equal(by_runtime(model, feeds), expected)
        if not ragged and name != "rnn-relu" and not (name == "full-peephole" and bidirectional):
            assert_equal(by_reference(model, feeds), expected)


@pytest.mark.parametrize(("name", "operator"), [("rnn", "RNN"), ("gru", "GRU"), ("lstm", "LSTM"), ("peephole", "LSTM")])
def test_a_layer_is_one_node(name, operator):
    nodes = [node.op_type for node in export(draw(name, bidirectional=True), lengths=True, state=True).graph.node]
    assert nodes.count(operator) == 2
    assert not {"Loop", "Scan"} & set(nodes)


def test_without_biases():
    for name in LAYERS:
        layer, x = draw(name, bias=False), torch.randn(6, 2, I)
        assert_equal(by_runtime(export(layer), {"input": x.numpy()}), tensors(layer(x)))


def test_float64():
    layer, x = draw("peephole", dtype=torch.float64), torch.randn(6, 2, I, dtype=torch.float64)
    for got, want in zip(by_reference(export(layer), {"input": x.numpy()}), tensors(layer(x)), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, want.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("coding", ["one-hot", "embedding", "scalar"])
@pytest.mark.parametrize("name", LAYERS)
def test_models(name, coding):
    symbols = I if coding == "one-hot" else 7
    size = 1 if coding == "scalar" else I
    classifier = nn.SequenceClassifier(
        LAYERS[name](size, H, 2, bidirectional=True, batch_first=True), symbols=symbols, classes=4, coding=coding
    )
    characters = nn.CharacterModel(LAYERS[name](size, H, 2), symbols=symbols, coding=coding)
    tokens, lengths = torch.randint(symbols, (8, 3)), [8, 2, 5]
    feeds = {"tokens": tokens.numpy(), "lengths": np.array(lengths, np.int32)}
    assert_equal(by_runtime(export(classifier), {"tokens": tokens.numpy()}), [classifier(tokens)])
    assert_equal(by_runtime(export(classifier, lengths=True), feeds), [classifier(tokens, lengths)])
    state = [torch.randn(2, 3, H) for _ in characters.layer.state_names]
    hx = tuple(state) if len(state) == 2 else state[0]
    feeds |= {key: field.numpy() for key, field in zip(characters.layer.state_names, state, strict=True)}
    expected = tensors(characters(tokens, hx, lengths))
    assert_equal(by_runtime(export(characters, lengths=True, state=True), feeds), expected)


def test_the_file_is_the_model_and_is_written_whole(tmp_path):
    layer, file = draw("gru"), tmp_path / "gru.onnx"
    model = export(layer, file)
    assert file.read_bytes() == model.SerializeToString()
    assert [f.name for f in tmp_path.iterdir()] == ["gru.onnx"]
    with pytest.raises(StorageError, match="cannot write"):
        export(layer, tmp_path / "nowhere" / "gru.onnx")


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (lambda: torch.nn.LSTM(I, H), {}, r"not LSTM; unrolled\.nn\.convert makes torch\.nn's layers ours"),
        (
            lambda: nn.SequenceClassifier(torch.nn.GRU(I, H), symbols=I, classes=2),
            {},
            "SequenceClassifier around a GRU",
        ),
        (lambda: nn.Recurrent(torch.nn.GRUCell(I, H)), {}, "not Recurrent"),
        (lambda: nn.GRU(I, H, dtype=torch.bfloat16), {}, r"not in torch\.bfloat16; use \.float\(\)"),
        (lambda: nn.SequenceClassifier(nn.GRU(I, H), symbols=I, classes=2), {"state": True}, "starts at zero"),
    ],
)
def test_what_cannot_be_exported_is_refused(module, options, message):
    with pytest.raises(InputError, match=message):
        export(module(), **options)


def test_without_the_package_onnx_one_line_says_what_would_do():
    code = (
        "import sys; sys.modules['onnx'] = None\nfrom unrolled import errors, nn, onnx\n"
        "try: onnx.export(nn.GRU(1, 1))\nexcept errors.InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ONNX files need the package onnx")
    assert done.stdout.strip().endswith('pip install "unrolled[onnx]"')

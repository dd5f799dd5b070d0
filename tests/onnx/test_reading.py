"""Layers read from ONNX files against ONNX Runtime on the same files, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled import nn
from unrolled.errors import InputError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from unrolled.onnx import Reverse, export, from_onnx  # noqa: E402

T, B, I, H = 7, 3, 4, 5
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
KINDS = {
    "RNN": ("RNN", {}, nn.RNN),
    "RNN relu": ("RNN", {"activations": ["Relu"]}, nn.RNN),
    "GRU": ("GRU", {"linear_before_reset": 1}, nn.GRU),
    "GRU reset before": ("GRU", {}, nn.GRU),
    "LSTM": ("LSTM", {}, nn.LSTM),
    "LSTM with P": ("LSTM", {"P": True}, nn.PeepholeLSTM),
}


def model_of(
    operator, *, P=False, bias=True, direction="forward", constant=(), weights=None, dtype=np.float32, **attributes
):
    """One node with drawn weights; its lengths and state are inputs of the model."""
    D, G = 2 if direction == "bidirectional" else 1, GATES[operator]
    if "activations" in attributes:
        attributes["activations"] = attributes["activations"] * D
    draw = np.random.default_rng(0)
    shapes = {"W": (D, G * H, I), "R": (D, G * H, H), **({"B": (D, 2 * G * H)} if bias else {})}
    shapes |= {"P": (D, 3 * H)} if P else {}
    drawn = {name: (draw.standard_normal(shape) * 0.5).astype(dtype) for name, shape in shapes.items()}
    drawn |= dict(constant) | (weights or {})
    states = ["initial_h", "initial_c"][: 2 if operator == "LSTM" else 1]
    inputs = ["X", "W", "R", "B" if bias else "", "sequence_lens", *states, *(["P"] if P else [])]
    results = ["Y", "Y_h", "Y_c"][: 1 + len(states)]
    node = helper.make_node(operator, inputs, results, "one", hidden_size=H, direction=direction, **attributes)
    sizes = {"X": ["T", "B", I], "sequence_lens": ["B"], **{s: [D, "B", H] for s in states}}
    given = [
        helper.make_tensor_value_info(n, TensorProto.INT32 if n == "sequence_lens" else TensorProto.FLOAT, s)
        for n, s in sizes.items()
        if n not in drawn
    ]
    graph = helper.make_graph(
        [node],
        "graph",
        given,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
        [numpy_helper.from_array(value, name) for name, value in drawn.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no biases"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_onnx_runtimes(kind, direction, bias, tmp_path):
    operator, attributes, expected = KINDS[kind]
    model = model_of(operator, direction=direction, bias=bias, **attributes)
    file = tmp_path / "model.onnx"
    onnx.save(model, file)
    (layer,) = from_onnx(file).values()
    inner = layer.layer if isinstance(layer, Reverse) else layer
    assert (type(inner), isinstance(layer, Reverse)) == (expected, direction == "reverse")
    D = 2 if direction == "bidirectional" else 1
    x, lengths, states = torch.randn(T, B, I), [7, 2, 5], [torch.randn(D, B, H) for _ in inner.state_names]
    feeds = {"X": x.numpy(), "sequence_lens": np.array(lengths, np.int32)}
    feeds |= {name: s.numpy() for name, s in zip(("initial_h", "initial_c"), states, strict=False)}
    Y, *final = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    output, state = layer(x, tuple(states) if len(states) == 2 else states[0], lengths=lengths)
    np.testing.assert_allclose(output.detach(), Y.transpose(0, 2, 1, 3).reshape(T, B, D * H), atol=1e-5)
    for got, want in zip(state if isinstance(state, tuple) else [state], final, strict=True):
        np.testing.assert_allclose(got.detach(), want, atol=1e-5)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "peephole"])
def test_there_and_back_again(name):
    layer = nn.CELL_LAYERS[name](I, H, 2, bidirectional=True)
    first, second = from_onnx(export(layer).SerializeToString()).values()
    x = torch.randn(T, B, I)
    torch.testing.assert_close(second(first(x)[0])[0], layer(x)[0])
    assert type(first) is type(layer)
    for key, weight in first.state_dict().items():
        assert torch.equal(weight, layer.state_dict()[key])


def test_layout_one_is_batch_first():
    layer = from_onnx(model_of("GRU", layout=1))["one"]
    same = from_onnx(model_of("GRU"))["one"]
    x = torch.randn(T, B, I)
    torch.testing.assert_close(layer(x.transpose(0, 1))[0].transpose(0, 1), same(x)[0])
    turned = from_onnx(model_of("GRU", layout=1, direction="reverse"))["one"]
    straight = from_onnx(model_of("GRU", direction="reverse"))["one"]
    got = turned(x.transpose(0, 1), lengths=[7, 0, 3])[0].transpose(0, 1)
    torch.testing.assert_close(got, straight(x, lengths=[7, 0, 3])[0])


def test_weights_in_constant_nodes():
    model = model_of("LSTM")
    same = from_onnx(model)["one"]
    for tensor in list(model.graph.initializer):
        model.graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], value=tensor))
        model.graph.initializer.remove(tensor)
    x = torch.randn(T, B, I)
    torch.testing.assert_close(from_onnx(model)["one"](x)[0], same(x)[0])


def external():
    model = model_of("GRU")
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "/etc/passwd")
    return model


def computed():
    model = model_of("GRU")
    del model.graph.initializer[0]
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: model_of("GRU", clip=1.0), "GRU 'one': it clips its gates"),
        (lambda: model_of("LSTM", input_forget=1), "it couples the input and forget gates"),
        (
            lambda: model_of("LSTM", activations=["HardSigmoid", "Tanh", "Tanh"]),
            "its activations are HardSigmoid, Tanh",
        ),
        (lambda: model_of("RNN", activations=["Softsign"]), "its activations are Softsign; our layer has Tanh"),
        (lambda: model_of("GRU", layout=2), "layout must be 0 or 1, not 2"),
        (lambda: model_of("GRU", direction="sideways"), "no direction 'sideways'"),
        (
            lambda: model_of("GRU", weights={"R": np.ones((1, 15, 6), np.float32)}),
            "hidden_size is 5, but R has 6 columns",
        ),
        (lambda: model_of("GRU", weights={"B": np.ones((1, 29), np.float32)}), r"B must have shape \[1, 30\]"),
        (lambda: model_of("GRU", weights={"W": np.ones(3, np.float32)}), r"W must have shape \[1, 15, 3\]"),
        (lambda: model_of("GRU", dtype=np.float16), "W must be float32 or float64"),
        (lambda: model_of("GRU", constant={"initial_h": np.ones((1, 1, H), np.float32)}), "initial_h is a constant"),
        (lambda: model_of("GRU", constant={"sequence_lens": np.ones(1, np.int32)}), "give it as lengths="),
        (external, "W lies in another file"),
        (computed, r"W \('W'\) is computed when the model runs"),
        (lambda: b"", "has no RNN, GRU or LSTM node; its nodes: none"),
        (lambda: b"not a model at all", "is no ONNX model"),
        (lambda: "/nowhere/model.onnx", "the file '/nowhere/model.onnx' cannot be read: No such file"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(model, message):
    with pytest.raises(InputError, match=message) as caught:
        from_onnx(model())
    assert "\n" not in str(caught.value)


def test_an_initial_state_of_constant_zeros_is_our_own():
    assert type(from_onnx(model_of("GRU", constant={"initial_h": np.zeros((1, 1, H), np.float32)}))["one"]) is nn.GRU


def test_damaged_files_give_one_clear_error_or_a_layer():
    """Every prefix of a file, and 400 files with a few wrong bytes."""
    whole = model_of("LSTM", P=True).SerializeToString()
    head = whole.index(b"initial_h")  # nodes and names; after them stand the weights
    draw = np.random.default_rng(1)
    damaged = [whole[:end] for end in (*range(head + 100), *range(head + 100, len(whole), 97))]
    for _ in range(400):
        broken = bytearray(whole)
        for place in draw.integers(0, len(whole), 3) if draw.random() < 0.3 else draw.integers(0, head + 100, 3):
            broken[place] = draw.integers(256)
        damaged.append(bytes(broken))
    refused = 0
    for content in damaged:
        try:
            from_onnx(content)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > len(damaged) / 2

"""PeepholeLSTM and the course's GRU against ONNX: its reference evaluator and ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled import nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx.reference import ReferenceEvaluator  # noqa: E402

from onnx import TensorProto, helper  # noqa: E402

T, B, I, H = 7, 3, 4, 5


def rows(matrix, order):
    """Blocks of H rows in another order; a negative place negates its block (place ~k for block k)."""
    blocks = np.split(matrix, len(order))
    return np.concatenate([blocks[k] if k >= 0 else -blocks[~k] for k in order])


def evaluate(operator, runtime, feeds, **attributes):
    """Run one operator; `feeds` in the operator's order of inputs, None where absent."""
    names = [name if value is not None else "" for name, value in feeds.items()]
    given = {name: value for name, value in feeds.items() if value is not None}
    kinds = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int32"): TensorProto.INT32}
    results = ["Y", "Y_h", "Y_c"] if operator == "LSTM" else ["Y", "Y_h"]
    node = helper.make_node(operator, names, results, hidden_size=H, **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(n, kinds[v.dtype], v.shape) for n, v in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    if runtime == "reference evaluator":
        return ReferenceEvaluator(model).run(None, given)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)


def stacked(layer, kind, order):
    """One kind of weight of all directions, [D, ...], its rows in ONNX's order."""
    names = [f"{kind}_l0", f"{kind}_l0_reverse"][: 2 if layer.bidirectional else 1]
    return np.stack([rows(getattr(layer, name).detach().numpy(), order) for name in names])


def lstm_feeds(layer, x, lengths=None, state=None):
    gates, peepholes = [0, 3, 1, 2], [0, 2, 1]  # ONNX: i, o, f, c and i, o, f; ours: i, f, g, o and i, f, o
    D = 2 if layer.bidirectional else 1
    zero = np.zeros((D, B, H), np.float32)
    h, c = (zero, zero) if state is None else (s.numpy() for s in state)
    return {
        "X": x.numpy(),
        "W": stacked(layer, "weight_ih", gates),
        "R": stacked(layer, "weight_hh", gates),
        "B": np.concatenate([stacked(layer, "bias_ih", gates), stacked(layer, "bias_hh", gates)], 1),
        "sequence_lens": None if lengths is None else np.array(lengths, np.int32),
        "initial_h": h,
        "initial_c": c,
        "P": stacked(layer, "peephole", peepholes),
    }


def test_peephole_lstm_is_onnxs_by_its_reference_evaluator():
    layer = nn.PeepholeLSTM(I, H)
    layer.initialise("normal")
    x, state = torch.randn(T, B, I), (torch.randn(1, B, H), torch.randn(1, B, H))
    Y, Y_h, *_ = evaluate("LSTM", "reference evaluator", lstm_feeds(layer, x, state=state))
    output, (h, _) = layer(x, state)
    np.testing.assert_allclose(Y[:, 0], output.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(np.reshape(Y_h, (1, B, H)), h.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("lengths", [None, [7, 2, 5]], ids=["full", "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_peephole_lstm_is_onnx_runtimes(bidirectional, lengths):
    layer = nn.PeepholeLSTM(I, H, bidirectional=bidirectional)
    layer.initialise("normal")
    D = 2 if bidirectional else 1
    x, state = torch.randn(T, B, I), (torch.randn(D, B, H), torch.randn(D, B, H))
    direction = "bidirectional" if bidirectional else "forward"
    Y, Y_h, Y_c = evaluate("LSTM", "runtime", lstm_feeds(layer, x, lengths, state), direction=direction)
    output, (h, c) = layer(x, state, lengths=lengths)
    np.testing.assert_allclose(Y.transpose(0, 2, 1, 3).reshape(T, B, D * H), output.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(Y_h, h.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(Y_c, c.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("runtime", ["reference evaluator", "runtime"])
@pytest.mark.parametrize("reset_before", [False, True])
def test_gru_is_onnxs(reset_before, runtime):
    """linear_before_reset = 0 is the course's form, where ONNX's z keeps the state and the course's overwrites it."""
    layer = nn.GRU(I, H, reset_before=reset_before)
    layer.initialise("normal")
    gates = [~1, 0, 2] if reset_before else [1, 0, 2]  # ONNX: z, r, h; ours: r, z, n
    x, h0 = torch.randn(T, B, I), torch.randn(1, B, H)
    feeds = {
        "X": x.numpy(),
        "W": stacked(layer, "weight_ih", gates),
        "R": stacked(layer, "weight_hh", gates),
        "B": np.concatenate([stacked(layer, "bias_ih", gates), stacked(layer, "bias_hh", gates)], 1),
        "sequence_lens": None,
        "initial_h": h0.numpy(),
    }
    Y, _ = evaluate("GRU", runtime, feeds, linear_before_reset=0 if reset_before else 1)
    output, _ = layer(x, h0)
    np.testing.assert_allclose(Y[:, 0], output.detach().numpy(), atol=1e-5)

"""A recurrent layer as nodes of ONNX: one RNN, GRU or LSTM node a layer, for both directions together.

The course's peephole LSTM is no operator of ONNX's. Each of its layers and directions becomes a Scan over the steps:
one product with the input for all steps at once, and the equation of `kernels/reference/full_peephole.py` inside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unrolled.kernels.reference import Weights
from unrolled.nn import CellLayer
from unrolled.onnx import package
from unrolled.onnx.blocks import GATED, PEEPHOLES
from unrolled.onnx.network import Network

__all__ = ["SUPPORTED", "Unrolled", "layer_nodes"]

SUPPORTED = (*GATED, "full-peephole")
"""The cells that `layer_nodes` can write."""


class Unrolled(NamedTuple):
    """The names of what a layer gives.

    Attributes:
        output: [T,B,H·directions] of the top layer.
        state: [layers·directions, B, H] each, hidden first.
        last: [directions, B, H], the top layer's final hidden states.
    """

    output: str
    state: tuple[str, ...]
    last: str


def layer_nodes(net: Network, layer: CellLayer, x: str, lengths: str, state: tuple[str, ...]) -> Unrolled:
    """Add a layer that reads x [T,B,I]; `lengths` [B] int32 is "" and `state` empty where there is none."""
    D = 2 if layer.bidirectional else 1
    single = _operator if layer.cell.name in GATED else _scans
    finals = []
    for k, directions in enumerate(_weights(layer)):
        begin = tuple(net.part(field, k * D, (k + 1) * D) for field in state)
        y, *final = single(net, layer, f"layer{k}", directions, x, lengths, begin)
        finals.append(final)
        x = net.node(
            "Reshape", net.node("Transpose", y, perm=[0, 2, 1, 3]), net.constant([0, 0, D * layer.hidden_size])
        )
    together = [
        fields[0] if len(fields) == 1 else net.node("Concat", *fields, axis=0) for fields in zip(*finals, strict=True)
    ]
    return Unrolled(x, tuple(together), finals[-1][0])


def _weights(layer: CellLayer) -> list[list[Weights]]:
    """For each layer the weights of its directions."""
    kinds = ["W_ih", "W_hh", *(["b_ih", "b_hh"] if layer.bias else []), *(["p"] if layer.cell.peephole_blocks else [])]
    every = [Weights(**dict(zip(kinds, weights, strict=True))) for weights in layer.all_weights]
    D = 2 if layer.bidirectional else 1
    return [every[k : k + D] for k in range(0, len(every), D)]


def _operator(
    net: Network, layer: CellLayer, name: str, directions: list[Weights], x: str, lengths: str, begin: tuple[str, ...]
) -> list[str]:
    """One RNN, GRU or LSTM node: Y [T,D,B,H] and the final state [D,B,H] each."""
    operator, gates = GATED[layer.cell.name]
    D, H, states = len(directions), layer.hidden_size, len(layer.state_names)
    W = torch.stack([gates.to_onnx(w.W_ih) for w in directions])
    R = torch.stack([gates.to_onnx(w.W_hh) for w in directions])
    biases = [
        torch.cat([gates.to_onnx(_given(w.b_ih)), gates.to_onnx(_given(w.b_hh))]) for w in directions if layer.bias
    ]
    peepholes = [PEEPHOLES.to_onnx(w.p) for w in directions if w.p is not None]
    inputs = [
        *(x, net.constant(W, f"{name}.W"), net.constant(R, f"{name}.R")),
        net.constant(torch.stack(biases), f"{name}.B") if biases else "",
        *(lengths, *(begin or [""] * states)),
    ]
    if peepholes:
        inputs.append(net.constant(torch.stack(peepholes), f"{name}.P"))
    attributes: dict[str, Any] = {"hidden_size": H, "direction": "bidirectional" if D == 2 else "forward"}
    if operator == "RNN":
        attributes["activations"] = [{"rnn-tanh": "Tanh", "rnn-relu": "Relu"}[layer.cell.name]] * D
    if operator == "GRU":
        attributes["linear_before_reset"] = int(layer.cell.name == "gru")
    while inputs[-1] == "":
        inputs.pop()
    y, *final = net.node(operator, *inputs, name=name, outputs=1 + states, **attributes)
    if lengths and begin:
        final = [_kept(net, lengths, start, end) for start, end in zip(begin, final, strict=True)]
    return [y, *final]


def _given(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


def _kept(net: Network, lengths: str, begin: str, end: str) -> str:
    """The final state [D,B,H], for a row of length zero its initial one (ONNX Runtime would give zero)."""
    empty = net.node("Equal", lengths, net.constant(np.array(0, np.int32)))
    kept: str = net.node("Where", net.node("Unsqueeze", empty, net.constant([1])), begin, end)
    return kept


def _scans(
    net: Network, layer: CellLayer, name: str, directions: list[Weights], x: str, lengths: str, begin: tuple[str, ...]
) -> list[str]:
    """One Scan for each direction: Y [T,D,B,H] and the final state [D,B,H] each."""
    found = []
    for direction, weights in enumerate(directions):
        if begin:
            state = [
                net.node("Squeeze", net.part(field, direction, direction + 1), net.constant([0])) for field in begin
            ]
        else:
            zero = np.zeros(1, weights.W_hh.detach().numpy().dtype)
            shape = net.node("Concat", net.part(net.node("Shape", x), 1, 2), net.constant([layer.hidden_size]), axis=0)
            value = package.load().numpy_helper.from_array(zero)
            state = [net.node("ConstantOfShape", shape, value=value) for _ in layer.state_names]
        found.append(
            _scan(net, f"{name}.{'reverse' if direction else 'forward'}", weights, x, lengths, state, direction)
        )
    axes = (1, 0, 0)
    return [
        net.node("Concat", *(net.node("Unsqueeze", part, net.constant([axis])) for part in parts), axis=axis)
        for axis, parts in zip(axes, zip(*found, strict=True), strict=True)
    ]


def _scan(
    net: Network, name: str, weights: Weights, x: str, lengths: str, state: list[str], reverse: int
) -> tuple[str, str, str]:
    """Hidden states [T,B,H], final hidden and memory [B,H]."""
    product = net.node("MatMul", x, net.constant(weights.W_ih.t(), f"{name}.W_ih"))
    if weights.b_ih is not None:
        product = net.node("Add", product, net.constant(weights.b_ih, f"{name}.b_ih"))
    scanned = [product]
    if lengths:
        steps = net.node("Squeeze", net.part(net.node("Shape", x), 0, 1), net.constant([0]))
        first, one = (net.constant(np.array(number, np.int64)) for number in (0, 1))
        scanned.append(net.node("Range", first, steps, one))
        lengths = net.node("Cast", lengths, to=package.load().TensorProto.INT64)
    hidden, memory, output = net.node(
        *("Scan", *state, *scanned),
        name=name,
        outputs=3,
        body=_step(net, name, weights, lengths),
        num_scan_inputs=len(scanned),
        scan_input_directions=[reverse] * len(scanned),
        scan_output_directions=[reverse],
    )
    return output, hidden, memory


def _step(net: Network, name: str, weights: Weights, lengths: str) -> Any:
    """One step: h', c' [B,H], W_ih x + b_ih [B,4H] (and t) to h, c and the output."""
    onnx, body = package.load(), Network(f"{name}.")
    x_i, x_f, x_g, x_o = body.node("Split", "x", outputs=4, axis=-1)
    recurrent = body.node("MatMul", "c'", net.constant(weights.W_hh.t(), f"{name}.W_hh"))
    if weights.b_hh is not None:
        recurrent = body.node("Add", recurrent, net.constant(weights.b_hh, f"{name}.b_hh"))
    c_i, c_f, c_o = body.node("Split", recurrent, outputs=3, axis=-1)
    i, f, o = (body.node("Sigmoid", body.node("Add", a, b)) for a, b in ((x_i, c_i), (x_f, c_f), (x_o, c_o)))
    g = body.node("Sigmoid", x_g)
    c = body.node("Add", body.node("Mul", g, i), body.node("Mul", "c'", f))
    h = body.node("Mul", body.node("Tanh", c), o)
    y = h
    if lengths:
        live = body.node("Unsqueeze", body.node("Less", "t", lengths), net.constant([1]))
        zero = net.constant(np.zeros((), weights.W_hh.detach().numpy().dtype))
        y = body.node("Where", live, h, zero)
        h, c = body.node("Where", live, h, "h'"), body.node("Where", live, c, "c'")
    results = [body.rename(value, result) for value, result in ((h, "h"), (c, "c"), (y, "y"))]
    kind = onnx.helper.np_dtype_to_tensor_dtype(weights.W_hh.detach().numpy().dtype)
    given = [onnx.helper.make_tensor_value_info(value, kind, None) for value in ("h'", "c'", "x")]
    if lengths:
        given.append(onnx.helper.make_tensor_value_info("t", onnx.TensorProto.INT64, []))
    made = [onnx.helper.make_tensor_value_info(value, kind, None) for value in results]
    return onnx.helper.make_graph(body.nodes, f"{name}.step", given, made)

"""The recurrent nodes of an ONNX file as layers of ours.

A file is only ever parsed as numbers, never run; one that is damaged, or asks for what our layers do not do, is
refused with the reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.nn import GRU, LSTM, RNN, CellLayer, PeepholeLSTM
from unrolled.onnx import blocks, package
from unrolled.onnx.blocks import Blocks
from unrolled.onnx.reverse import Reverse

__all__ = ["from_onnx"]

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_ACTIVATIONS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
_KNOWN = {
    *("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget"),
    *("layout", "linear_before_reset"),
}


def from_onnx(source: Path | str | bytes | Any) -> dict[str, CellLayer | Reverse]:
    """Read every RNN, GRU and LSTM node of a file's graph, each as a layer with the same outputs.

    An LSTM with peepholes P becomes a PeepholeLSTM, a GRU with linear_before_reset = 0 `GRU(reset_before=True)`, the
    direction "reverse" a layer inside `Reverse`, layout = 1 a layer with `batch_first`. What the node reads as
    sequence_lens, initial_h and initial_c is given to the layer's call, as `lengths=` and `hx`. Our output [T,B,D·H]
    is ONNX's Y [T,D,B,H] with its directions side by side.

    Args:
        source: a file, its bytes, or an `onnx.ModelProto`.

    Returns:
        The layers in the order of the graph, by the node's name (its output's, where it has none).

    Raises:
        InputError: no such file, a damaged one, one without such nodes, or a node that our layers cannot represent:
            a clip, other activations, coupled gates, weights that are computed or lie in another file.
    """
    onnx = package.load()
    model, named = _parsed(onnx, source)
    try:
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name == "value":
                constants[node.output[0]] = node.attribute[0].t
        found: dict[str, CellLayer | Reverse] = {}
        for node in model.graph.node:
            if node.op_type in _GATES and node.domain in ("", "ai.onnx"):
                name = str(node.name or (node.output[0] if node.output else node.op_type))
                if name in found:
                    raise InputError(f"{named} has two nodes called {name!r}")
                found[name] = _layer(_Reader(onnx, f"{named}, {node.op_type} {name!r}", node, constants))
        if not found:
            there = ", ".join(sorted({str(node.op_type) for node in model.graph.node}))
            raise InputError(f"{named} has no RNN, GRU or LSTM node; its nodes: {_line(there) or 'none'}")
    except InputError:
        raise
    except Exception as error:  # protobuf decodes lazily: a damaged field shows when it is read
        raise InputError(f"{named} is damaged: {_line(error)}") from error
    return found


def _parsed(onnx: Any, source: Any) -> tuple[Any, str]:
    """The model, and how to call it in a message."""
    if isinstance(source, onnx.ModelProto):
        return source, "the model"
    if isinstance(source, bytes):
        content, named = source, "the ONNX model"
    else:
        named = f"the file {str(source)!r}"
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"{named} cannot be read: {error.strerror or error}") from error
    try:
        return onnx.load_model_from_string(content), named
    except Exception as error:  # google.protobuf's DecodeError, and whatever else a hostile file provokes
        raise InputError(f"{named} is no ONNX model, or only a part of one: {_line(error)}") from error


def _line(message: object) -> str:
    """One line of what a file, or an error about it, says."""
    return " ".join(str(message).split())[:200]


class _Weights(NamedTuple):
    W: Tensor
    R: Tensor
    B: Tensor | None
    P: Tensor | None


class _Reader:
    """One node: its attributes and constant inputs, with what is wrong said in the node's name."""

    def __init__(self, onnx: Any, named: str, node: Any, constants: dict[str, Any]) -> None:
        self._onnx, self.named, self.operator = onnx, named, node.op_type
        self._attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self._inputs = dict(zip(_INPUTS, node.input, strict=False))
        self._constants = constants
        unknown = sorted(set(self._attributes) - _KNOWN)
        if unknown:
            raise self.refusal(f"an attribute {unknown[0]!r} that ONNX does not have")

    def refusal(self, what: str) -> InputError:
        """The error to raise."""
        return InputError(f"{self.named}: {what}")

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute, text as str, of the default's type."""
        value = self._attributes.get(name, default)
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(value, type(default)):
            raise self.refusal(f"{name} must be of type {type(default).__name__}, not {value!r}")
        return value

    def has(self, name: str) -> bool:
        """Whether an attribute is given."""
        return name in self._attributes

    def activations(self) -> list[str]:
        """The names of the activations, as many as there are."""
        return [str(a.decode("utf-8", "replace")) for a in self.attribute("activations", [])]

    def constant(self, name: str, *, needed: bool = False) -> Tensor | None:
        """A constant input."""
        value = self._inputs.get(name, "")
        if not value:
            if needed:
                raise self.refusal(f"no input {name}")
            return None
        tensor = self._constants.get(value)
        if tensor is None:
            raise self.refusal(
                f"{name} ({value!r}) is computed when the model runs; only weights in the file can be read"
            )
        if tensor.data_location == self._onnx.TensorProto.EXTERNAL:
            raise self.refusal(f"{name} lies in another file; save the model with its weights inside")
        if tensor.data_type not in (self._onnx.TensorProto.FLOAT, self._onnx.TensorProto.DOUBLE):
            raise self.refusal(f"{name} must be float32 or float64")
        try:
            return torch.from_numpy(np.array(self._onnx.numpy_helper.to_array(tensor)))
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            raise self.refusal(f"{name} is damaged: {_line(error)}") from error

    def starts_at_zero(self) -> None:
        """Stop at a constant length or state: a call without them would give other outputs."""
        for name, meaning in (("sequence_lens", "lengths="), ("initial_h", "hx"), ("initial_c", "hx")):
            tensor = self._constants.get(self._inputs.get(name, ""))
            if tensor is not None and (name == "sequence_lens" or bool(self._onnx.numpy_helper.to_array(tensor).any())):
                raise self.refusal(f"{name} is a constant; make it an input of the model, and give it as {meaning}")


def _layer(node: _Reader) -> CellLayer | Reverse:
    direction = node.attribute("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise node.refusal(f"no direction {direction!r}")
    D = 2 if direction == "bidirectional" else 1
    relu = _checked(node, D)
    weights, hidden = _read(node, D)
    options: dict[str, Any] = {
        "bias": weights.B is not None,
        "batch_first": node.attribute("layout", 0) == 1,
        "bidirectional": D == 2,
        "dtype": weights.W.dtype,
    }
    sizes = (weights.W.shape[2], hidden)
    layer: CellLayer
    gates = blocks.LSTM
    if node.operator == "RNN":
        layer, gates = RNN(*sizes, nonlinearity="relu" if relu else "tanh", **options), blocks.PLAIN
    elif node.operator == "GRU":
        before = node.attribute("linear_before_reset", 0) == 0
        layer = GRU(*sizes, reset_before=before, **options)
        gates = blocks.GRU_RESET_BEFORE if before else blocks.GRU_RESET_AFTER
    else:
        layer = LSTM(*sizes, **options) if weights.P is None else PeepholeLSTM(*sizes, **options)
    _fill(layer, weights, gates)
    return Reverse(layer) if direction == "reverse" else layer


def _checked(node: _Reader, D: int) -> bool:
    """Stop at what our layers do not do; whether the activation is relu."""
    if node.has("clip"):
        raise node.refusal("it clips its gates; our layers do not")
    if node.attribute("input_forget", 0) != 0:
        raise node.refusal("it couples the input and forget gates; our layers do not")
    if node.attribute("layout", 0) not in (0, 1):
        raise node.refusal(f"layout must be 0 or 1, not {node.attribute('layout', 0)}")
    given, usual = node.activations(), [*_ACTIVATIONS[node.operator]] * D
    relu = node.operator == "RNN" and given == ["Relu"] * D
    if given and given != usual and not relu:
        raise node.refusal(f"its activations are {_line(', '.join(given))}; our layer has {', '.join(usual)}")
    node.starts_at_zero()
    return relu


def _read(node: _Reader, D: int) -> tuple[_Weights, int]:
    """The weights, their shapes checked, and H."""
    W, R = node.constant("W", needed=True), node.constant("R", needed=True)
    assert W is not None and R is not None
    B, P = node.constant("B"), node.constant("P")
    G, H = _GATES[node.operator], R.shape[-1] if R.dim() else 0
    if node.has("hidden_size") and node.attribute("hidden_size", 0) != H:
        raise node.refusal(f"hidden_size is {node.attribute('hidden_size', 0)}, but R has {H} columns")
    features = W.shape[-1] if W.dim() else 0
    expected = {"W": (W, [D, G * H, features]), "R": (R, [D, G * H, H]), "B": (B, [D, 2 * G * H]), "P": (P, [D, 3 * H])}
    for name, (tensor, shape) in expected.items():
        if tensor is not None and list(tensor.shape) != shape:
            raise node.refusal(f"{name} must have shape {shape}, but has {list(tensor.shape)}")
        if tensor is not None and tensor.dtype != W.dtype:
            raise node.refusal(f"{name} is {tensor.dtype}, but W {W.dtype}")
    return _Weights(W, R, B, P), H


def _fill(layer: CellLayer, weights: _Weights, gates: Blocks) -> None:
    """Put the weights in, in our order."""
    with torch.no_grad():
        for direction, parameters in enumerate(layer.all_weights):
            W_ih, W_hh, *rest = parameters
            W_ih.copy_(gates.from_onnx(weights.W[direction]))
            W_hh.copy_(gates.from_onnx(weights.R[direction]))
            if weights.B is not None:
                for bias, given in zip(rest[:2], weights.B[direction].chunk(2), strict=True):
                    bias.copy_(gates.from_onnx(given))
            if weights.P is not None:
                rest[-1].copy_(blocks.PEEPHOLES.from_onnx(weights.P[direction]))

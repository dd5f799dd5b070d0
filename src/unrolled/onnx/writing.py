"""A layer or a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from unrolled.errors import InputError
from unrolled.nn import CellLayer, CharacterModel, SequenceClassifier
from unrolled.nn.coding import OneHot, Scalar
from unrolled.nn.model import Model
from unrolled.onnx import package
from unrolled.onnx.layers import SUPPORTED, Unrolled, layer_nodes
from unrolled.onnx.network import Network
from unrolled.record import write_whole
from unrolled.version import __version__

__all__ = ["export"]

OPSET, IR_VERSION = 17, 8
"""Of 2022: what runtimes of the last years read."""


def export(
    module: torch.nn.Module, path: Path | str | None = None, *, lengths: bool = False, state: bool = False
) -> Any:
    """Write a recurrent layer, a SequenceClassifier or a CharacterModel as ONNX, for inference at any length and batch.

    Each RNN, GRU, LSTM and PeepholeLSTM layer is one node for all its directions; a FullPeepholeLSTM, which ONNX
    lacks, is a Scan for each. The file's inputs and outputs:

        a layer            input [T,B,I] ([B,T,I] under batch_first) → output, final_hidden, final_memory
        CharacterModel     tokens [T,B] int64 → logits [T,B,V], final_hidden, final_memory
        SequenceClassifier tokens [T,B] int64 → logits [B,K]

    Args:
        module: what to export; its weights in float32 or float64.
        path: the file, written whole or not at all; None writes none.
        lengths: whether the file has an input `lengths` [B] int32, the steps of each row.
        state: whether it has inputs `hidden` and `memory` [layers·directions, B, H], the initial state; else zeros.

    Returns:
        The `onnx.ModelProto`.

    Raises:
        InputError: a module that cannot be exported, or no package onnx.
        StorageError: nothing can be written there.
    """
    onnx = package.load()
    layer = module.layer if isinstance(module, Model) else module
    if not isinstance(layer, CellLayer):
        raise InputError(
            f"recurrent layers, SequenceClassifier and CharacterModel can be exported, not {_named(module, layer)}; "
            "unrolled.nn.convert makes torch.nn's layers ours"
        )
    if layer.cell.name not in SUPPORTED:
        raise InputError(f"the cell {layer.cell.name!r} cannot be exported; {', '.join(SUPPORTED)} can")
    if layer.weight_dtype not in (torch.float32, torch.float64):
        raise InputError(f"weights in float32 or float64 can be exported, not in {layer.weight_dtype}; use .float()")
    if isinstance(module, SequenceClassifier) and (module.numbers or module.answers > 1):
        raise InputError(
            "a SequenceClassifier that reads numbers or gives several answers cannot be exported; its layer can"
        )
    if state and isinstance(module, SequenceClassifier):
        raise InputError("a SequenceClassifier starts at zero: state=True is for layers and a CharacterModel")
    layer._refresh()
    net, signature = Network(), _Signature(onnx, layer)
    given = signature.inputs(module, lengths, state)
    names = [value.name for value in given]
    begin = tuple(name for name in names if name in layer.state_names)
    with torch.no_grad():
        x = _entered(net, module, layer, names[0])
        unrolled = layer_nodes(net, layer, x, "lengths" if lengths else "", begin)
        results = _left(net, module, layer, unrolled)
    for value, result in zip(results, outputs := signature.outputs(module), strict=True):
        net.rename(value, result.name)
    graph = onnx.helper.make_graph(net.nodes, type(module).__name__, given, outputs, net.initializers)
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="unrolled",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        write_whole(Path(path), model.SerializeToString())
    return model


def _named(module: torch.nn.Module, layer: torch.nn.Module) -> str:
    inside = "" if layer is module else f" around a {type(layer).__name__}"
    return f"{type(module).__name__}{inside}"


class _Signature:
    """The file's inputs and outputs, with T and B open."""

    def __init__(self, onnx: Any, layer: CellLayer) -> None:
        self._onnx, self._layer = onnx, layer
        self._kind = onnx.TensorProto.FLOAT if layer.weight_dtype == torch.float32 else onnx.TensorProto.DOUBLE
        self._directions = 2 if layer.bidirectional else 1
        self._rows = layer.num_layers * self._directions

    def inputs(self, module: torch.nn.Module, lengths: bool, state: bool) -> list[Any]:
        """What the file reads: the sequence first."""
        layer, proto = self._layer, self._onnx.TensorProto
        if isinstance(module, Model):
            given = [self._value("tokens", ["T", "B"], proto.INT64)]
        else:
            given = [self._value("input", [*self._leading(), layer.input_size])]
        given += [self._value("lengths", ["B"], proto.INT32)] if lengths else []
        names = layer.state_names if state else ()
        return given + [self._value(name, [self._rows, "B", layer.hidden_size]) for name in names]

    def outputs(self, module: torch.nn.Module) -> list[Any]:
        """What the file gives."""
        H = self._layer.hidden_size
        if isinstance(module, SequenceClassifier):
            return [self._value("logits", ["B", module.classes])]
        if isinstance(module, CharacterModel):
            first = self._value("logits", ["T", "B", module.symbols])
        else:
            first = self._value("output", [*self._leading(), H * self._directions])
        return [first, *(self._value(f"final_{name}", [self._rows, "B", H]) for name in self._layer.state_names)]

    def _leading(self) -> list[str]:
        return ["B", "T"] if self._layer.batch_first else ["T", "B"]

    def _value(self, name: str, shape: list[Any], kind: int | None = None) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._kind if kind is None else kind, shape)


def _entered(net: Network, module: torch.nn.Module, layer: CellLayer, name: str) -> str:
    """The input as [T,B,I]."""
    if not isinstance(module, Model):
        return str(net.node("Transpose", name, perm=[1, 0, 2])) if layer.batch_first else name
    dtype = module.output.weight.detach().cpu().numpy().dtype
    if isinstance(module.coding, torch.nn.Embedding):
        return str(net.node("Gather", net.constant(module.coding.weight, "embedding"), name))
    if isinstance(module.coding, OneHot):
        return str(net.node("OneHot", name, net.constant([module.symbols]), net.constant(np.array([0, 1], dtype))))
    assert isinstance(module.coding, Scalar)
    kind = package.load().helper.np_dtype_to_tensor_dtype(dtype)
    return str(net.node("Unsqueeze", net.node("Cast", name, to=kind), net.constant([-1])))


def _left(net: Network, module: torch.nn.Module, layer: CellLayer, unrolled: Unrolled) -> list[str]:
    """The results in the order of the outputs."""
    if not isinstance(module, Model):
        output = unrolled.output
        return [net.node("Transpose", output, perm=[1, 0, 2]) if layer.batch_first else output, *unrolled.state]
    read = unrolled.output
    if isinstance(module, SequenceClassifier):  # both directions' last states have seen the whole sequence
        D = 2 if layer.bidirectional else 1
        rows = net.node("Transpose", unrolled.last, perm=[1, 0, 2])
        read = net.node("Reshape", rows, net.constant([0, D * layer.hidden_size]))
    product = net.node("MatMul", read, net.constant(module.output.weight.t(), "output.weight"))
    logits = net.node("Add", product, net.constant(module.output.bias, "output.bias"))
    return [logits] if isinstance(module, SequenceClassifier) else [logits, *unrolled.state]

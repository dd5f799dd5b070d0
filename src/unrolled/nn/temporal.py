"""The weights of PyG Temporal's layers in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError

if TYPE_CHECKING:
    from unrolled.nn.graph_gates import GraphGates

__all__ = ["load_pyg_temporal"]

_GATES = {"gconv-lstm": "ifco", "gconv-gru": "rzh"}
"""PyG Temporal's letters of the gates, in the order of our rows."""


def load_pyg_temporal(layer: GraphGates, state_dict: Mapping[str, Tensor]) -> None:
    """Give a GConvLSTM or GConvGRU of one layer with a Chebyshev filter the weights of PyG Temporal's.

    For the gates i, f, c (our g), o of the LSTM and r, z (our u), h (our n) of the GRU, row block j of gate j and
    column block k of term k::

        weight_ih_l0[j, k]  ←  conv_x_{gate}.lins.{k}.weight
        weight_hh_l0[j, k]  ←  conv_h_{gate}.lins.{k}.weight
        bias_l0[j]          ←  conv_x_{gate}.bias + conv_h_{gate}.bias + b_{gate}     (b: the LSTM's alone)
        peephole_l0         ←  w_c_i, w_c_f, w_c_o

    Where three biases were learnt, one remains: values stay, but further training moves the sum as one.

    Args:
        layer: takes the weights; with a bias wherever theirs has one.
        state_dict: of ``torch_geometric_temporal.nn.recurrent.GConvLSTM`` or ``GConvGRU``.

    Raises:
        InputError: another kind of layer, or a weight that is missing.
        ShapeError: weights of other sizes.
    """
    letters = _GATES.get(layer.cell.name)
    if letters is None or layer.kind.name != "cheb" or layer.num_layers != 1:
        raise InputError(
            f"{type(layer).__name__}({layer.extra_repr()}) has no counterpart in PyG Temporal; "
            "GConvLSTM and GConvGRU of one layer with filter='cheb' have"
        )
    terms = range(layer.kind.terms)
    found = {
        f"weight_{ours}_l0": torch.cat(
            [torch.cat([_taken(state_dict, f"conv_{end}_{g}.lins.{k}.weight") for k in terms], 1) for g in letters]
        )
        for ours, end in (("ih", "x"), ("hh", "h"))
    }
    biases = []
    for g in letters:
        parts = [state_dict[key] for key in (f"conv_x_{g}.bias", f"conv_h_{g}.bias", f"b_{g}") if key in state_dict]
        biases.append(torch.stack([part.reshape(-1) for part in parts]).sum(0) if parts else None)
    if layer.bias:
        zeros = next(iter(found.values())).new_zeros(layer.hidden_size)
        found["bias_l0"] = torch.cat([zeros if b is None else b for b in biases])
    elif any(b is not None for b in biases):
        raise InputError("these weights have biases and the layer has none; bias=True would do")
    if layer.has_peepholes:
        found["peephole_l0"] = torch.cat([_taken(state_dict, f"w_c_{g}").reshape(-1) for g in "ifo"])
    own = layer.state_dict()
    for name, weight in found.items():
        if weight.shape != own[name].shape:
            raise ShapeError(f"{name} is {list(own[name].shape)} here, but {list(weight.shape)} there")
    layer.load_state_dict(found)


def _taken(state_dict: Mapping[str, Tensor], key: str) -> Tensor:
    if key not in state_dict:
        raise InputError(f"no {key!r} among the weights: {', '.join(list(state_dict)[:6])}, …")
    return state_dict[key]

"""How many parameters a model has, with and without its output layer, by counting and by formula."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from unrolled.nn.bias import bias_vectors
from unrolled.nn.cell_layer import CellLayer
from unrolled.nn.model import Model

__all__ = ["ParameterCount", "count_parameters"]


@dataclass(frozen=True)
class ParameterCount:
    """The number of parameters, two ways.

    A second bias vector that `single_bias` froze is not counted. Reports disagree on whether the output
    layer is meant, so both numbers are here.

    Attributes:
        core: the recurrent layer's, counted.
        output: the output layer's, nK + K, counted; 0 for a bare layer.
        embedding: a learnt embedding's, counted.
        total: all of these.
        formula_core: the recurrent layer's, by formula; None for a user's own cell.
        formula: the formula, n = H, d each layer's input size, K outputs; one term per layer and direction.
    """

    core: int
    output: int
    embedding: int
    total: int
    formula_core: int | None
    formula: str | None


def count_parameters(module: Model | torch.nn.Module) -> ParameterCount:
    """Count the parameters of a model or of a bare recurrent layer.

    For one LSTM layer with one bias vector a gate the core has 4(nd + n² + n) (report A); torch's two make it
    4(nd + n² + 2n).
    """
    layer = module.layer if isinstance(module, Model) else module
    core = _counted(layer)
    if bias_vectors(layer) == 1:
        core -= sum(p.numel() for name, p in layer.named_parameters() if "bias_hh" in name)
    output = _counted(module.output) if isinstance(module, Model) else 0
    embedding = _counted(module.coding) if isinstance(module, Model) else 0
    formula_core, formula = (None, None) if not isinstance(layer, CellLayer) else _by_formula(layer)
    if formula is not None and isinstance(module, Model):
        formula += " + nK + K" if not module.bidirectional else " + 2nK + K"
    return ParameterCount(core, output, embedding, core + output + embedding, formula_core, formula)


def _counted(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _by_formula(layer: CellLayer) -> tuple[int, str]:
    """Σ over layers and directions of G·nd + G'·n² + biases + P·n, and the same in letters."""
    cell, n, vectors = layer.cell, layer.hidden_size, bias_vectors(layer)
    G, G_hh, P = len(cell.input_blocks), len(cell.recurrent_blocks), len(cell.peephole_blocks)
    biases = {0: 0, 1: G, 2: G + G_hh}[vectors]
    directions = 2 if layer.bidirectional else 1
    inputs = [layer.input_size] + [n * directions] * (layer.num_layers - 1)
    number = sum(directions * (G * n * d + G_hh * n * n + (biases + P) * n) for d in inputs)
    if G_hh == G:
        inside = "nd + n²" + ["", " + n", " + 2n"][vectors]
        letters = inside if G == 1 else f"{G}({inside})"
        letters += f" + {P}n" if P else ""
    else:
        letters = f"{G}nd + {G_hh}n²" + (f" + {biases + P}n" if biases + P else "")
    terms = layer.num_layers * directions
    return number, letters if terms == 1 else f"Σ_{terms} [{letters}]"

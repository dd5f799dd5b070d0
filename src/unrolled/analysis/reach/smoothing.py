"""Over-smoothing: how alike neighbours become, layer by layer.

The Dirichlet energy of features X on a graph with symmetric normalisation (Cai & Wang 2020)::

    E(X) = tr Xᵀ (I - Â) X = ½ Σ_{i→j} ‖x_i/√D~_i - x_j/√D~_j‖²   (for an undirected graph)

E / ‖X‖² lies in [0, 2): 0 is smooth, every node says the same up to its degree. It does not change when X is scaled,
which E alone does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.analysis.reach.graphs import fitting_graph
from unrolled.errors import InputError

__all__ = ["LayerEnergy", "dirichlet_energy", "smoothing"]


@dataclass(frozen=True)
class LayerEnergy:
    """The features after one layer.

    Attributes:
        layer: its name in the model; "input" before the first.
        energy: E(X).
        smoothness: E(X) / ‖X‖²; 0 is smooth.
    """

    layer: str
    energy: float
    smoothness: float


def dirichlet_energy(x: Tensor, graph: Any) -> tuple[float, float]:
    """E(X) and E(X) / ‖X‖² of features [N,F].

    Raises:
        InputError: features or a graph that do not fit, or features that are not finite.
    """
    graph = fitting_graph(x, graph)
    with torch.no_grad():
        x = x.double()
        smoothed = graph.operator("symmetric", self_loops="remaining", dtype=torch.float64) @ x
        energy = float((x * (x - smoothed)).sum())
        size = float(x.square().sum())
    if not (math.isfinite(energy) and math.isfinite(size)):
        raise InputError("the features are inf or no number, or their squares are: they have no energy")
    return energy, energy / size if size > 0 else 0.0


def smoothing(
    model: torch.nn.Module,
    x: Tensor,
    graph: Any,
    *,
    function: Callable[[Tensor], object] | None = None,
    layers: Iterable[str] | None = None,
) -> tuple[LayerEnergy, ...]:
    """The energy of the input and after every graph layer of any model.

    Args:
        model: called as ``model(x, graph)`` unless ``function`` says how.
        x: features [N,F].
        graph: a `Graph` or an edge_index.
        function: calls the model on x.
        layers: names of submodules; by default those that are called with something beside the features.

    Raises:
        InputError: no layer of that name, or none that gives a vector a node.
    """
    known = dict(model.named_modules())
    for name in layers or ():
        if name not in known:
            raise InputError(f"no layer {name!r}; layers: {', '.join(filter(None, known))}")
    found = [LayerEnergy("input", *dirichlet_energy(x, graph))]

    def look(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, given: tuple[Any, ...], options: dict[str, Any], out: Any) -> None:
            beside = len(given) + len(options) > 1
            if (layers is not None or beside) and isinstance(out, Tensor) and out.dim() == 2 and len(out) == len(x):
                found.append(LayerEnergy(name, *dirichlet_energy(out.detach(), graph)))

        return hook

    chosen = [name for name in known if name] if layers is None else list(layers)
    handles = [known[name].register_forward_hook(look(name), with_kwargs=True) for name in chosen]
    try:
        with torch.no_grad():
            _ = model(x, graph) if function is None else function(x)
    finally:
        for handle in handles:
            handle.remove()
    if len(found) == 1:
        raise InputError(f"no layer of {type(model).__name__} is called with a graph and gives one vector a node")
    return tuple(found)

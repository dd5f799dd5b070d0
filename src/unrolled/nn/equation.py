"""One layer in one direction as a function of its weights: what an analysis differentiates step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["Equation"]


@dataclass(frozen=True, eq=False)
class Equation:
    """``step(x_t, state, weights) -> named``, and the weights that the layer has for it.

    x_t is [B,I], the state a NamedTuple of [B,H]; what comes back maps the names of every gate, candidate and
    field of the new state to [B,H]. Rows do not meet.

    Attributes:
        weights: by their names in the layer ("weight_hh_l0"); `step` takes others of the same shapes.
        step: the equation.
        named_state: from the fields of a state, hidden first, to the NamedTuple that `step` takes.
    """

    weights: Mapping[str, Tensor]
    step: Callable[[Tensor, Any, Mapping[str, Tensor]], Mapping[str, Tensor]]
    named_state: Callable[[tuple[Tensor, ...]], Any]

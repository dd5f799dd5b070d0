"""What the microscope sees: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from torch import Tensor

from unrolled.analysis.gates import Shares
from unrolled.analysis.gradients.spectra import Spectrum, size_of

__all__ = ["Contribution", "LayerGradients", "StateGradients"]


@dataclass(frozen=True)
class Contribution:
    """A weight's gradient as the sum over steps of what each use of the weight adds: ∂L/∂W = Σ_t G_t.

    G_t is the derivative with respect to the W that step t multiplies with, all other steps' held fixed. For a
    vanilla RNN's W_hh it is diag(1 - h_t²) δ_t h_{t-1}ᵀ of `closed_forms`.

    Attributes:
        norms: ‖G_t‖ (Frobenius) for t = 1..T.
        total: ‖∂L/∂W‖.
        values: every G_t, [T, *W.shape], where they were kept.
    """

    norms: tuple[float, ...]
    total: float
    values: Tensor | None = field(default=None, compare=False, repr=False)

    @property
    def shares(self) -> tuple[float, ...] | None:
        """⟨G_t, ∂L/∂W⟩ / ‖∂L/∂W‖², which add up to 1; None where the values were not kept or all are 0."""
        if self.values is None or self.total == 0:
            return None
        flat = self.values.double().flatten(1)
        gradient = flat.sum(0)
        return tuple((flat @ gradient / gradient.square().sum()).tolist())


@dataclass(frozen=True)
class LayerGradients:
    """One layer in one direction.

    Attributes:
        layer: 0 is the layer that reads the input.
        direction: "forward", or "reverse" for the second direction, whose recurrence runs from T to 1.
        norms: from the state's fields ("hidden", "memory") to ‖∂L/∂s_t‖ for t = 1..T.
        blocks: from the names of the square blocks of W_hh ("hidden" for a vanilla RNN, the gates for the others) to
            the blocks as they were; empty for a user's own cell.
        contributions: from each weight's name in the layer to its gradient by step.
        gates: how far each gate, candidate and state was open or saturated, by step.
    """

    layer: int
    direction: Literal["forward", "reverse"]
    norms: Mapping[str, tuple[float, ...]]
    blocks: Mapping[str, Tensor] = field(compare=False, repr=False)
    contributions: Mapping[str, Contribution]
    gates: Mapping[str, Shares]

    @cached_property
    def spectra(self) -> Mapping[str, Spectrum]:
        """The sizes of W_hh's blocks, computed when first read: eigenvalues cost as much as many steps."""
        return {name: size_of(block) for name, block in self.blocks.items()}


@dataclass(frozen=True)
class StateGradients:
    """Every layer's curves, and those of the top layer by short names.

    Attributes:
        layers: bottom layer first, forward before reverse.
        steps: T.
        batch: B, the sequences averaged over.
        loss: the scalar itself; of `state_gradients` the sum over the batch, in nats.
    """

    layers: tuple[LayerGradients, ...]
    steps: int
    batch: int
    loss: float

    @property
    def loss_nats(self) -> float:
        """The loss over B: of `state_gradients`, the mean of L_T."""
        return self.loss / self.batch

    @property
    def norms(self) -> Mapping[str, tuple[float, ...]]:
        """The top layer's, forward."""
        return self.top.norms

    @property
    def spectral_radius(self) -> float | None:
        """The largest over the blocks of the top layer's W_hh, forward; None for a user's own cell."""
        return max((size.spectral_radius for size in self.top.spectra.values()), default=None)

    @property
    def largest_singular_value(self) -> float | None:
        """The largest over the blocks of the top layer's W_hh, forward; None for a user's own cell."""
        return max((size.largest_singular_value for size in self.top.spectra.values()), default=None)

    @property
    def top(self) -> LayerGradients:
        """The top layer, forward."""
        return [layer for layer in self.layers if layer.direction == "forward"][-1]

"""How much of the loss at the last step still reaches the state at each earlier one.

For every layer, every field s of its state (h; for the cells with a memory c too) and every step t::

    ‖∂L_T/∂s_t‖ = mean over the batch of ‖∂L_T^b/∂s_t^b‖₂

L_T^b is the loss of sequence b at the last step, in nats, not divided by B: a curve does not depend on the
batch size. The derivative is total along time: it takes every path from s_t to the loss, through all later
steps and through the layers above. What lies before s_t is held fixed, and c_t comes before h_t: ∂L/∂c_t
includes the path through h_t = tanh(c_t) ⊙ o_t (and through the output gate's peephole), ∂L/∂h_t is at fixed
c_t. This is why h alone misleads for an LSTM: with f ≈ 1 its gradient travels in c. (A user's own cell whose
h is not computed from the very c that it returns, as torch.nn.LSTMCell's is not, lacks that path in ∂L/∂c_t.)

For a vanilla RNN it is δ_t of `closed_forms`: ∂L/∂h_{t-1} = W_hhᵀ diag(1 - h_t²) ∂L/∂h_t. Singular values of
W_hh and the slopes 1 - h² decide whether that shrinks; with an orthogonal W_hh times s, all singular values
are s.

Everything is computed in float64 on a copy, so that 10⁻²⁰⁰ is a number and not a zero.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from unrolled.errors import InputError
from unrolled.nn import CellLayer, CharacterModel, Observation, RecurrentLayer, SequenceClassifier

__all__ = [
    "LayerGradients",
    "Spectrum",
    "StateGradients",
    "layer_gradients",
    "scale_recurrent_weights",
    "spectra",
    "state_gradients",
]


@dataclass(frozen=True)
class Spectrum:
    """The size of one square block of recurrent weights.

    Attributes:
        spectral_radius: its largest eigenvalue in absolute value: growth over many steps, were the cell
            linear.
        largest_singular_value: its norm: the most that one step can stretch a gradient.
    """

    spectral_radius: float
    largest_singular_value: float


@dataclass(frozen=True)
class LayerGradients:
    """One layer in one direction.

    Attributes:
        layer: 0 is the layer that reads the input.
        direction: "forward", or "reverse" for the second direction, whose recurrence runs from T to 1.
        norms: from the state's fields ("hidden", "memory") to ‖∂L_T/∂s_t‖ for t = 1..T.
        spectra: from the blocks of W_hh to their sizes ("hidden" for a vanilla RNN, the gates for the
            others); empty for a user's own cell.
    """

    layer: int
    direction: Literal["forward", "reverse"]
    norms: Mapping[str, tuple[float, ...]]
    spectra: Mapping[str, Spectrum]


@dataclass(frozen=True)
class StateGradients:
    """Every layer's curves, and those of the top layer by short names.

    Attributes:
        layers: bottom layer first, forward before reverse.
        steps: T.
        batch: B, the sequences averaged over.
        loss_nats: mean of L_T over the batch.
    """

    layers: tuple[LayerGradients, ...]
    steps: int
    batch: int
    loss_nats: float

    @property
    def norms(self) -> Mapping[str, tuple[float, ...]]:
        """The top layer's, forward."""
        return self._top.norms

    @property
    def spectral_radius(self) -> float | None:
        """The largest over the blocks of the top layer's W_hh, forward; None for a user's own cell."""
        return max((size.spectral_radius for size in self._top.spectra.values()), default=None)

    @property
    def largest_singular_value(self) -> float | None:
        """The largest over the blocks of the top layer's W_hh, forward; None for a user's own cell."""
        return max((size.largest_singular_value for size in self._top.spectra.values()), default=None)

    @property
    def _top(self) -> LayerGradients:
        return [layer for layer in self.layers if layer.direction == "forward"][-1]


def state_gradients(model: SequenceClassifier | CharacterModel, inputs: Tensor, targets: Tensor) -> StateGradients:
    """The gradients of a model's cross-entropy at the last step.

    Args:
        model: trained or untrained; it is not changed.
        inputs: symbols, int64 [T,B].
        targets: the right answer at the last step, int64 [B]; of a character model's [T,B] the last row is
            taken.

    Raises:
        InputError: an empty batch, or a layer that cannot be observed (torch's own).
    """
    if not isinstance(model.layer, RecurrentLayer):
        raise InputError(
            f"the states inside {type(model.layer).__name__} cannot be seen: "
            "unrolled.nn.convert(model) makes it a layer of the house"
        )
    model = copy.deepcopy(model).double().eval()
    layer = model.layer
    assert isinstance(layer, RecurrentLayer)
    layer.batch_first = False  # of the copy: the model's inputs are time first whatever its layer's are
    answers = targets[-1] if targets.dim() == 2 else targets

    def loss(observation: Observation) -> Tensor:
        output = observation.output
        assert isinstance(output, Tensor)
        if isinstance(model, SequenceClassifier):
            logits = model.readout(output)
        else:
            logits = model.output(output[-1])
        return cross_entropy(logits, answers, reduction="sum")

    return _gradients(layer, model.coding(inputs), loss)


def layer_gradients(layer: RecurrentLayer, x: Tensor, loss: Callable[[Observation], Tensor]) -> StateGradients:
    """The gradients of any loss of a layer's output.

    Args:
        layer: a layer of the house, or a user's cell in `Recurrent`; it is not changed.
        x: a batch of sequences as the layer takes it, T ≥ 1, B ≥ 1; taken to float64.
        loss: from what the layer computed (``observation.output``, float64) to a scalar: the sum over the
            batch of each row's own loss.

    Raises:
        InputError: an empty batch.
    """
    return _gradients(copy.deepcopy(layer).double().eval(), x.double(), loss)


def spectra(layer: RecurrentLayer, index: int = 0, direction: int = 0) -> dict[str, Spectrum]:
    """The sizes of the blocks of one layer's recurrent weights; empty for a user's own cell."""
    if not isinstance(layer, CellLayer):
        return {}
    W_hh = layer.all_weights[index * (2 if layer.bidirectional else 1) + direction][1].detach().double()
    blocks = torch.split(W_hh, layer.hidden_size)
    return {
        name: Spectrum(torch.linalg.eigvals(block).abs().max().item(), torch.linalg.matrix_norm(block, 2).item())
        for name, block in zip(layer.cell.recurrent_blocks, blocks, strict=True)
    }


def scale_recurrent_weights(
    layer: RecurrentLayer,
    scale: float,
    *,
    kind: Literal["orthogonal", "normal"] = "orthogonal",
    generator: Generator | None = None,
) -> None:
    """Draw every square block of the recurrent weights anew, at a chosen scale s and in place.

    * ``orthogonal``: s times an orthogonal matrix; every singular value and every |eigenvalue| is s.
    * ``normal``: N(0, s²/H); the spectral radius is about s, the largest singular value about 2s.

    Args:
        layer: a layer of the house.
        scale: s, 0 or more.
        kind: how a block is drawn.
        generator: a CPU generator (default: torch's own).

    Raises:
        InputError: a negative scale, or a user's own cell, whose recurrent weights nobody knows.
    """
    if not isinstance(layer, CellLayer):
        raise InputError(f"{layer!r} is not a layer of the house: which of its weights are recurrent is not known")
    if not scale >= 0:
        raise InputError(f"scale is {scale}: 0 or more")
    H = layer.hidden_size
    with torch.no_grad():
        for weights in layer.all_weights:
            for block in torch.split(weights[1], H):
                drawn = torch.empty(H, H, dtype=torch.float64)
                if kind == "orthogonal":
                    torch.nn.init.orthogonal_(drawn, scale, generator=generator)
                else:
                    torch.nn.init.normal_(drawn, 0, scale / math.sqrt(H), generator=generator)
                block.copy_(drawn)


def _gradients(layer: RecurrentLayer, x: Tensor, loss: Callable[[Observation], Tensor]) -> StateGradients:
    """As `layer_gradients`, of a layer and an input that are the caller's to change."""
    batch = x.shape[0 if layer.batch_first else 1] if x.dim() == 3 else 0
    if batch == 0:
        raise InputError(f"the input has shape {list(x.shape)}: give a batch of at least one sequence")
    layer.requires_grad_(True)
    observation = layer.observe(x, by_step=True)
    total = loss(observation)
    states = {
        (index, direction, name): [step[name] for step in trace.steps]
        for index, traces in enumerate(observation.layers)
        for direction, trace in enumerate(traces)
        for name in layer.state_names
    }
    flat = [state for steps in states.values() for state in steps]
    gradients = torch.autograd.grad(total, flat, allow_unused=True, materialize_grads=True)
    norms = torch.stack([gradient.norm(dim=1).mean() for gradient in gradients]).view(len(states), -1).tolist()
    curves = {key: tuple(curve) for key, curve in zip(states, norms, strict=True)}
    layers = tuple(
        LayerGradients(
            layer=index,
            direction="reverse" if direction else "forward",
            norms={name: curves[index, direction, name] for name in layer.state_names},
            spectra=spectra(layer, index, direction),
        )
        for index, traces in enumerate(observation.layers)
        for direction in range(len(traces))
    )
    return StateGradients(layers, len(norms[0]), batch, total.item() / batch)

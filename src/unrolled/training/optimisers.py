"""The optimisers by name, with torch's fused kernels where torch has them (SGD, Adam and AdamW; RMSprop has none).

::

    sgd         w ← w − r g
    momentum    v ← μ v + g                     w ← w − r v
    rmsprop     s ← .99 s + .01 g²              w ← w − r g / (√s + ε)
    adam        m ← .9 m + .1 g                 w ← w − r m̂ / (√ŝ + ε)
                s ← .999 s + .001 g²            m̂ = m / (1 − .9ᵗ),  ŝ = s / (1 − .999ᵗ)

ε = 10⁻⁸. Weight decay λ adds λ w to g, except under adamw, which is adam after w ← w − r λ w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from unrolled.spec import TrainingSpec

__all__ = ["OPTIMISERS", "build_optimiser", "clip_gradient", "set_learning_rate"]

OPTIMISERS: Mapping[str, Callable[[list[Parameter], TrainingSpec, bool], Optimizer]] = {
    "sgd": lambda weights, spec, fused: SGD(weights, spec.learning_rate, weight_decay=spec.weight_decay, fused=fused),
    "momentum": lambda weights, spec, fused: SGD(
        weights, spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay, fused=fused
    ),
    "rmsprop": lambda weights, spec, fused: RMSprop(
        weights, spec.learning_rate, alpha=0.99, eps=1e-8, weight_decay=spec.weight_decay
    ),
    "adam": lambda weights, spec, fused: Adam(
        weights, spec.learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=spec.weight_decay, fused=fused
    ),
    "adamw": lambda weights, spec, fused: AdamW(
        weights, spec.learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=spec.weight_decay, fused=fused
    ),
}
"""Every optimiser by the name that specs use; the flag asks for torch's fused kernels."""


def build_optimiser(weights: Iterable[Parameter], spec: TrainingSpec, undecayed: Iterable[Parameter] = ()) -> Optimizer:
    """The optimiser of a spec over the weights that are learned; frozen ones are left out.

    Args:
        weights: all of them.
        spec: says which optimiser.
        undecayed: those of them that weight decay leaves alone.
    """
    spared = {id(weight) for weight in undecayed}
    learned = [weight for weight in weights if weight.requires_grad]
    fused = all(weight.is_floating_point() for weight in learned)
    decayed = [weight for weight in learned if id(weight) not in spared]
    optimiser = OPTIMISERS[spec.optimiser](decayed, spec, fused)
    if len(decayed) < len(learned):
        others = [weight for weight in learned if id(weight) in spared]
        optimiser.add_param_group({"params": others, "weight_decay": 0.0})
    return optimiser


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Take the next step at ``rate``."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def clip_gradient(weights: list[Parameter], limit: float | None) -> Tensor:
    """Scale the whole gradient down to norm ``limit`` where it is longer; returns its norm before that.

    ::

        g ← g · min(1, c / (‖g‖ + 10⁻⁶))        ‖g‖ over all weights together

    Args:
        weights: those that are learned, their gradients in place.
        limit: c, or None to leave the gradient alone.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if limit is not None:
        torch.nn.utils.clip_grads_with_norm_(weights, limit, norm)
    return norm

"""What a model is: its equations as text, the same as a graph of tensors, and its right gradients as formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from unrolled.derivation.instance import Build, Instance, Sizes
from unrolled.derivation.vocabulary import Vocabulary
from unrolled.errors import InputError

__all__ = ["Model", "classify", "normal"]

_SIZES = (Sizes(5, 3, 4, 6, answer=0), Sizes(4, 5, 3, 2, answer=1), Sizes(6, 2, 5, 4, answer=2))


@dataclass(frozen=True)
class Model:
    """One network with one loss.

    Attributes:
        name: as on the command line.
        equations: what it computes, a line each, in the language.
        build: draws sizes' worth of numbers and runs it.
        right: right forms by what they are the gradient of, as `write` writes it; each is a formula a test checks.
        named: quantities that are gradients: their name to the name they are of.
        spellings: other words for its quantities.
        groups: sequences, or weights, that are easily taken for each other.
        slopes: derivatives of its nonlinearities at step t, which are easily left out.
    """

    name: str
    equations: tuple[str, ...]
    build: Build
    right: Mapping[str, str]
    named: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()
    slopes: tuple[str, ...] = ()

    def instances(self, seed: int = 0) -> tuple[Instance, ...]:
        """Three cases of different sizes and numbers.

        Raises:
            InputError: the seed is not from 0 to below 2^63.
        """
        if not 0 <= seed < 2**63:
            raise InputError(f"seed is {seed}: from 0 to below 2^63")
        return tuple(
            Instance(self.build(sizes, torch.Generator().manual_seed((seed * len(_SIZES) + place) % 2**64)), self.named)
            for place, sizes in enumerate(_SIZES)
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names that formulas about it may use."""
        case = Instance(self.build(_SIZES[0], torch.Generator().manual_seed(0)), self.named)
        sequences = frozenset(name for name, value in case.values.items() if isinstance(value, dict))
        return Vocabulary(
            sequences, frozenset(case.values) - sequences, frozenset(case.constants), dict(self.spellings)
        )


def normal(draw: torch.Generator, *shape: int, scale: float = 0.8) -> Tensor:
    """A leaf of the graph."""
    return (torch.randn(*shape, generator=draw, dtype=torch.float64) * scale).requires_grad_()


def classify(p: Tensor, answer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Y one-hot, ŷ = softmax(p), L = -Σ y log ŷ, for a column p."""
    y = torch.zeros_like(p)
    y[answer] = 1
    yhat = torch.softmax(p, 0)
    return y, yhat, -(y * yhat.log()).sum()

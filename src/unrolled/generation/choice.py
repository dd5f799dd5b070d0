"""How the next character is chosen from a model's logits: the rule, its page of equations, and its random numbers.

The native library follows this page (`kernels/native/src/choose.c`) and is tested against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import SupportsIndex

import torch
from torch import Tensor

from unrolled.errors import InputError

__all__ = ["GREEDY", "Choice", "choose", "temperature_of", "uniform"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def temperature_of(tau: float) -> float:
    """T = 1/τ.

    Raises:
        InputError: there is none.
    """
    if not (tau > 0 and math.isfinite(tau) and math.isfinite(1 / tau)):
        raise InputError(f"tau is {tau:g}: a finite number above 0, it is 1/T")
    return 1 / tau


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The rule by which a character follows from logits z::

        w = exp((z - max z) / T)                      T → 0: the likeliest (greedy); T → ∞: any
        top_k: w = 0 but for the k largest
        top_p: w = 0 but for the fewest of the largest whose sum is at least p Σw      (after top_k)
        character = min {v : w_0 + … + w_v > u Σw},   u uniform on [0, 1)

    Of equal weights the first counts as the larger. The course's text defines exp(τ z): τ = 1/T.

    Attributes:
        temperature: T, above 0; None for greedy.
        top_k: k, 1 or more; None keeps all.
        top_p: p, above 0 and at most 1; None keeps all.

    Raises:
        InputError: a number out of its range.
    """

    temperature: float | None = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise InputError(f"temperature is {self.temperature}: a finite number above 0, or greedy")
        if self.top_k is not None and not (isinstance(self.top_k, SupportsIndex) and self.top_k >= 1):
            raise InputError(f"top_k is {self.top_k}: at least 1 character is kept, a whole number")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p}: a share above 0 and at most 1")


GREEDY = Choice(temperature=None)


def choose(logits: Tensor, choice: Choice, uniforms: list[float]) -> tuple[Tensor, Tensor]:
    """A symbol for each row of logits [B,V], and its log-probability at T = 1 among all, in nats.

    Args:
        logits: of any floating dtype and device.
        choice: the rule.
        uniforms: u of each row.

    Raises:
        InputError: a logit is not finite.
    """
    scores = logits.detach().to("cpu", torch.float64)
    if not torch.isfinite(scores).all():
        raise InputError("the model gives logits that are not finite: its training diverged, take an earlier run")
    if choice.temperature is None:
        symbols = scores.argmax(dim=1)
    else:
        weights = _kept(((scores - scores.amax(dim=1, keepdim=True)) / choice.temperature).exp(), choice)
        passed = weights.cumsum(dim=1)
        target = torch.tensor(uniforms, dtype=torch.float64)[:, None] * passed[:, -1:]
        symbols = (passed > target).to(torch.int8).argmax(dim=1)
    return symbols, scores.log_softmax(dim=1).gather(1, symbols[:, None])[:, 0]


def _kept(weights: Tensor, choice: Choice) -> Tensor:
    if choice.top_k is None and choice.top_p is None:
        return weights
    ordered, places = weights.sort(dim=1, descending=True, stable=True)
    if choice.top_k is not None:
        ordered[:, choice.top_k :] = 0
    if choice.top_p is not None:
        before = ordered.cumsum(dim=1) - ordered
        enough = before >= choice.top_p * ordered.sum(dim=1, keepdim=True)
        enough[:, 0] = False
        ordered[enough] = 0
    return torch.zeros_like(weights).scatter_(1, places, ordered)


def uniform(seed: int, row: int, place: int) -> float:
    """The number u in [0, 1) that chooses the symbol at ``place`` of ``row``: it depends on nothing else.

    ::

        u = mix(mix(seed ⊕ mix((row + 1) φ)) + (place + 1) φ) / 2⁶⁴        φ = 2⁶⁴ / golden ratio

    with SplitMix64's finaliser (Steele, Lea & Flood 2014), in 53 bits. So a sample is the same whatever else is
    drawn beside it, in one piece or in many, on however many threads.
    """
    key = _mix((seed & _MASK) ^ _mix((row + 1) * _GOLDEN))
    return (_mix(key + (place + 1) * _GOLDEN) >> 11) * 2.0**-53


def _mix(x: int) -> int:
    x &= _MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
    return x ^ x >> 31

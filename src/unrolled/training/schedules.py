"""The learning rate as a function of the step, by name.

::

    constant    r(s) = r₀
    course      r(s) = r₀ · 0.96^⌊s/5000⌋
    cosine      r(s) = r₀ · (1 + cos(π s/S)) / 2        S steps in all

s counts from 0, so the first step is taken at r₀ in every one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from unrolled.spec import TrainingSpec

__all__ = ["SCHEDULES", "learning_rate"]

COURSE_DECAY = 0.96
COURSE_STEPS = 5000


def _constant(spec: TrainingSpec, step: int) -> float:
    return spec.learning_rate


def _course(spec: TrainingSpec, step: int) -> float:
    return float(spec.learning_rate * COURSE_DECAY ** (step // COURSE_STEPS))


def _cosine(spec: TrainingSpec, step: int) -> float:
    return spec.learning_rate * (1 + math.cos(math.pi * step / spec.steps)) / 2


SCHEDULES: Mapping[str, Callable[[TrainingSpec, int], float]] = {
    "constant": _constant,
    "course": _course,
    "cosine": _cosine,
}
"""Every schedule by the name that specs use."""


def learning_rate(spec: TrainingSpec, step: int) -> float:
    """The rate of step ``step``, counted from 0."""
    return SCHEDULES[spec.schedule](spec, step)

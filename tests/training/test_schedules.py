"""Schedules against their formulas."""

from __future__ import annotations

import math
from typing import get_args, get_type_hints

import pytest

from unrolled.spec import TrainingSpec
from unrolled.training.schedules import SCHEDULES, learning_rate


@pytest.mark.parametrize("step", [0, 1, 4999, 5000, 9999, 10_000, 25_000])
def test_course(step: int) -> None:
    spec = TrainingSpec(schedule="course", learning_rate=2e-3, steps=30_000)
    expected = 2e-3
    for _ in range(step // 5000):
        expected *= 0.96
    assert learning_rate(spec, step) == pytest.approx(expected, rel=1e-12)


def test_constant() -> None:
    spec = TrainingSpec(schedule="constant", learning_rate=0.3, steps=10)
    assert [learning_rate(spec, step) for step in (0, 5, 9)] == [0.3] * 3


@pytest.mark.parametrize(
    ("step", "share"), [(0, 1.0), (25, (1 + math.sqrt(0.5)) / 2), (50, 0.5), (75, (1 - math.sqrt(0.5)) / 2), (100, 0)]
)
def test_cosine(step: int, share: float) -> None:
    spec = TrainingSpec(schedule="cosine", learning_rate=0.4, steps=100)
    assert learning_rate(spec, step) == pytest.approx(0.4 * share, abs=1e-12)


def test_the_table_is_what_specs_may_say() -> None:
    assert set(SCHEDULES) == set(get_args(get_type_hints(TrainingSpec)["schedule"]))

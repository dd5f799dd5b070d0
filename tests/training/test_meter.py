"""The meter: means over the batches since the last line."""

from __future__ import annotations

import json

import pytest
import torch

from unrolled.training.meter import Averages, Meter


def fed(values: list[tuple[float, float, float]], clip: float | None = 1.0) -> Meter:
    meter = Meter(clip)
    for triple in values:
        meter.add(*(torch.tensor(value, dtype=torch.float64) for value in triple))
    return meter


VALUES = [(2.0, 0.0, 0.5), (1.0, 0.5, 2.0), (0.0, 1.0, 3.5)]


def test_lines_do_not_overlap() -> None:
    meter = fed(VALUES)
    assert meter.line() is None  # nothing was read yet
    meter.read()
    expected = Averages(batches=3, loss=1.0, score=0.5, gradient_norm=2.0, clipped_share=2 / 3)
    assert meter.averages() == expected
    assert meter.line() == expected
    assert meter.line() is None
    assert meter.averages() == expected  # the last line stands until there is something newer
    meter.add(torch.tensor(8.0), torch.tensor(0.25), torch.tensor(0.0))
    meter.read()
    assert meter.averages() == Averages(batches=1, loss=8.0, score=0.25, gradient_norm=0.0)
    assert meter.steps_clipped == 2


def test_reading_in_pieces_gives_the_same() -> None:
    whole, pieces = fed(VALUES), Meter(1.0)
    for triple in VALUES:
        pieces.add(*(torch.tensor(value) for value in triple))
        assert len(pieces.read()) == 1
    whole.read()
    assert whole.line() == pieces.line()
    assert whole.steps_clipped == pieces.steps_clipped


def test_no_clipping_counts_nothing() -> None:
    meter = fed(VALUES, clip=None)
    meter.read()
    assert meter.averages().clipped_share == 0
    assert meter.steps_clipped == 0


@pytest.mark.parametrize(
    ("triple", "finite"),
    [((1, 1, 1), True), ((float("nan"), 1, 1), False), ((1, 1, float("inf")), False), ((float("-inf"), 0, 0), False)],
)
def test_readings_know_whether_they_are_numbers(triple: tuple[float, float, float], finite: bool) -> None:
    (reading,) = fed([triple]).read()
    assert reading.is_finite is finite


def test_restored() -> None:
    meter = fed(VALUES)
    meter.read()
    meter.line()
    meter.add(torch.tensor(0.1), torch.tensor(0.2), torch.tensor(0.3))
    meter.read()
    again = Meter(1.0)
    again.restore(json.loads(json.dumps(meter.state(), allow_nan=False)))
    assert again.averages() == meter.averages()
    assert again.line() == meter.line()
    assert again.averages() == meter.averages()
    assert again.steps_clipped == 2

"""The map of where gradients vanish, live and explode: small networks, whose places are known."""

from __future__ import annotations

import pytest

from unrolled.analysis.gradients import PhaseDiagram, phase_diagram, phase_points
from unrolled.errors import InputError
from unrolled.spec import ModelSpec

STEPS = 60


def drawn(cell: str, scales: tuple[float, ...], others: tuple[float, ...]) -> PhaseDiagram:
    spec = ModelSpec(cell=cell, hidden=16)
    points = phase_points(spec, steps=STEPS, batch=2, scales=scales, others=others)
    return phase_diagram(spec, points, steps=STEPS)


def test_an_rnn_needs_singular_values_and_slopes() -> None:
    found = drawn("rnn", (0.5, 3.0), (0.1, 50.0))
    assert (found.field, found.other) == ("hidden", "scale of W_ih")
    assert (found.scales, found.others) == ((0.5, 3.0), (0.1, 50.0))
    assert found.at(0.5, 0.1).phase == "vanishes"
    assert found.at(3.0, 0.1).phase == "explodes"
    driven, free = found.at(3.0, 50.0), found.at(3.0, 0.1)
    assert driven.mean_slope is not None
    assert free.mean_slope is not None
    assert driven.mean_slope < 0.1 < free.mean_slope
    assert driven.phase == "vanishes"  # the very same W_hh


def test_an_lstm_s_memory_lives_where_its_forget_gate_is_open() -> None:
    found = drawn("lstm", (0.5,), (-2.0, 8.0))
    assert (found.field, found.other) == ("memory", "forget bias")
    assert found.at(0.5, -2.0).phase == "vanishes"
    assert found.at(0.5, 8.0).phase == "lives"
    assert found.at(0.5, 8.0).mean_slope is None


def test_what_has_no_place_on_the_map() -> None:
    with pytest.raises(InputError, match="steps is 1"):
        next(phase_points(ModelSpec(), steps=1))

"""Readings: what is missing stays missing, time has no holes, and distances become weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.data.sensors import Readings
from unrolled.data.sensors.places import gaussian_weights, great_circle_km, nearest_graph
from unrolled.data.sensors.readings import regular, seasons_of
from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph


def readings(values, **carried) -> Readings:
    values = torch.tensor(values)
    return Readings("it", values, ~torch.isnan(values), Graph.from_text("A->B").undirected(), **carried)


def test_a_missing_reading_is_no_number_anywhere():
    found = readings([[1.0, float("nan")], [2.0, 3.0]])
    assert found.values.tolist() == [[1, 0], [2, 3]]
    assert found.observed.tolist() == [[True, False], [True, True]]
    assert found.missing == 0.25
    assert found.names == ("A", "B")


def test_the_hash_is_of_values_mask_and_edges():
    one = readings([[1.0, float("nan")], [2.0, 3.0]])
    zero = readings([[1.0, 0.0], [2.0, 3.0]])
    assert one.sha256 == readings([[1.0, float("nan")], [2.0, 3.0]]).sha256
    assert one.sha256 != zero.sha256
    other = Readings("it", one.values, one.observed, Graph.from_text("A->B"))
    assert other.sha256 != one.sha256


def test_zeros_are_readings_or_missing_or_outages():
    values = [[float(step in (0, 30, 31)), 1.0] for step in range(40)]
    values[10][0] = float("nan")
    found = readings(values)
    assert found.without_zeros("readings") is found
    assert found.without_zeros("missing").observed[:, 0].nonzero().flatten().tolist() == [0, 30, 31]
    kept = found.without_zeros("outages").observed[:, 0]
    assert kept.nonzero().flatten().tolist() == [0, *range(30, 40)]  # 29 quiet steps go, the 8 at the end stay


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (torch.ones(3, 3), "readings of 3 sensors, but a graph of 2 nodes"),
        (torch.ones(0, 2), "0 steps of 2 sensors with 0 readings"),
        (torch.full((3, 2), float("nan")), "3 steps of 2 sensors with 0 readings"),
        (torch.full((3, 2), float("inf")), "a reading is not finite"),
        (torch.ones(3), r"\[T, N\] both"),
    ],
    ids=["another N", "no steps", "nothing observed", "infinite", "one axis"],
)
def test_readings_that_cannot_be(values, says):
    with pytest.raises((InputError, ShapeError), match=says):
        Readings("it", values, ~torch.isnan(values), Graph.from_text("A-B"))


def test_an_hour_that_no_clock_had_is_a_missing_row():
    times = np.array(["2024-01-01T00", "2024-01-01T01", "2024-01-01T03", "2024-01-01T04"], dtype="datetime64[h]")
    values, first, seconds = regular(np.arange(8.0).reshape(4, 2), times, "it")
    assert seconds == 3600
    assert str(first) == "2024-01-01T00:00:00"
    assert np.isnan(values[2]).all()
    assert values[[0, 1, 3, 4]].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize(
    ("hours", "says"),
    [([0, 1, 1], "row 3 .* does not come after"), ([0, 2, 4, 5], "not all at multiples"), ([0], "one row")],
)
def test_times_that_are_no_series(hours, says):
    times = np.datetime64("2024-01-01T00") + np.array(hours) * np.timedelta64(1, "h")
    with pytest.raises(InputError, match=says):
        regular(np.zeros((len(hours), 1)), times, "it")


def test_seasons_follow_from_the_spacing():
    assert seasons_of(3600) == (24, 168)
    assert seasons_of(300) == (288, 2016)
    assert seasons_of(86_400) == (7,)
    assert seasons_of(7 * 86_400) == (52,)
    assert seasons_of(None) == seasons_of(7000) == ()


def test_a_step_has_its_time():
    found = readings([[1.0, 2.0]] * 3, begins="2024-02-28T23:00:00", seconds=3600)
    assert found.time(2) == "2024-02-29 01:00"
    assert readings([[1.0, 2.0]]).time(2) == "step 2"


# ── distances ───────────────────────────────────────────────────────────────────────────────────────────────


def test_distances_on_the_globe_are_those_of_vectors():
    latitude, longitude = torch.tensor([-36.85, -41.29, 89.9]), torch.tensor([174.76, 174.78, -20.0])
    phi, theta = latitude.double().deg2rad(), longitude.double().deg2rad()
    on_ball = torch.stack([phi.cos() * theta.cos(), phi.cos() * theta.sin(), phi.sin()], 1)
    expected = 6371.0088 * (on_ball @ on_ball.T).clamp(-1, 1).acos()
    torch.testing.assert_close(great_circle_km(latitude, longitude), expected, rtol=1e-6, atol=1e-3)


def test_roads_are_weighed_as_in_the_paper():
    distances = np.array([0.0, 100.0, 250.0, 900.0])
    expected = np.exp(-np.square(distances / distances.std()))
    np.testing.assert_allclose(gaussian_weights(torch.tensor(distances)).numpy(), expected, rtol=1e-6)
    assert gaussian_weights(torch.tensor([5.0, 5.0])).isfinite().all()
    for wrong in (-1.0, float("nan")):
        with pytest.raises(InputError, match="a distance is negative or no number"):
            gaussian_weights(torch.tensor([1.0, wrong]))


def test_the_nearest_are_joined_both_ways_and_a_place_far_out_too():
    latitude = torch.tensor([0.0, 0.0, 0.001, 0.002, 0.5])  # the first two are one place
    graph = nearest_graph(latitude, torch.zeros(5), "abcde", nearest=2)
    joined = set(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True))
    assert joined == {(b, a) for a, b in joined}
    assert {(4, 3), (4, 2)} <= joined
    assert (4, 0) not in joined
    assert float(graph.weights()[(graph.senders == 0) & (graph.receivers == 1)]) == 1.0
    assert float(graph.weights().min()) >= 1 / torch.e - 1e-6
    assert nearest_graph(latitude, torch.zeros(5), "abcde", nearest=50).num_edges == 20
    with pytest.raises(InputError, match="no number of degrees"):
        nearest_graph(torch.tensor([91.0, 0.0]), torch.zeros(2), "ab")

"""Forecasts of sensors: nothing from the future, nothing missing counted, simple forecasts as one works them out."""

from __future__ import annotations

import pytest
import torch

from unrolled.analysis.forecast_evaluation import evaluate_forecasts, simple_forecasts
from unrolled.data.sensors import Readings, SensorForecasts
from unrolled.errors import InputError, SpecError
from unrolled.graph import Graph
from unrolled.spec import build_network, default_spec

GRAPH = Graph.from_text("A-B B-C")


def task(values: torch.Tensor | None = None, **options) -> SensorForecasts:
    if values is None:
        values = torch.arange(120.0).view(40, 3) + 1
        values[5, 1] = values[33, 0] = torch.nan
        values[20] = torch.nan  # a step at which nobody read anything
    readings = Readings("it", values, ~torch.isnan(values), GRAPH, seasons=(4,))
    chosen = {"window": 5, "horizons": (1, 3, 6), "validation": 0.25, "test": 0.25} | options
    return SensorForecasts(readings, **chosen)


def every(part, of) -> torch.Tensor:
    return torch.arange(of.count(part))


def test_parts_follow_each_other_and_no_target_is_in_two():
    made = task()
    asked = {
        part: {int(last) + h for last in made.last_steps(part) for h in made.horizons}
        for part in ("train", "validation", "test")
    }
    assert max(asked["train"]) < 20 <= min(asked["validation"])
    assert max(asked["validation"]) < 30 <= min(asked["test"])
    assert max(asked["test"]) == 39


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_what_comes_later_changes_targets_alone(part):
    torch.manual_seed(1)
    values = torch.rand(40, 3) * 100
    made = task(values)
    window = made.count(part) // 2
    last = int(made.last_steps(part)[window])
    first = made.batch(part, torch.tensor([window]))
    after = values.clone()
    after[max(last + 1, 20) :] = torch.rand(40 - max(last + 1, 20), 3)  # the training part stays: it normalises
    second = task(after).batch(part, torch.tensor([window]))
    torch.testing.assert_close(first.inputs, second.inputs, rtol=0, atol=0)
    torch.testing.assert_close(first.bases, second.bases, rtol=0, atol=0)
    if part != "train":
        assert not torch.equal(first.targets, second.targets)


def test_normalisation_is_of_training_readings_alone():
    values = torch.rand(40, 3) * 100
    values[3, 0] = torch.nan
    batch = task(values).batch("train", torch.tensor([0]))
    part = values[:20].double()
    mean = torch.stack([column[~column.isnan()].mean() for column in part.T])
    deviation = torch.stack([column[~column.isnan()].std(correction=0) for column in part.T])
    torch.testing.assert_close(batch.scale.flatten().double(), deviation, rtol=1e-5, atol=0)
    expected = (part[:5] - mean) / deviation
    expected[3, 0] = 0
    torch.testing.assert_close(batch.inputs[:, 0, :, 0].double(), expected, rtol=1e-4, atol=1e-5)
    assert batch.inputs[3, 0, :, 1].tolist() == [0, 1, 1]


def test_simple_forecasts_by_hand():
    made = task()
    at = int((made.last_steps("test") == 33).nonzero())
    batch = made.batch("test", torch.tensor([at]))
    found = made.baselines(batch)
    values = torch.arange(120.0).view(40, 3) + 1
    assert found["persistence"][:, 0, :, 0].tolist() == [[97, 101, 102]] * 3  # sensor A is missing at 33: its 32
    assert found["last 4 steps"][0, 0, :, 0].tolist() == values[30].tolist()
    assert found["last 4 steps"][2, 0, :, 0].tolist() == values[31].tolist()  # 39 − 8
    assert found["linear"][1, 0, :, 0].tolist() == pytest.approx([97, 101 + 3 * 3, 102 + 3 * 3])
    phase = torch.stack([values[step] for step in (2, 6, 10, 14, 18)]).mean(0)
    assert found["usual"][0, 0, :, 0].tolist() == phase.tolist()
    assert batch.known.all()


def test_missing_targets_are_asked_of_nobody():
    made = task()
    for part in ("train", "validation", "test"):
        batch = made.batch(part, every(part, made))
        assert int(batch.known.sum()) == made.asked(part, every(part, made)) < batch.known.numel()
        assert batch.targets.isfinite().all() and batch.inputs.isfinite().all()


class Mute(torch.nn.Module):
    """Answers nothing but the first simple forecast."""

    def __init__(self, simple: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.simple = simple

    def forward(self, x, graph):
        answer = torch.zeros(3, *x.shape[1:3], 1 + self.simple)
        answer[..., 1] = 1
        return answer + self.weight


def test_errors_are_over_observed_readings_and_those_of_persistence_equal_it():
    made = task()
    found = evaluate_forecasts(Mute(len(made.simple)), made, "test")
    persistence = simple_forecasts(made, "test")["persistence"]
    assert found.errors == persistence
    batch = made.batch("test", every("test", made))
    off = (made.baselines(batch)["persistence"] - batch.targets)[..., 0].abs()
    for at in range(3):
        known = batch.known[at]
        assert persistence.mae[at] == pytest.approx(float(off[at][known].mean()), rel=1e-6)
        assert persistence.mape[at] == pytest.approx(
            float((off[at] / batch.targets[at, ..., 0].abs())[known].mean()), rel=1e-6
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [({"window": 30}, "has 20 steps for train, too few"), ({"horizons": (30,)}, "too few readings for a window")],
)
def test_too_little(options, says):
    with pytest.raises(InputError, match=says):
        task(**options)


def test_nothing_read_while_learning():
    values = torch.rand(40, 3)
    values[:20] = torch.nan
    with pytest.raises(InputError, match="the 20 steps to learn from have no reading"):
        task(values)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"horizons": "1,-3"}, "horizons is '1,-3': steps ahead, each 1 or more"),
        ({"horizons": "0"}, "each 1 or more"),
        ({"window": 1}, "window is 1"),
        ({"nearest": 0}, "nearest is 0"),
        ({"seasons": "week"}, "seasons is 'week'"),
        ({"test": 1.0}, "test is 1.0"),
        ({"test": 0.9}, "validation and test are 1.05 together"),
    ],
)
def test_options_that_cannot_be(options, says):
    with pytest.raises(SpecError, match=says):
        default_spec("sensors", **options)


@pytest.mark.parametrize("network", ["graph-recurrent", "gconv-gru", "node-recurrent", "graph"])
def test_every_network_answers_and_a_neighbour_is_heard_where_there_is_a_graph(network):
    made = task()
    model = build_network(default_spec("sensors", network=network, hidden=32), made, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(model.readout.weight)
    batch = made.batch("test", torch.tensor([0]))
    model.eval()
    x = batch.inputs.clone().requires_grad_()
    model(x, batch.graphs)[:, :, 0].sum().backward()
    assert bool(x.grad[..., 0, :].abs().sum() > 0)
    assert bool(x.grad[..., 1, :].abs().sum() > 0) == (network != "node-recurrent")

"""Forecasts in the loop: they learn, resume bit for bit, and the test steers nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from unrolled.analysis.forecast_evaluation import ForecastEvaluation
from unrolled.errors import SpecError
from unrolled.record import open_run
from unrolled.spec import NETWORKS, RunSpec, default_spec
from unrolled.training import Progress, loop, train


def spec_of(protein: dict[str, str], **changes: Any) -> RunSpec:
    small = {"hidden": 12, "embedding": 8, "steps": 40, "batch": 8, "smoothing": "0,2", "window": 6, "seed": 2}
    return default_spec("protein", **{**protein, **small, "horizons": "1,3,6", "evaluate_every": 10, **changes})


def last(spec: RunSpec, **options: Any) -> Progress:
    return list(train(spec, **options))[-1]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns(protein: dict[str, str], network: str, tmp_path: Path) -> None:
    final = last(spec_of(protein, network=network, steps=120), name="run", runs=tmp_path)
    assert isinstance(final.test, ForecastEvaluation)
    assert final.test.horizons == (1, 3, 6)
    assert final.test.count == ((42 - 6 - 5) * 24,) * 3
    assert set(final.test.baselines) == {"persistence", "linear", "last-step"}
    assert final.test.errors.rmse[2] < 0.6 * final.test.baselines["persistence"].rmse[2]
    lines = open_run(tmp_path / "run").metrics("train")
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert "loss_nats" not in lines[0]
    assert "accuracy" not in lines[0]


def test_a_resumed_run_ends_as_the_whole_one(
    protein: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(protein, keep="best", checkpoint_every=7, dropout=0.2)
    last(spec, name="whole", runs=tmp_path)
    monkeypatch.setattr(loop, "SHOW_EVERY_SECONDS", 0.0)
    for stop in (5, 11, 23):
        steps = train(spec, name="cut", runs=tmp_path, resume=True)
        for progress in steps:
            if progress.step >= stop:
                break
        steps.close()
    last(spec, name="cut", runs=tmp_path, resume=True)
    whole, cut = (tmp_path / name for name in ("whole", "cut"))
    assert (whole / "weights.safetensors").read_bytes() == (cut / "weights.safetensors").read_bytes()
    results = [json.loads((path / "result.json").read_bytes()) for path in (whole, cut)]
    assert results[0]["test"] == results[1]["test"]
    again = last(spec, name="whole", runs=tmp_path, resume=True)  # from the record alone
    assert isinstance(again.test, ForecastEvaluation)
    assert again.test.to_mapping() == results[0]["test"]
    assert again.mae == results[0]["mae"]


def test_the_test_run_steers_nothing(protein: dict[str, str], tmp_path: Path) -> None:
    """Another run to test on: the same weights and evaluations, another test."""
    spec = spec_of(protein, keep="best")
    one = last(spec)
    other = last(dataclasses.replace(spec, task=dataclasses.replace(spec.task, test=str(tmp_path / "run1.dcd"))))
    assert one.model is not None
    assert other.model is not None
    assert one.evaluation == other.evaluation
    assert one.test != other.test
    for key, value in one.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[key])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"stop": "solved"}, "stop is 'solved': of forecasts never or validation"),
        ({"precision": "bf16"}, "precision is 'bf16'"),
        ({"decay": "first-layer"}, "decay is 'first-layer'"),
        ({"horizons": "1,1"}, "each greater than the one before"),
        ({"horizons": "soon"}, "horizons is 'soon': steps ahead"),
        ({"network": "grahp"}, "no network 'grahp'; did you mean 'graph'"),
        ({"structure": None}, "trajectory and structure go together"),
    ],
)
def test_what_cannot_be(protein: dict[str, str], changes: dict[str, Any], what: str) -> None:
    with pytest.raises((SpecError, ValueError), match=what):
        spec_of(protein, **changes)


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_two_processes_are_one(protein: dict[str, str], tmp_path: Path) -> None:
    """The windows of a batch are shared out; plain descent, so that two roundings of a gradient stay two roundings."""
    given = [word for key, value in protein.items() for word in (f"--{key}", value)]
    small = ["--hidden", "8", "--window", "6", "--horizons", "1,3", "--smoothing", "0", "--batch", "7", "--steps", "24"]
    plain = ["--optimiser", "sgd", "--learning-rate", "0.3", "--schedule", "constant", "--dropout", "0"]
    for name, count in (("one", 1), ("two", 2)):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
        options = [*given, *small, *plain, "--evaluate-every", "12", "--name", name, "--runs", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, *launcher, "-m", "unrolled.cli", "train", "protein", *options],
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("error on test windows") == 1  # one of them speaks
    one, two = (open_run(tmp_path / name) for name in ("one", "two"))
    for key, weight in one.weights().items():
        torch.testing.assert_close(two.weights()[key], weight, rtol=1e-4, atol=1e-5)
    for kind in ("train", "evaluation"):
        for alone, shared in zip(one.metrics(kind), two.metrics(kind), strict=True):
            assert shared["loss"] == pytest.approx(alone["loss"], rel=1e-4)
            assert shared["mae"] == pytest.approx(alone["mae"], rel=1e-4)

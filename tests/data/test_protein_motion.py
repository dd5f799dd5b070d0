"""A protein's windows: turned input turns the forecast, parts do not meet, simple forecasts are what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from unrolled import data
from unrolled.data.superposition import centred, rotation_onto
from unrolled.errors import InputError
from unrolled.nn import GraphForecaster
from unrolled.spec import build_network, build_task, default_spec


def task_of(protein: dict[str, str], **changes: Any) -> data.ProteinMotion:
    options = {"window": 6, "horizons": "1,3,6", "smoothing": "0,2"}
    task = build_task(default_spec("protein", **{**options, **protein, **changes}))
    assert isinstance(task, data.ProteinMotion)
    return task


def lively(task: data.ProteinMotion, **changes: Any) -> torch.nn.Module:
    """A network whose readout is not zero."""
    network = build_network(default_spec("protein", hidden=8, embedding=8, **changes), task)
    assert isinstance(network, GraphForecaster)
    torch.nn.init.normal_(network.readout.weight)
    return network.eval()


def turned(seed: int) -> Tensor:
    """A rotation."""
    q, r = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q).sign()


def test_kabsch_finds_a_rotation_and_never_a_reflection() -> None:
    points = centred(torch.randn(7, 20, 3, dtype=torch.float64))
    rotation = turned(3)
    torch.testing.assert_close(rotation_onto(points @ rotation, points), rotation.T.expand(7, 3, 3))
    mirrored = points * torch.tensor([1.0, 1.0, -1.0])
    found = rotation_onto(mirrored, points)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(7, dtype=torch.float64))


@pytest.mark.parametrize("network", ["graph-recurrent", "gconv-lstm", "node-recurrent", "graph"])
def test_turning_and_moving_the_input_turns_and_moves_the_forecast(protein: dict[str, str], network: str) -> None:
    task = task_of(protein)
    model = lively(task, network=network)
    assert task.runs.test is not None
    frames = task.runs.test[5:11].double()
    forecast = task.forecast(model, frames)
    assert float((forecast - frames[-1]).norm(dim=-1).mean()) > 0.05  # it says that something moves
    rotation, shift = turned(1), torch.tensor([10.0, -20.0, 5.0], dtype=torch.float64)
    torch.testing.assert_close(
        task.forecast(model, frames @ rotation + shift), forecast @ rotation + shift, rtol=0, atol=2e-4
    )
    # Frames each turned in its own way, as trajectories that are not superposed are: the last one's pose decides.
    each = torch.stack([frame @ turned(number) + number for number, frame in enumerate(frames)])
    torch.testing.assert_close(task.forecast(model, each), forecast @ turned(5) + 5, rtol=0, atol=2e-4)
    # A mirrored protein is another protein.
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert float((task.forecast(model, frames * mirror) - forecast * mirror).abs().max()) > 0.05


def test_the_forecast_of_a_window_is_the_batchs(protein: dict[str, str]) -> None:
    task = task_of(protein)
    model = lively(task)
    batch = task.batch("test", torch.tensor([4]))
    assert task.runs.test is not None
    frames = task.runs.test[4:10].double()
    with torch.no_grad():
        moved = batch.forecast(model(batch.inputs, batch.graphs))[:, 0].double()
    turn = rotation_onto(centred(frames[-1]), centred(task.runs.training[0][0].double()))
    torch.testing.assert_close(task.forecast(model, frames), frames[-1] + moved @ turn.T, rtol=0, atol=1e-4)


def test_the_future_does_not_reach_the_inputs(protein: dict[str, str]) -> None:
    task = task_of(protein)
    batch = task.batch("test", torch.tensor([0]))
    assert task.runs.test is not None
    changed = task.runs.test.clone()
    changed[6:] += torch.randn_like(changed[6:])
    object.__setattr__(task.runs, "test", changed)
    other = data.ProteinMotion(task.runs, window=6, horizons=(1, 3, 6), smoothings=(0, 2)).batch(
        "test", torch.tensor([0])
    )
    for one, two in ((batch.inputs, other.inputs), (batch.bases, other.bases), (batch.scale, other.scale)):
        torch.testing.assert_close(one, two)
    assert not torch.allclose(batch.targets, other.targets)


def test_training_windows_know_nothing_of_validation(protein: dict[str, str]) -> None:
    """What the last fifth of a training run holds changes no training window, smoothed ones included."""
    task = task_of(protein)
    cut = round(44 * 0.8)
    runs = task.runs
    changed = (torch.cat([runs.training[0][:cut], torch.randn_like(runs.training[0][cut:])]), *runs.training[1:])
    other = data.ProteinMotion(
        data.ProteinRuns(runs.title, runs.residues, changed, runs.names, runs.test),
        window=6,
        horizons=(1, 3, 6),
        smoothings=(0, 2),
    )
    every = torch.arange(task.count("train"))
    assert task.count("train") == other.count("train") == 2 * sum(round(n * 0.8) - 11 for n in (44, 46))
    one, two = task.batch("train", every), other.batch("train", every)
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.targets, two.targets)


def test_simple_forecasts_by_another_formula(protein: dict[str, str]) -> None:
    task = task_of(protein)
    assert task.runs.test is not None
    frames = task.runs.test[3:9].double().numpy()
    last = frames[-1] - frames[-1].mean(0)
    aligned = []
    for frame in frames:  # superposed with scipy's own algorithm
        own = frame - frame.mean(0)
        aligned.append(Rotation.align_vectors(last, own)[0].apply(own))
    slopes = np.polyfit(np.arange(6), np.stack(aligned).reshape(6, -1), 1)[0].reshape(-1, 3)
    batch = task.batch("test", torch.tensor([3]))
    simple = task.baselines(batch)
    assert float(simple["persistence"].abs().max()) == 0
    for place, ahead in enumerate((1, 3, 6)):
        sizes = np.linalg.norm(ahead * slopes, axis=1)
        np.testing.assert_allclose(simple["linear"][place, 0].norm(dim=-1), sizes, atol=2e-4)
        step = np.linalg.norm(ahead * (aligned[-1] - aligned[-2]), axis=1)
        np.testing.assert_allclose(simple["last-step"][place, 0].norm(dim=-1), step, atol=2e-3)


def test_neighbours_are_within_the_radius(protein: dict[str, str]) -> None:
    task = task_of(protein, radius=5.0)
    graphs = task.batch("test", torch.tensor([2])).graphs
    assert isinstance(graphs, tuple)
    places = task.places("test", torch.tensor([2]))[0]
    near = {(a, b) for a in range(24) for b in range(24) if a != b and (places[a] - places[b]).norm() < 5.0}
    assert set(zip(graphs[-1][0].senders.tolist(), graphs[-1][0].receivers.tolist(), strict=True)) == near


def test_own_files_without_a_test_are_tested_at_their_ends(protein: dict[str, str]) -> None:
    task = task_of({key: value for key, value in protein.items() if key != "test"}, window=4, horizons="1,2")
    assert task.runs.test is None
    assert "the last fifth of every run" in task.describe()
    # 44 and 46 frames: 35 and 37 to learn from, of which 28 and 30 to train on
    assert [task.count(part) for part in ("train", "validation", "test")] == [2 * (23 + 25), 6 + 6, 8 + 8]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"window": 40}, "frames for train, and a window of 40 with its horizon of 6 needs 46"),
    ({"horizons": "1,30"}, "frames for train, and a window of 6 with its horizon of 30 needs 36"),
    ({"structure": "short.psf"}, "has 72 atoms in a frame, and '.*short.psf' names 69"),
    ({"trajectory": "none.dcd"}, "none.dcd' cannot be read"),
    ({"test": "cut.dcd"}, "cut.dcd' was cut"),
    ({"test": "nan.dcd"}, "frame 4 of 42 has coordinates that are no numbers"),
    ({"test": "short.dcd", "test_structure": "short.psf"}, "has 23 alpha carbons, and .* has 24"),
]


@pytest.mark.parametrize(("changes", "what"), MISTAKES, ids=[what for _, what in MISTAKES])
def test_files_that_cannot_be_used(
    protein: dict[str, str],
    tmp_path: Path,
    write_dcd: Callable[..., bytes],
    write_psf: Callable[..., str],
    changes: dict[str, Any],
    what: str,
) -> None:
    whole = (tmp_path / "run2.dcd").read_bytes()
    (tmp_path / "cut.dcd").write_bytes(whole[:-7])
    places = np.random.default_rng(0).standard_normal((42, 72, 3))
    (tmp_path / "short.dcd").write_bytes(write_dcd(places[:, :69]))
    places[3, 4] = np.nan
    (tmp_path / "nan.dcd").write_bytes(write_dcd(places))
    (tmp_path / "short.psf").write_text(write_psf(("N", "CA", "C") * 23), encoding="ascii")
    is_file = {key: str(value).endswith((".psf", ".dcd")) for key, value in changes.items()}
    placed = {key: str(tmp_path / value) if is_file[key] else value for key, value in changes.items()}
    with pytest.raises(InputError, match=what):
        task_of(protein, **placed)


def test_a_window_that_does_not_fit(protein: dict[str, str]) -> None:
    task = task_of(protein)
    model = lively(task)
    with pytest.raises(InputError, match=r"frames is \(5, 24, 3\): \(6, 24, 3\) would do"):
        task.forecast(model, torch.zeros(5, 24, 3))
    with pytest.raises(InputError, match="no numbers"):
        task.forecast(model, torch.full((6, 24, 3), float("nan")))

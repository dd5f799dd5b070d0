"""`unrolled train sensors` from a file to the report, two processes as one, and the mistakes that take one line."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from unrolled.record import open_run
from unrolled.spec import default_spec
from unrolled.training import train

SMALL = ["--window", "6", "--horizons", "1,3", "--hidden", "8", "--embedding", "8", "--steps", "30", "--batch", "8"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Three sensors along a road: each hears of a wave two steps after the one before it."""
    lines = ["time,a,b,c"]
    for step in range(200):
        words = [f"{5 + math.sin((step - 2 * at) / 3):.3f}" for at in range(3)]
        words[step % 3] = "" if step % 7 == 0 else words[step % 3]
        lines.append(f"2024-01-{1 + step // 24:02}T{step % 24:02}:00," + ",".join(words))
    (tmp_path / "readings.csv").write_text("\n".join(lines))
    (tmp_path / "edges.csv").write_text("source,target\na,b\nb,c\n")
    return {"readings": str(tmp_path / "readings.csv"), "edges": str(tmp_path / "edges.csv")}


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unrolled.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def test_a_file_is_learnt_and_reported(files, tmp_path):
    given = [f"--{name}={path}" for name, path in files.items()]
    done = run("train", "sensors", *given, *SMALL, "--name", "mine", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("persistence", "last 24 steps", "usual", "linear", "mean absolute error"):
        assert word in done.stdout
    result = open_run(tmp_path / "runs" / "mine").result
    assert result["test"]["horizons"] == [1, 3]
    assert set(result["test"]) >= {"rmse", "mae", "mape", "baselines"}
    assert open_run(tmp_path / "runs" / "mine").spec.task.readings_sha256 is not None
    reported = run("report", "runs/mine", "--out", "report.html", folder=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "Error by horizon" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--horizons=-1"], "horizons is '-1': steps ahead"),
        (["--window", "500"], "too few readings for a window of 500"),
        (["--edges", "none.csv"], "no file of edges 'none.csv'"),
        (["--network", "grahp"], "did you mean 'graph'"),
        (["--network", "dcrnn", "--layer", "sage"], "layer is 'sage' but network is 'dcrnn': it is an option of graph"),
    ],
)
def test_a_mistake_is_one_line(files, tmp_path, words, says):
    given = [f"--{name}={path}" for name, path in files.items() if f"--{name}" not in words]
    done = run("train", "sensors", *given, *words, folder=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.conformance
def test_two_processes_that_share_the_windows_end_as_one(files, tmp_path):
    spec = default_spec(
        "sensors", **files, window=6, horizons="1,3", hidden=8, embedding=8, steps=30, batch=8, dropout=0.0
    )
    list(train(spec, name="one", runs=tmp_path))
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    given = [f"--{name}={path}" for name, path in files.items()]
    command = [*words, "-m", "unrolled.cli", "train", "sensors", *given, *SMALL, "--dropout", "0"]
    done = subprocess.run(
        [*command, "--name", "two", "--runs", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    one, two = (open_run(tmp_path / name) for name in ("one", "two"))
    for key, value in one.weights().items():
        torch.testing.assert_close(two.weights()[key], value, rtol=1e-3, atol=1e-5)
    assert two.result["test"]["rmse"] == pytest.approx(one.result["test"]["rmse"], rel=1e-4)

"""Two processes take the steps that one takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from unrolled.errors import SpecError
from unrolled.record import open_run
from unrolled.training.processes import join_processes

CPU = torch.device("cpu")
COMMON = [
    *("--steps", "24", "--batch", "7", "--hidden", "12", "--window", "9", "--evaluate-every", "12"),
    *("--checkpoint-every", "8", "--optimiser", "sgd", "--learning-rate", "0.5", "--schedule", "constant"),
]
"""Plain descent, so that two roundings of a gradient stay two roundings; a batch that two do not share evenly."""


def trained(
    folder: Path, name: str, *options: str, source: str = "tale.txt", processes: int = 1
) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [
            sys.executable,
            *(launcher if processes > 1 else []),
            *("-m", "unrolled.cli", "train", "text", "--source", source),
            *(*COMMON, *options, "--name", name, "--runs", str(folder / "runs")),
        ],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = "once upon a time there was a fox who wanted to read, and an owl. "
    (tmp_path / "tale.txt").write_text("".join(text[number % 60 :] for number in range(60)))
    return tmp_path


def test_one_process_has_all_rows_and_many_share_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = join_processes(CPU, 7)
    assert (alone.rank, alone.count, alone.rows(7)) == (0, 1, slice(0, 7))
    for count in (2, 3, 7):
        shares = []
        for rank in range(count):
            monkeypatch.setattr(alone, "rank", rank, raising=False)
            monkeypatch.setattr(alone, "count", count, raising=False)
            shares += list(range(7))[alone.rows(7)]
        assert shares == list(range(7))
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(SpecError, match="batch is 7, but 8 processes share it"):
        join_processes(CPU, 7)


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["windows", "carried"])
def test_two_processes_are_one(state: str, folder: Path) -> None:
    one = trained(folder, "one", "--state", state)
    two = trained(folder, "two", "--state", state, processes=2)
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    assert two.stdout.count("held-out characters right") == 1  # one of them speaks
    alone, together = open_run(folder / "runs" / "one"), open_run(folder / "runs" / "two")
    assert together.result is not None
    assert together.result["processes"] == 2
    for name, weight in alone.weights().items():
        torch.testing.assert_close(together.weights()[name], weight, rtol=1e-4, atol=1e-5)
    for kind in ("train", "evaluation"):
        for left, right in zip(alone.metrics(kind), together.metrics(kind), strict=True):
            assert right["loss_nats"] == pytest.approx(left["loss_nats"], rel=1e-4)
    # killed after a checkpoint and resumed, it ends where it would have ended
    (together.path / "result.json").unlink()
    weights = (together.path / "weights.safetensors").read_bytes()
    (together.path / "weights.safetensors").unlink()
    alone_again = trained(folder, "two", "--state", state, "--resume")
    assert alone_again.returncode == 2
    assert "resume it under torchrun --nproc-per-node 2" in alone_again.stderr
    again = trained(folder, "two", "--state", state, "--resume", processes=2)
    assert again.returncode == 0, again.stderr
    assert (together.path / "weights.safetensors").read_bytes() == weights


@pytest.mark.conformance
def test_standard_input_has_one_reader(folder: Path) -> None:
    done = trained(folder, "piped", source="-", processes=2)
    assert done.returncode != 0
    assert "torchrun's processes share no standard input: give a file" in done.stderr

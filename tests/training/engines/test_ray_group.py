"""A group of Ray's processes takes the steps that torchrun's take, whatever dies; what cannot be is said at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.cli import main
from unrolled.errors import InputError, RecordError, UnrolledError
from unrolled.record import WEIGHTS, Run, open_run
from unrolled.spec import RunSpec, default_spec, dump_yaml
from unrolled.training import Progress, train_together

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]


def by_torchrun(spec: RunSpec, folder: Path, processes: int) -> Run:
    """The run of the spec, by so many processes of torchrun."""
    file = folder / "spec.yaml"
    file.write_text(dump_yaml(spec), encoding="utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)),
            *("-m", "unrolled.cli", "train", "--config", str(file), "--name", "torchrun", "--runs", str(folder)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        check=True,
        timeout=300,
        capture_output=True,
    )
    return open_run(folder / "torchrun")


def bits(run: Run) -> tuple[bytes, list[dict[str, Any]], object]:
    """What must not depend on who started the processes."""
    lines = [{**line, "seconds": 0} for line in run.metrics()]
    return (run.path / WEIGHTS).read_bytes(), lines, (run.result or {})["processes"]


def test_what_is_there_is_told_without_ray(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    finish(tiny(steps=1), name="run", runs=tmp_path)
    (told,) = train_together(tiny(steps=1), name="run", processes=2, runs=tmp_path, resume=True)
    assert (told.step, told.stopped) == (1, "steps")
    with pytest.raises(RecordError, match="is there already: resume it"):
        list(train_together(tiny(steps=1), name="run", processes=2, runs=tmp_path))
    with pytest.raises(RecordError, match="was made with another spec"):
        list(train_together(tiny(steps=2), name="run", processes=2, runs=tmp_path, resume=True))


def one_that_trains() -> list[int]:
    """The id of a process that trains for this one by way of Ray, then of its parent, and so on up to this one."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"ray::_Member" in (entry / "cmdline").read_bytes():
                line = [int(entry.name)]
                while line[-1] not in (0, os.getpid()):
                    line.append(int(Path(f"/proc/{line[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
                if line[-1] == os.getpid():
                    return line
        except OSError:
            continue
    raise AssertionError("no process trains")


def node_of(line: Sequence[int]) -> int:
    """The process of Ray that is the node."""
    return next(number for number in line if b"raylet/raylet" in Path(f"/proc/{number}/cmdline").read_bytes())


@pytest.mark.conformance
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_bits_of_torchrun_also_when_a_process_and_a_node_die(ray_nodes: Any, tiny: Tiny, tmp_path: Path) -> None:
    cluster, _ = ray_nodes
    cluster.add_node(num_cpus=1)  # one to spare
    spec = tiny(cell="lstm", batch=9, steps=3000, evaluate_every=1000, checkpoint_every=500)
    whole = by_torchrun(spec, tmp_path, processes=3)
    last, deaths, again = 0, 0, list[int]()
    for progress in train_together(spec, name="group", processes=3, runs=tmp_path):
        if progress.step < last:
            again.append(progress.step)
        last = progress.step
        if deaths == 0 and last >= 600:
            os.kill(one_that_trains()[0], signal.SIGKILL)
            deaths = 1
        elif deaths == len(again) == 1 and last >= 1600:
            line = one_that_trains()
            for number in (line[0], node_of(line)):  # a node takes what runs on it along
                os.kill(number, signal.SIGKILL)
            deaths = 2
    assert again == [500, 1500], "each from the last checkpoint"
    assert bits(open_run(tmp_path / "group")) == bits(whole)


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_a_text_by_the_command(ray_nodes: Any, tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = default_spec(
        "text", source=str(tale), state="carried", hidden=8, batch=7, window=9, steps=30, evaluate_every=10
    )
    whole = by_torchrun(spec, tmp_path, processes=2)
    words = ["train", "--config", str(tmp_path / "spec.yaml"), "--name", "group", "--runs", str(tmp_path)]
    assert main([*words, "--engine", "ray", "--processes", "2"]) == 0
    assert capsys.readouterr().out.count("held-out characters right") == 1
    assert bits(open_run(tmp_path / "group")) == bits(whole)


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_what_goes_wrong_is_told_as_it_is(
    ray_nodes: Any, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    with pytest.raises(InputError, match="processes is 9, but the Ray cluster has 3 CPUs"):
        list(train_together(tiny(batch=9), name="many", processes=9, runs=tmp_path))
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"  # no telemetry
    faulty = tmp_path / "faulty.py"
    faulty.write_text("import torch\nclass Cell(torch.nn.RNNCell):\n    def forward(self, x, state):\n        1 / 0\n")
    with pytest.raises(UnrolledError, match="ZeroDivisionError"):
        list(train_together(tiny(cell=f"{faulty}:Cell"), name="faulty", processes=2, runs=tmp_path))
    begun = train_together(tiny(steps=10**6, checkpoint_every=50), name="begun", processes=2, runs=tmp_path)
    for progress in begun:
        if progress.step > 100:
            break
    begun.close()
    assert open_run(tmp_path / "begun").status == "unfinished"
    with pytest.raises(UnrolledError, match="trained by 2 process"):
        list(
            train_together(
                tiny(steps=10**6, checkpoint_every=50), name="begun", processes=3, runs=tmp_path, resume=True
            )
        )

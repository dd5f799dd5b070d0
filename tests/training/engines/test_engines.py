"""Every engine trains the same runs to the same bits; what dies is gone on with; what is missing is said."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.errors import HeldError, InputError, StorageError
from unrolled.record import RESULT, SPEC, WEIGHTS, Run, list_runs, open_run
from unrolled.spec import RunSpec, dump_yaml
from unrolled.training import Engine, LocalProcesses, Progress, RayCluster, Slurm, run_all, train
from unrolled.training.many import run_name

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]

needs_mount = pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")


def ends(specs: Sequence[RunSpec], runs: Path, engine: Engine) -> dict[RunSpec, Run]:
    """What a sweep comes to, each spec told exactly once."""
    told = [(spec, end) for spec, end in run_all(specs, runs=runs, engine=engine) if not isinstance(end, Progress)]
    assert Counter(spec for spec, _ in told) == Counter(specs)
    assert all(isinstance(end, Run) for _, end in told), told
    return {spec: end for spec, end in told if isinstance(end, Run)}


def bits(runs: dict[RunSpec, Run]) -> dict[RunSpec, tuple[bytes, object]]:
    """What must not depend on who trained: the weights, and the evaluation."""
    return {spec: ((run.path / WEIGHTS).read_bytes(), (run.result or {})["evaluation"]) for spec, run in runs.items()}


# ── what is missing is said ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("engine", "module", "extra"), [(RayCluster(), "ray", "unrolled[ray]"), (Slurm(), "submitit", "unrolled[slurm]")]
)
def test_without_the_extra_one_line(
    engine: Engine, module: str, extra: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install") as caught:
        list(run_all([tiny()], runs=tmp_path, engine=engine))
    assert extra in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere.invalid:6379", "no Ray cluster at 'nowhere.invalid:6379'"),
        ("127.0.0.1:1", "no Ray cluster at '127.0.0.1:1': .*refused"),
        ("127.0.0.1:99999", "no Ray cluster at '127.0.0.1:99999'"),
        ("here", "give host:port"),
    ],
)
def test_an_address_where_nobody_answers_is_said_at_once(address: str, said: str, tiny: Tiny, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=said):
        list(run_all([tiny()], runs=tmp_path, engine=RayCluster(address)))


def test_no_slurm_is_said(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no Slurm here"):
        list(run_all([tiny()], runs=tmp_path, engine=Slurm()))


# ── two sweeps, full and sealed disks ────────────────────────────────────────────────────────────────────────────


def test_a_run_that_somebody_else_trains_is_waited_for(tiny: Tiny, tmp_path: Path) -> None:
    spec = tiny(steps=40)
    theirs = train(spec, name=run_name(spec), runs=tmp_path)
    next(theirs)
    with pytest.raises(HeldError, match="is being trained by another process"):
        list(train(spec, name=run_name(spec), runs=tmp_path, resume=True))
    news = run_all([spec, tiny(steps=1)], runs=tmp_path, workers=1)
    ended = None
    for told, what in news:
        if told is not spec and isinstance(what, Run):
            list(theirs)  # now they go on, to the end
        elif told is spec and not isinstance(what, Progress):
            ended = what
    assert isinstance(ended, Run)
    assert ended.failure is None
    assert [line["step"] for line in ended.metrics("evaluation")] == [0, 30, 40]


def test_a_run_that_somebody_else_gave_up_is_taken_over(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=40)
    theirs = train(spec, name=run_name(spec), runs=tmp_path / "pool")
    next(theirs)
    ended = None
    for told, what in run_all([spec, tiny(steps=1)], runs=tmp_path / "pool", workers=1):
        if told is not spec and isinstance(what, Run):
            theirs.close()
        elif told is spec and isinstance(what, Run):
            ended = what
    finish(spec, name="alone", runs=tmp_path)
    assert ended is not None
    assert (ended.path / WEIGHTS).read_bytes() == (tmp_path / "alone" / WEIGHTS).read_bytes()


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, mounted with the given options."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("needs to mount a tmpfs, which is not allowed here")
    yield place
    subprocess.run(["umount", place], check=True)


@needs_mount
@pytest.mark.parametrize(
    ("disk", "reason"), [("size=64k", "the disk is full"), ("ro", "the file system is read-only")], indirect=["disk"]
)
def test_a_disk_that_takes_nothing_ends_the_sweep_with_a_word(disk: Path, reason: str, tiny: Tiny) -> None:
    specs = [tiny(seed=seed, hidden=64, steps=2) for seed in range(3)]
    with pytest.raises(StorageError, match=reason):
        list(run_all(specs, runs=disk, workers=1))
    for run in list_runs(disk):  # what is there reads
        run.metrics()


@needs_mount
@pytest.mark.parametrize("disk", ["size=300k"], indirect=True)
def test_a_disk_that_was_full_is_gone_on_with(disk: Path, tiny: Tiny) -> None:
    specs = [tiny(seed=seed, hidden=64, steps=2) for seed in range(3)]
    with pytest.raises(StorageError, match="the disk is full"):
        list(run_all(specs, runs=disk, workers=1))
    subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
    assert len(ends(specs, disk, LocalProcesses(1))) == 3


# ── the same sweep everywhere, and deaths in the middle ──────────────────────────────────────────────────────────

SWEEP = """
import sys
from pathlib import Path
from unrolled.spec import parse, read_yaml
from unrolled.training import run_all
if __name__ == "__main__":
    runs, *files = map(Path, sys.argv[1:])
    for spec, told in run_all([parse(read_yaml(file)) for file in files], runs=runs, workers=2):
        print(type(told).__name__, getattr(told, "step", ""), flush=True)
"""


@pytest.fixture(scope="module")
def sweep_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "sweep.py"
    path.write_text(SWEEP)
    return path


def started(script: Path, specs: Sequence[RunSpec], runs: Path) -> subprocess.Popen[str]:
    """A sweep in a process of its own."""
    files = []
    for spec in specs:
        files.append(runs.parent / f"{spec.identity()}.yaml")
        files[-1].write_text(dump_yaml(spec))
    return subprocess.Popen([sys.executable, script, runs, *files], stdout=subprocess.PIPE, text=True)


def children(process: int) -> list[int]:
    """Its worker processes (the one of multiprocessing that tracks resources is none)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == process and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def step_of(runs: Path) -> int:
    """How far the runs are that were begun, as their metrics say."""
    return max((line["step"] for run in list_runs(runs) for line in run.metrics()), default=0)


@pytest.mark.conformance
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("victim", ["sweep", "worker"])
def test_kill_minus_nine(victim: str, sweep_script: Path, tiny: Tiny, tmp_path: Path) -> None:
    specs = [tiny(seed=seed, steps=600, checkpoint_every=50) for seed in range(4)]
    whole = bits(ends(specs, tmp_path / "whole", LocalProcesses(2)))
    runs = tmp_path / "broken"
    process = started(sweep_script, specs, runs)
    while step_of(runs) < 100:
        time.sleep(0.05)
    workers = children(process.pid)
    assert len(workers) == 2
    os.kill(process.pid if victim == "sweep" else workers[0], signal.SIGKILL)
    if victim == "worker":
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.count("Run") == 4
        assert "Failure" not in said
    else:
        process.wait()
        until = time.monotonic() + 60
        while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers), "workers outlive their sweep"
    assert bits(ends(specs, runs, LocalProcesses(2))) == whole
    assert len(list_runs(runs)) == 4


@pytest.mark.conformance
def test_two_sweeps_at_once_share_their_runs(sweep_script: Path, tiny: Tiny, tmp_path: Path) -> None:
    specs = [tiny(seed=seed, steps=150) for seed in range(6)]
    whole = bits(ends(specs, tmp_path / "whole", LocalProcesses(2)))
    runs = tmp_path / "shared"
    both = [started(sweep_script, specs, runs) for _ in range(2)]
    for process in both:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        assert said.count("Run") == 6
        assert "Failure" not in said
    assert bits({spec: open_run(runs / run_name(spec)) for spec in specs}) == whole
    assert sorted(path.name for path in runs.iterdir()) == sorted(map(run_name, specs))
    for run in list_runs(runs):  # nobody trained what another had trained
        steps = [line["step"] for line in run.metrics("evaluation")]
        assert steps == sorted(set(steps))


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_three_ray_nodes_agree_with_local_processes_also_when_one_dies(
    ray_nodes: Any, tiny: Tiny, tmp_path: Path
) -> None:
    cluster, nodes = ray_nodes
    specs = [tiny(cell=cell, seed=seed, steps=240) for cell in ("rnn", "lstm") for seed in range(6)]
    local = ends(specs, tmp_path / "local", LocalProcesses(2))
    told: list[tuple[RunSpec, Run]] = []
    for spec, what in run_all(specs, runs=tmp_path / "ray", engine=RayCluster()):
        if isinstance(what, Progress):
            continue
        assert isinstance(what, Run), what
        told.append((spec, what))
        if len(told) == 2:
            cluster.remove_node(nodes[0])  # kill -9 of everything on it
    assert Counter(spec for spec, _ in told) == Counter(specs)
    assert bits(dict(told)) == bits(local)
    assert len([path for path in (tmp_path / "ray").iterdir() if (path / RESULT).exists()]) == 12
    assert all((run.result or {})["threads"] == 1 for _, run in told)


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_slurms_way_on_this_machine_agrees(tiny: Tiny, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    faulty = tmp_path / "faulty.py"
    faulty.write_text("import torch\nclass Cell(torch.nn.RNNCell):\n    def forward(self, x, state):\n        1 / 0\n")
    specs = [tiny(seed=seed) for seed in range(2)]
    local = ends(specs, tmp_path / "local", LocalProcesses(2))
    bad = tiny(cell=f"{faulty}:Cell")
    told = {
        spec: what
        for spec, what in run_all([*specs, bad], runs=tmp_path / "slurm", engine=Slurm(2, cluster="local"))
        if not isinstance(what, Progress)
    }
    failure = told.pop(bad)
    assert "ZeroDivisionError" in str(failure.error)  # type: ignore[union-attr]
    assert bits({spec: run for spec, run in told.items() if isinstance(run, Run)}) == bits(local)
    assert not (tmp_path / "slurm" / ".jobs" / SPEC).exists()

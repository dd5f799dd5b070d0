"""The run's directory while it is written: taken names, damage, disks that are full or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unrolled.errors import RecordError, StorageError
from unrolled.record import open_run, read_tensors, tensor_bytes
from unrolled.spec import RunSpec
from unrolled.training import Progress, train

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]


def begun(spec: RunSpec, runs: Path, name: str = "run") -> Path:
    """A run that was left after its first step."""
    steps = train(spec, name=name, runs=runs)
    next(steps)
    next(steps)
    steps.close()
    assert open_run(runs / name).status == "unfinished"
    return runs / name


# ── what is in the way ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_folder_is_used(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".spec.yaml.99.tmp").write_text("form")  # as a kill at the very beginning leaves it
    assert finish(tiny(steps=1), name="run", runs=tmp_path).stopped == "steps"
    assert not (tmp_path / "run" / ".spec.yaml.99.tmp").exists()


def test_a_folder_of_something_else_is_not_touched(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    for resume in (False, True):
        with pytest.raises(RecordError, match="is no run: give another name"):
            finish(tiny(steps=1), name="run", runs=tmp_path, resume=resume)
    assert [entry.name for entry in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RecordError, match="is a file: give another name"):
        finish(tiny(steps=1), name="run", runs=tmp_path)
    with pytest.raises(StorageError, match="a part of the path is a file"):
        finish(tiny(steps=1), name="other", runs=tmp_path / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="held by locks that Windows does not have")
def test_a_run_is_trained_by_one_process_at_a_time(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    steps = train(tiny(), name="run", runs=tmp_path)
    next(steps)
    with pytest.raises(RecordError, match="'run' is being trained by another process"):
        finish(tiny(), name="run", runs=tmp_path, resume=True)
    steps.close()
    assert finish(tiny(), name="run", runs=tmp_path, resume=True).stopped == "steps"


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.9999])
def test_a_checkpoint_that_was_cut_is_not_resumed(share: float, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    run = begun(tiny(), tmp_path)
    whole = (run / "state.safetensors").read_bytes()
    (run / "state.safetensors").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RecordError, match=r"state.safetensors' is damaged"):
        finish(tiny(), name="run", runs=tmp_path, resume=True)


def test_a_checkpoint_of_another_run_is_not_resumed(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    one, two = begun(tiny(), tmp_path, "one"), begun(tiny(seed=9), tmp_path, "two")
    shutil.copy(two / "state.safetensors", one / "state.safetensors")
    with pytest.raises(RecordError, match="is a checkpoint of another run"):
        finish(tiny(), name="one", runs=tmp_path, resume=True)


def test_weights_in_the_place_of_a_checkpoint(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    finish(tiny(steps=1), name="done", runs=tmp_path)
    run = begun(tiny(), tmp_path)
    shutil.copy(tmp_path / "done" / "weights.safetensors", run / "state.safetensors")
    with pytest.raises(RecordError, match="is no checkpoint of a run"):
        finish(tiny(), name="run", runs=tmp_path, resume=True)


@pytest.mark.parametrize("part", ["meter", "surroundings"])
def test_a_checkpoint_of_another_version(part: str, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    state = begun(tiny(), tmp_path) / "state.safetensors"
    tensors, content = read_tensors(state)
    kept = content["position"][part]
    content["position"][part] = {**kept, "last": {"perplexity": 2.0}} if part == "meter" else None
    state.write_bytes(tensor_bytes(tensors, content))
    with pytest.raises(RecordError, match="was written by another version of unrolled"):
        finish(tiny(), name="run", runs=tmp_path, resume=True)


def test_metrics_that_were_cut_are_not_resumed(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    run = begun(tiny(), tmp_path)
    with (run / "metrics.jsonl").open("r+b") as file:
        file.truncate(5)
    with pytest.raises(RecordError, match="shorter than its run's checkpoint says"):
        finish(tiny(), name="run", runs=tmp_path, resume=True)


# ── disks ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def _mount(*arguments: str) -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounts a small or read-only file system: needs root on Linux")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine does not let root mount: {done.stderr.strip()}")


def fill(disk: Path) -> Path:
    """Use up the disk to the last byte; the file to delete for having it back."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def test_a_disk_too_full_for_a_line(tiny: Tiny, small_disk: Path) -> None:
    steps = train(tiny(evaluate_every=1, steps=1000, checkpoint_every=1000), name="run", runs=small_disk)
    next(steps)
    fill(small_disk)
    with pytest.raises(StorageError, match=r"cannot write .*metrics.jsonl.: the disk is full"):
        list(steps)
    assert open_run(small_disk / "run").metrics("evaluation")[0]["step"] == 0  # half a line is no line


def test_a_full_disk_leaves_a_run_that_resumes(tiny: Tiny, finish: Finish, tmp_path: Path, small_disk: Path) -> None:
    spec = tiny(steps=200, hidden=24, checkpoint_every=10)
    finish(spec, name="run", runs=tmp_path / "elsewhere")
    steps = train(spec, name="run", runs=small_disk)
    assert next(steps).step == 0
    while not (small_disk / "run" / "state.safetensors").exists():
        next(steps)
    filler = fill(small_disk)
    with pytest.raises(StorageError, match=r"cannot write .*: the disk is full"):
        list(steps)
    assert not list((small_disk / "run").glob(".*.tmp"))
    assert open_run(small_disk / "run").status == "unfinished"
    with pytest.raises(StorageError, match="the disk is full"):
        finish(spec, name="run", runs=small_disk, resume=True)
    filler.unlink()
    finish(spec, name="run", runs=small_disk, resume=True)
    kept = "weights.safetensors"
    assert (small_disk / "run" / kept).read_bytes() == (tmp_path / "elsewhere" / "run" / kept).read_bytes()


def test_a_disk_too_full_to_begin(tiny: Tiny, finish: Finish, small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(StorageError, match="the disk is full"):
        finish(tiny(), name="run", runs=small_disk)
    assert not (small_disk / "run").exists()


def test_a_read_only_disk(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=2)
    there = tmp_path / "there"
    finish(spec, name="done", runs=there)
    begun(tiny(), there, "begun")
    _mount("--bind", str(there), str(there))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(there)], check=True)
        with pytest.raises(StorageError, match=r"cannot write .*new.*: the file system is read-only"):
            finish(spec, name="new", runs=there)
        with pytest.raises(StorageError, match=r"cannot write .*: the file system is read-only"):
            finish(tiny(), name="begun", runs=there, resume=True)
        assert finish(spec, name="done", runs=there, resume=True).stopped == "steps"  # only read
    finally:
        subprocess.run(["umount", str(there)], check=True)

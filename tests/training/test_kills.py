"""kill -9 at any moment, then resume: the weights, bit for bit, and the metrics of a run that nobody stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.record import SAMPLES, SUMMARIES, WEIGHTS, open_run
from unrolled.spec import RunSpec, dump_yaml
from unrolled.training import Progress

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]

SCRIPT = """
import os, sys, threading
from pathlib import Path
import torch
from unrolled.spec import parse, read_yaml
from unrolled.training import loop, train
spec, runs, step, delay, number = sys.argv[1:]
torch.set_num_threads(1)
loop.SHOW_EVERY_SECONDS = 0.0
blow = threading.Timer(float(delay), os.kill, (os.getpid(), int(number)))
blow.daemon = True
for progress in train(parse(read_yaml(Path(spec))), name="broken", runs=runs, resume=True):
    if progress.step >= int(step) and not blow.is_alive() and not blow.finished.is_set():
        blow.start()
"""
"""Trains on, and from a step on waits for a moment at which it gets the signal, wherever it is then."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")


def killed(spec: Path, runs: Path, step: int, delay: float, number: int) -> int:
    """Train on in a new process until the signal comes; its exit code."""
    arguments = [str(spec), str(runs), str(step), str(delay), str(int(number))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env=environment, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode


def lines(run: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]


def survives(
    spec: RunSpec, finish: Finish, tmp_path: Path, seed: int, signals: Sequence[int] = (signal.SIGKILL,) * 20
) -> None:
    """Kill a run again and again, at random moments, and compare its end."""
    runs, file = tmp_path / "runs", tmp_path / "spec.yaml"
    file.write_text(dump_yaml(spec), encoding="utf-8")
    finish(spec, name="whole", runs=runs)
    whole = open_run(runs / "whole")
    assert whole.result is not None
    moments = random.Random(seed)
    steps = sorted(moments.randrange(int(0.8 * spec.training.steps)) for _ in signals)
    for step, number in zip(steps, signals, strict=True):
        assert killed(file, runs, step, moments.uniform(0, 0.03), number) != 0
        broken = open_run(runs / "broken")  # never half-written
        assert broken.status == "unfinished"
        broken.metrics()
        broken.samples()
        if (broken.path / "state.safetensors").exists():
            broken.weights()
    finish(spec, name="broken", runs=runs, resume=True)
    assert (runs / "broken" / WEIGHTS).read_bytes() == (whole.path / WEIGHTS).read_bytes()
    for name in (SAMPLES, SUMMARIES):
        assert (runs / "broken" / name).read_bytes() == (whole.path / name).read_bytes()
    assert lines(runs / "broken") == lines(whole.path)
    assert not list((runs / "broken").glob(".*"))


def test_killed_and_interrupted(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=200, checkpoint_every=10, layers=2, dropout=0.2, hidden=16, optimiser="adam")
    survives(spec, finish, tmp_path, seed=1, signals=(signal.SIGKILL, signal.SIGINT))


@pytest.mark.conformance
@pytest.mark.timeout(1500)
def test_palindromes_killed_at_twenty_moments(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=3000, checkpoint_every=7, evaluate_every=40, hidden=32, layers=2, dropout=0.2)
    survives(spec, finish, tmp_path, seed=20)


@pytest.mark.conformance
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("state", ["windows", "carried"])
def test_text_killed_at_many_moments(state: str, tale: Path, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(
        "text",
        source=str(tale),
        state=state,
        window=20,
        hidden=32,
        steps=900,
        checkpoint_every=7,
        sample_every=20,
        dropout=0.2,
        recurrent_dropout=0.1,
        layers=2,
    )
    survives(spec, finish, tmp_path, seed=21, signals=(signal.SIGKILL,) * 12)

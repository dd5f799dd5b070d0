"""Numbers that are too large for the machine, and ends that come too early."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unrolled.cli import engines
from unrolled.cli.progress import duration

HUGE = "100000000000000000000000000"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "palindromes", "--hidden", "99999999"), "not enough memory for this ("),
        (("gradients", "--length", "100000000000"), "GiB at once): a smaller size, batch or length would do"),
        (("train", "palindromes", "--chrono", HUGE), f"model.chrono is {HUGE}: whole numbers end below 2^63"),
        (("train", "palindromes", "--patience", HUGE), "training.patience is"),
        (("train", "palindromes", "--seed", HUGE), "from 0 to below 2^63"),
        (("train", "palindromes", "--weight-decay", "1e300"), "weight_decay is 1e+300: 0 or more, below 3e38"),
        (("gradients", "--seed", HUGE), f"seed is {HUGE}: from 0 to below 2^63"),
        (("reach", "--seed", "-1"), "seed is -1: from 0 to below 2^63"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_what_is_too_large_is_one_line(cli: Any, words: tuple[str, ...], message: str) -> None:
    assert message in cli(*words).mistake


def test_another_runtime_error_is_a_bug(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("unrolled.cli.info._facts", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        cli("info")


def test_a_duration_has_an_end() -> None:
    assert duration(67) == "0:01:07"
    assert duration(1e30) == duration(1e40) and "days" in duration(1e30)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_behind_the_output() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "unrolled.cli", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, f"error: the output cannot be written: {os.strerror(28)}\n")


def test_ctrl_c_before_anything_was_written(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(engines, "train", begun)
    answer = cli("train", "palindromes", "--length", "5", "--steps", "40", "--name", "mine")
    assert answer.code == 130
    assert answer.err == "stopped before step 0 of 40: nothing was begun\n"


def test_a_finished_run_says_that_it_was(cli: Any, quick: tuple[str, ...]) -> None:
    words = ("train", "palindromes", *quick, "--name", "mine", "--resume")
    said = f"{Path('runs/mine')} was finished already: nothing is left to train"
    assert said not in cli(*words).out
    assert said in cli(*words).out
    other = cli(*words, "--seed", "5")
    assert "made with another spec: training.seed 0, now 5" in other.mistake
    assert other.out == ""

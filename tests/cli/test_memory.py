"""``unrolled memory`` and ``unrolled horizon``: trained, read from a file of results, and wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unrolled.catalogue import read_results
from unrolled.record import list_runs

MEMORY = Path(__file__).parents[2] / "docs" / "memory.parquet"
CELL = """
import torch
class Mine(torch.nn.RNNCell):
    pass
"""


def test_the_committed_results_are_drawn(cli: Any) -> None:
    answer = cli("memory", "--settings", "healthy,published", "--results", MEMORY, "--no-train", "--svg", "figures")
    assert answer.code == 0, answer
    done = len(read_results(MEMORY))
    assert f"{done} of 500 runs are done." in answer.out.replace("\n", " ")
    line = next(line for line in answer.out.splitlines() if line.startswith("LSTM"))
    assert line.split()[1:3] == ["5/5", line.split()[2]]
    figures = sorted(path.name for path in Path("figures").iterdir())
    assert figures == ["palindromes-healthy-settings.svg", "palindromes-published-settings.svg"]
    assert not Path("runs").exists()


def test_what_is_missing_is_trained_once_and_kept(cli: Any) -> None:
    Path("mine.py").write_text(CELL)
    words = ("memory", "--cell", "rnn,mine.py:Mine", "--size", "2,3", "--seeds", "1", "--steps", "50", "--workers", "1")
    first = cli(*words, "--results", "kept.parquet", "--out", "page.html")
    assert first.code == 0, first
    assert "4 of 4 runs are done" in first.out
    assert first.out.count("palindromes-rnn-") == 2
    assert "Mine" in first.out
    assert "Seeds solved, by size" in Path("page.html").read_text()
    assert len(read_results("kept.parquet")) == len(list_runs("runs")) == 4
    before = Path("kept.parquet").read_bytes()
    again = cli(*words, "--results", "kept.parquet", "--runs", "elsewhere")
    assert again.code == 0
    assert not list_runs("elsewhere")
    assert Path("kept.parquet").read_bytes() == before
    gathered = cli(*words, "--no-train", "--results", "gathered.parquet", "--out", "[b]page.html", "--svg", "[b]svg")
    assert gathered.code == 0
    assert "[b]page.html  open it" in gathered.out and "[b]svg/palindromes-healthy-settings.svg" in gathered.out
    assert len(read_results("gathered.parquet")) == 4


def test_switches_are_trained_and_told(cli: Any) -> None:
    words = ("memory", "--switches", "5", "--cell", "rnn", "--seeds", "1", "--steps", "4", "--workers", "1")
    answer = cli(*words, "--svg", "figures")
    assert answer.code == 0, answer
    assert answer.out.count("RNN: of the switches") == answer.out.count("helps most") == 1
    assert "curriculum" in answer.out
    assert [path.name for path in Path("figures").iterdir()] == ["rnn-l-5-what-sets-it.svg"]


def test_a_horizon_is_found_and_told_with_its_confidence(cli: Any) -> None:
    words = ("horizon", "--cell", "rnn", "--steps", "50", "--seeds", "1", "--first", "2", "--most", "3")
    answer = cli(*words, "--workers", "1")
    assert answer.code == 0, answer
    assert "RNN, healthy: solves length 3 on 1 of 1 seeds (the rate is 0.21 to 1.00 with 95 % confidence)" in answer.out
    assert "which is the largest that was to be tried" in answer.out
    told = json.loads(cli(*words, "--workers", "1", "--json").out)
    assert told["rnn"]["solved"]["size"] == 3
    assert told["rnn"]["not_solved"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("memory text", "the task 'text' has no size to draw a curve against; these have: palindromes"),
        ("memory palindrome", "no task 'palindrome'; did you mean 'palindromes'?"),
        ("memory --cell lstn", "no cell 'lstn'; did you mean 'lstm'?"),
        ("memory --cell ,", "cell is ',': give at least one"),
        ("memory --settings helthy", "no setting 'helthy'; did you mean 'healthy'?"),
        ("memory --size 5:1", "the range '5:1' is empty"),
        ("memory --size ten", "size is 'ten': whole numbers from 2 on"),
        ("memory --size 1", "size is '1': whole numbers from 2 on"),
        ("memory --seeds 0", "seeds is 0: at least 1"),
        ("memory adding --switches 5", "switches are of palindromes"),
        ("horizon --settings healthy,long", "one of them at a time"),
        ("horizon --need 4", "need is 4 but seeds is 3"),
        ("horizon --first 1", "first is 1: from 2 to most"),
        ("horizon --precision 1", "precision is 1.0: a share"),
    ],
)
def test_mistakes(cli: Any, words: str, expected: str) -> None:
    assert expected in cli(*words.split()).mistake

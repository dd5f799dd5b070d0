"""``unrolled doctor``: words, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GALLERY = Path(__file__).parents[1] / "doctor" / "gallery"


def test_a_wrong_cell_is_named_with_its_evidence_and_exit_code_1(cli: Any) -> None:
    answer = cli("doctor", f"{GALLERY}/other_cells.py:RecurrenceTransposed", "--as", "rnn")
    assert answer.code == 1
    assert answer.out.startswith("wrong: ")
    assert "transposed-weights" in answer.out
    assert "evidence: W_ih lies as [out, in], W_hh acts the other way round" in answer.out
    assert "W_hhᵀ h'" in answer.out
    assert "in a separate process, for at most 60 s" in answer.err


def test_a_sound_cell_in_json_and_exit_code_0(cli: Any) -> None:
    answer = cli("doctor", f"{GALLERY}/sound_cells.py:LearnedStart", "--as", "rnn", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found["verdict"] == "sound"
    assert found["findings"] == []


def test_what_cannot_be_judged_is_exit_code_2(cli: Any) -> None:
    Path("odd.py").write_text("import torch\nclass Odd(torch.nn.Module):\n    pass\n", encoding="utf-8")
    answer = cli("doctor", "odd.py:Odd", "--as", "lstm")
    assert answer.code == 2
    assert answer.out.startswith("not judged: ")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("absent.py:Cell", "--as", "lstm"), "no file 'absent.py' to take 'Cell' from"),
        (("here.py", "--as", "lstm"), "'here.py' names no module: give path/to/file.py:Name"),
        (("here.py:Cell", "--as", "lstm", "--step", "here.py"), "'here.py' names no train step"),
        (("here.py:Cell", "--as", "lstn"), "no reference 'lstn'; did you mean 'lstm'?"),
        (("here.py:Cell", "--as", "lstm", "--seconds", "0"), "the time limit is 0 seconds"),
        (("here.py:Cell",), "--as is missing; `unrolled doctor --help`"),
        (("here.py:Cell", "--as"), "--as needs a value; `unrolled doctor --help`"),
    ],
)
def test_mistakes_cost_one_line_and_nothing_is_said_to_run(cli: Any, words: tuple[str, ...], expected: str) -> None:
    Path("here.py").write_text("raise AssertionError\n", encoding="utf-8")
    assert cli("doctor", *words).mistake.startswith(expected)

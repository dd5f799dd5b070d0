"""``unrolled doctor``: words, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def test_mistakes_cost_one_line(cli: Any) -> None:
    said = cli("doctor", "absent.py:Cell", "--as", "lstm")
    assert said.code == 2
    assert said.err.endswith("error: no file 'absent.py' to take 'Cell' from\n")

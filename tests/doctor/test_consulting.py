"""Whatever the user's code does, it ends in its own process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unrolled.doctor import consult
from unrolled.errors import InputError, UnknownName, UserCodeError

_CELL = """
import torch
{before}
class Cell(torch.nn.RNNCell):
    def forward(self, x, h):
        {inside}
        return super().forward(x, h)
"""


def _file(folder: Path, before: str = "", inside: str = "pass") -> str:
    path = folder / "cell.py"
    path.write_text(_CELL.format(before=before, inside=inside), encoding="utf-8")
    return f"{path}:Cell"


def test_a_sound_cell_that_prints_and_warns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = consult(_file(tmp_path, "print('noise')", "print('more'); import warnings; warnings.warn('x')"), "rnn")
    assert found.verdict == "sound"
    assert capfd.readouterr() == ("", "")


def test_a_crash_of_the_process_is_no_verdict(tmp_path: Path) -> None:
    found = consult(_file(tmp_path, inside="import os; os._exit(7)"), "rnn")
    assert found.verdict == "unknown"
    assert "exit code 7" in found.reason


@pytest.mark.conformance
def test_a_killed_process_is_no_verdict(tmp_path: Path) -> None:
    found = consult(_file(tmp_path, inside="import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), "rnn")
    assert found.verdict == "unknown"
    assert "signal 11" in found.reason


def test_an_endless_loop_ends_at_the_limit(tmp_path: Path) -> None:
    found = consult(_file(tmp_path, before="while True: pass"), "rnn", seconds=3)
    assert found.verdict == "unknown"
    assert "within 3 seconds" in found.reason


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        pytest.param("import absent_module", "absent_module", marks=pytest.mark.conformance),
        pytest.param("x = (", "SyntaxError", marks=pytest.mark.conformance),
    ],
)
def test_a_file_that_cannot_be_run_costs_one_line(tmp_path: Path, before: str, said: str) -> None:
    with pytest.raises(UserCodeError, match=said):
        consult(_file(tmp_path, before), "rnn")


def test_mistakes(tmp_path: Path) -> None:
    cell = _file(tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'lstm'"):
        consult(cell, "lstn")
    with pytest.raises(UserCodeError, match="no file"):
        consult("absent.py:Cell", "rnn")
    with pytest.raises(UserCodeError, match="no file"):
        consult(cell, "rnn", "absent.py:step")
    with pytest.raises(UserCodeError, match="did you mean 'Cell'"):
        consult(cell.replace(":Cell", ":Cel"), "rnn")
    with pytest.raises(InputError, match="above 0"):
        consult(cell, "rnn", seconds=0)


def test_a_diagnosis_survives_json(tmp_path: Path, examined: Any) -> None:
    found = examined("course_lstm.py:DetachedState", "lstm")
    assert type(found).from_plain(json.loads(json.dumps(found.plain()))) == found

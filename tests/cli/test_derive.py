"""``unrolled derive``: verdicts, exit codes, files and mistakes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest


def test_right_is_code_0_and_wrong_is_code_1(cli: Any) -> None:
    right = cli("derive", "dL/dW_ph = (yhat - y) h[T]^T")
    assert right.code == 0 and "✓ right" in right.out
    wrong = cli("derive", "--example", "report-b-W_hh")
    assert wrong.code == 1 and "✗ wrong" in wrong.out
    assert "the derivative of tanh is 1 - h², not 1 - h" in wrong.out
    assert "a right form: dL/dW_hh = sum(k=1..T, diag(1 - h[k]^2) delta[k] h[k-1]^T)" in wrong.out


def test_json_says_the_same(cli: Any) -> None:
    answer = json.loads(cli("derive", "--example", "report-a-W_hh", "--json").out)
    assert answer["equal"] is False and answer["model"] == "rnn"
    assert "identically zero" in answer["checks"][0]["findings"][0]
    shapeless = json.loads(cli("derive", "dL/dW_ph = h[T]", "--json").out)
    assert shapeless["checks"][0]["relative_error"] is None


def test_a_file_and_a_bare_expression(cli: Any, tmp_path: Path) -> None:
    page = tmp_path / "homework.tex"
    page.write_text("\\frac{\\partial L}{\\partial c_t} = \\frac{\\partial L}{\\partial c_{t+1}} \\odot f_{t+1}\n")
    answer = cli("derive", "--file", page, "--model", "lstm")
    assert answer.code == 1 and "is missing" in answer.out
    assert cli("derive", "yhat - y", "--of", "dL/dp").code == 0


@pytest.mark.parametrize("words", [("--file", "-"), ("--file=-",)])
def test_a_hyphen_is_standard_input(cli: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"dL/dW_ph = (yhat - y) h[T]^T\n")))
    answer = cli("derive", *words)
    assert answer.code == 0 and "✓ right" in answer.out, answer


def test_the_shipped_derivations_are_listed(cli: Any) -> None:
    assert "report-a-W_hh  (rnn; report A)" in cli("derive", "--examples").out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["derive"], "no formula given: give one of FORMULA, --file or --example"),
        (["derive", "y", "--example", "right-W_ph"], "FORMULA and --example given"),
        (["derive", "--example", "right-W_pg"], "did you mean 'right-W_ph'?"),
        (["derive", "--file", "nowhere.tex"], "cannot be read"),
        (["derive", "dL/dp = y", "--model", "rrn"], "did you mean 'rnn'?"),
        (["derive", "dL/dp = os.system('ls')"], "there are no attributes"),
        (["derive", "dL/dp = y", "--of", "dL/dp"], "has the left side"),
        (["derive", "y", "--of", "y"], "is no gradient"),
    ],
)
def test_mistakes_cost_one_line(cli: Any, words: list[str], expected: str) -> None:
    assert expected in cli(*words).mistake

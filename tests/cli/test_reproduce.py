"""`unrolled reproduce`: progress, summary, going on, and claims that cannot be measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.errors import SourceError
from unrolled.experiments import CLAIMS, Budget, Claim, Findings, Row
from unrolled.record import Run, list_runs
from unrolled.spec import RunSpec, default_spec


def _specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    sizes = {"length": 3, "hidden": 4, "batch": 4, "steps": 3, "evaluate_every": 3}
    return tuple(default_spec("palindromes", cell=cell, **sizes) for cell in ("rnn", *cells))


def _measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    rows = (
        Row("runs", "1", str(len(runs)), "reproduced" if len(runs) == 1 else "differs"),
        Row("accuracy", ".99", "", "not reached", "too few steps"),
    )
    return Findings(f"{len(runs)} runs are there.", rows)


TINY = Claim(
    name="tiny",
    title="A tiny claim",
    question="Does anything happen?",
    expected="yes",
    minutes={"quick": 0.1, "full": 0.1},
    specs=_specs,
    measure=_measure,
    shortened=lambda budget: ("3 steps in place of 3000",),
)


def _unreachable(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    raise SourceError("its text cannot be had")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLAIMS, "tiny", TINY)  # type: ignore[arg-type]
    monkeypatch.setitem(CLAIMS, "lost", dataclasses.replace(TINY, name="lost", specs=_unreachable))  # type: ignore[arg-type]


@pytest.mark.usefixtures("tiny")
def test_a_claim_from_its_runs_to_the_page(cli: Any) -> None:
    first = cli("reproduce", "tiny", "--workers", "1")
    assert first.code == 0
    lines = first.out.splitlines()
    assert lines[0] == "1 claim, budget quick: up to 1 min on two cores"
    assert "tiny: Does anything happen? (1 run)" in lines
    assert "tiny: 1 runs are there." in lines
    assert [line.split() for line in lines if line.startswith("tiny  ")] == [["tiny", "1", "·", "1", "·"]]
    assert "  3 steps in place of 3000" in lines
    assert lines[-2] == "Of 2 published results, 1 was reproduced and 1 was not reached."
    assert lines[-1] == "report.html  open it in a browser"
    page = Path("report.html").read_text(encoding="utf-8")
    assert "A tiny claim" in page

    written = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*") if path.is_file()}
    again = cli("reproduce", "tiny", "--out", "again.html")
    assert again.code == 0
    assert again.out.splitlines()[-1] == "again.html  open it in a browser"
    assert written == {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*") if path.is_file()}


@pytest.mark.usefixtures("tiny")
def test_ones_own_cell_joins_and_a_lost_claim_is_told(cli: Any) -> None:
    answer = cli("reproduce", "lost", "tiny", "--cell", "gru", "--workers", "1")
    assert answer.code == 1
    assert answer.err == "error: claim 'lost' was not measured: its text cannot be had\n"
    assert sorted(run.spec.model.cell for run in list_runs("runs")) == ["gru", "rnn"]
    assert "tiny differs: runs\n  published  1\n  measured   2\n" in answer.out
    assert Path("report.html").is_file()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--workers", "0"), "workers is 0: at least 1"),
        (("--out", "."), "it is a folder"),
        (("--out", "no/where.html"), "there is no folder 'no'"),
        (("--cell", "lstn"), "no cell 'lstn'; did you mean 'lstm'?"),
        (("--cell", "here.py:Mine"), "no file 'here.py'"),
        (("--budget", "quik"), "did you mean 'quick'? choose from quick, full"),
    ],
)
def test_mistakes_are_found_before_the_work(cli: Any, words: tuple[str, str], expected: str) -> None:
    answer = cli("reproduce", "tiny", *words)
    assert expected in answer.mistake
    assert answer.out == ""
    assert not Path("runs").exists()


@pytest.mark.usefixtures("tiny")
def test_a_page_on_a_read_only_disk(cli: Any, read_only_disk: Path) -> None:
    assert "read-only" in cli("reproduce", "tiny", "--out", read_only_disk / "report.html").mistake


@pytest.mark.usefixtures("tiny")
def test_ctrl_c(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("unrolled.cli.board.Board.show", interrupted)
    answer = cli("reproduce", "tiny")
    assert answer.code == 130
    assert answer.err == "stopped; the same command goes on, and does nothing twice\n"

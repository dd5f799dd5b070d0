"""`unrolled runs`, `report`, `data` and `info`: what there is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import unrolled
from unrolled.data import GRAPHS, SENSORS, SOURCES, adenylate_kinase


def test_no_runs(cli: Any) -> None:
    answer = cli("runs")
    assert answer.code == 0
    assert answer.out == "no runs in runs; make one with: unrolled train palindromes\n"
    assert json.loads(cli("runs", "--json").out) == []


def test_runs_for_people_and_for_programs(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", *quick, "--name", "one", "--cell", "gru").code == 0
    table = cli("runs").out
    assert table.splitlines()[0].split() == [
        "name",
        "status",
        "task",
        "cell",
        "steps",
        "loss",
        "unseen",
        "stopped",
    ]
    assert table.splitlines()[1].split()[:5] == ["one", "done", "palindromes", "gru", "3"]
    (run,) = json.loads(cli("runs", "--json").out)
    assert run["name"] == "one"
    assert run["status"] == "done"
    assert run["steps"] == run["of"] == 3
    assert 0 <= run["accuracy"] < 1


def test_brackets_in_a_name_are_part_of_it(cli: Any, quick: tuple[str, ...]) -> None:
    for name in ("[red]x", "a[b]c"):
        assert cli("train", "palindromes", *quick, "--name", name).code == 0
    assert sorted(line.split()[0] for line in cli("runs").out.splitlines()[1:]) == ["[red]x", "a[b]c"]


def test_a_damaged_run_is_left_out_with_a_word(cli: Any, quick: tuple[str, ...]) -> None:
    for name in ("hurt", "whole"):
        assert cli("train", "palindromes", *quick, "--name", name).code == 0
    Path("runs/hurt/spec.yaml").write_text("task: 3\n")
    Path("runs/no run").mkdir()
    for words in (("runs",), ("report",), ("runs", "--sql", "SELECT name FROM runs")):
        answer = cli(*words)
        assert answer.code == 0
        (warning,) = answer.err.splitlines()
        assert warning.startswith("warning: a run is left out: ") and "hurt" in warning
    assert [line.split()[0] for line in cli("runs").out.splitlines()[1:]] == ["whole"]


def test_a_run_whose_lines_are_damaged_is_left_out_with_a_word(cli: Any, quick: tuple[str, ...]) -> None:
    for name in ("hurt", "whole"):
        assert cli("train", "palindromes", *quick, "--name", name).code == 0
    Path("runs/hurt/result.json").unlink()  # an unfinished run's steps are read from its metrics
    for file, commands in (("metrics", ("runs", "report")), ("samples", ("report",)), ("looks", ("report",))):
        path = Path(f"runs/hurt/{file}.jsonl")
        content = path.read_text() if path.exists() else ""
        path.write_text(content + "x\n")
        for command in commands:
            answer = cli(command)
            assert answer.code == 0
            (warning,) = answer.err.splitlines()
            assert warning.startswith(f"warning: a run is left out: 'runs/hurt/{file}.jsonl' is damaged: line")
        assert 'id="run-whole"' in (page := Path("report.html").read_text(encoding="utf-8"))
        assert 'id="run-hurt"' not in page
        assert f"{file}.jsonl' is damaged" in cli("report", "whole", "hurt").mistake
        path.write_text(content)
    Path("runs/hurt/metrics.jsonl").write_text("x\n")
    assert [line.split()[0] for line in cli("runs").out.splitlines()[1:]] == ["whole"]
    shutil.rmtree("runs/whole")
    answer = cli("report")
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == "error: every run is damaged: there is none to report on"


def test_a_run_named_twice_is_drawn_once(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", *quick, "--name", "one").code == 0
    assert cli("report", "one", "runs/one", "one").code == 0
    assert Path("report.html").read_text(encoding="utf-8").count('id="run-one"') == 1


def test_a_report_of_runs(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", *quick, "--name", "one").code == 0
    answer = cli("report", "one", "--out", "page.html")
    assert answer.code == 0
    assert answer.out.startswith("page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "one" in page
    assert cli("report").code == 0  # every run of the folder
    assert Path("report.html").is_file()


def test_the_registered_texts_and_graphs(cli: Any) -> None:
    people = cli("data", "list").out
    sources = json.loads(cli("data", "list", "--json").out)
    assert [source["name"] for source in sources] == [*SOURCES, *GRAPHS, adenylate_kinase.NAME, *SENSORS]
    for source in sources:
        assert source["name"] in people
        assert source["licence"] in people
        assert source["path"] is None


def test_what_is_installed(cli: Any) -> None:
    facts = json.loads(cli("info", "--json").out)
    assert facts["unrolled"] == unrolled.__version__
    assert facts["fetching"] == "switched off by UNROLLED_OFFLINE"
    assert facts["cache"] == "cache"
    assert ":" in facts["kernel"]
    assert facts["devices"].startswith("cpu")
    for key, value in facts.items():
        assert f"{key} " in cli("info").out
        assert value in cli("info").out


def test_numbers_that_json_has_not_are_null(cli: Any) -> None:
    question = "SELECT 'inf'::double AS number, [1.5, 'nan'::double] AS list, {'low': ['-inf'::double]} AS struct"
    out = cli("runs", "--sql", question, "--json").out
    (row,) = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert row == {"number": None, "list": [1.5, None], "struct": {"low": [None]}}


def test_a_question_in_sql(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", *quick, "--name", "one", "--cell", "gru").code == 0
    words = ("runs", "--sql", "SELECT name, cell, steps, NULL AS nothing FROM runs")
    assert [line.split() for line in cli(*words).out.splitlines()] == [
        ["name", "cell", "steps", "nothing"],
        ["one", "gru", "3", "-"],
    ]
    assert cli(*words, "--csv").out == "name,cell,steps,nothing\none,gru,3,\n"
    assert json.loads(cli(*words, "--json").out) == [{"name": "one", "cell": "gru", "steps": 3, "nothing": None}]
    assert "is no question" in cli("runs", "--sql", "DROP TABLE runs").mistake
    assert "--csv is for" in cli("runs", "--csv").mistake

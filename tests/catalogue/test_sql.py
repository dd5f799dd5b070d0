"""Questions in SQL: answered over all runs, and nothing else is done or read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unrolled.catalogue import ask
from unrolled.errors import RecordError, SpecError
from unrolled.record import METRICS, RESULT, SPEC
from unrolled.spec import default_spec, dump_yaml
from unrolled.training import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that were trained, one that was only begun, one of a graph."""
    root = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        for _ in train(
            default_spec("palindromes", hidden=4, batch=4, steps=60, seed=seed), name=f"it's {seed}", runs=root
        ):
            pass
    for _ in train(default_spec("nodes", graph="karate", steps=3), name="graph", runs=root):
        pass
    (root / "begun").mkdir()
    (root / "begun" / SPEC).write_text(dump_yaml(default_spec("palindromes")))
    return root


def test_a_row_a_run(runs: Path) -> None:
    found = ask("SELECT name, status, hidden, seed, steps, asked_steps, length, graph FROM runs ORDER BY name", runs)
    assert found.columns[:2] == ("name", "status")
    assert found.rows == (
        ("begun", "unfinished", 128, 0, None, 10_000, 10, None),
        ("graph", "done", 16, 0, 3, 3, None, "karate"),
        ("it's 0", "done", 4, 0, 60, 60, 10, None),
        ("it's 1", "done", 4, 1, 60, 60, 10, None),
    )
    result = json.loads((runs / "it's 0" / RESULT).read_text())
    (told,) = ask("SELECT accuracy, loss_nats, seconds FROM runs WHERE name = 'it''s 0'", runs).rows
    assert told == (result["evaluation"]["accuracy"], result["evaluation"]["loss_nats"], result["seconds"])


def test_a_row_a_line_of_the_metrics(runs: Path) -> None:
    with (runs / "it's 1" / METRICS).open("a") as file:
        file.write('{"step": 61, "ki')  # it is being written
    query = "SELECT run, step, m.loss_nats FROM metrics m JOIN runs ON run = name WHERE seed = 1 AND kind = 'train'"
    lines = [json.loads(line) for line in (runs / "it's 1" / METRICS).read_text().splitlines()[:-1]]
    expected = tuple(("it's 1", line["step"], line["loss_nats"]) for line in lines if line["kind"] == "train")
    assert ask(f"{query} ORDER BY step", runs).rows == expected != ()
    assert len(ask("DESCRIBE metrics", runs).rows) == 12


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT", "no SQL"),
        ("SELECT celll FROM runs", "celll"),
        ("DROP TABLE runs", "is no question"),
        ("SELECT 1; SELECT 2", "is no question"),
        ("COPY runs TO 'x.csv'", "is no question"),
        ("SET enable_external_access = true", "is no question"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM glob('/*')", "disabled by configuration"),
    ],
)
def test_anything_else_is_one_line(runs: Path, sql: str, expected: str) -> None:
    with pytest.raises(SpecError, match=expected) as caught:
        ask(sql, runs)
    assert "\n" not in str(caught.value)


def test_damaged_metrics_are_said(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / SPEC).write_text(dump_yaml(default_spec("palindromes")))
    assert ask("SELECT count(*) FROM metrics", tmp_path).rows == ((0,),)
    for damaged in ("no JSON\n", '{"step": }\n'):
        (tmp_path / "run" / METRICS).write_text(damaged)
        assert ask("SELECT count(*) FROM runs", tmp_path).rows == ((1,),)
        with pytest.raises(RecordError, match="damaged"):
            ask("SELECT count(*) FROM metrics", tmp_path)
    assert ask("SELECT count(*) FROM runs", tmp_path / "nowhere").rows == ((0,),)

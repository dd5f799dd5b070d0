"""Claim 4 on a small text of our own: every number beside the one it is compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from unrolled.experiments import CLAIMS, text
from unrolled.record import Run
from unrolled.spec import RunSpec, TextSpec
from unrolled.training import train

WORDS = "the king said to his daughter that the frog was in the well and she wept for her golden ball. "


@pytest.fixture
def tale(tmp_path: Path) -> str:
    path = tmp_path / "tale.txt"
    path.write_text("Sleeping beauty is asleep. " + WORDS * 40 + "\n")
    return str(path)


def test_the_course_s_text_where_it_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "cached", lambda name: None)
    (spec,) = text.specs("quick", ())
    assert isinstance(spec.task, TextSpec)
    assert spec.task.source == "grimm"
    assert any("another edition" in sentence for sentence in CLAIMS["text"].shortened("quick"))
    monkeypatch.setattr(text, "cached", lambda name: Path(name))
    spec, _ = text.specs("full", ())
    assert isinstance(spec.task, TextSpec)
    assert spec.task.source == "grimm-2591"
    assert CLAIMS["text"].shortened("full") == ()


def test_the_settings_are_the_reports() -> None:
    for budget, steps in (("quick", 2000), ("full", 161_600)):
        spec, *others = text.specs(budget, ())  # type: ignore[arg-type]
        model, training = spec.model, spec.training
        assert (model.layers, model.hidden, training.batch, training.clip) == (2, 128, 64, 5)
        assert (training.learning_rate, training.schedule, training.steps) == (2e-3, "course", steps)
    (report_b,) = others
    assert (report_b.model.input, report_b.model.embedding, report_b.training.steps) == ("embedding", 87, 336_000)


@pytest.fixture
def trained(tale: str, tmp_path: Path, shrink: Callable[..., RunSpec]) -> Callable[..., Run]:
    def train_it(steps: int = 6) -> Run:
        (spec,) = text.specs("quick", ())
        spec = dataclasses.replace(spec, task=TextSpec(source=tale, window=8))
        *_, last = train(shrink(spec, steps=steps), name=f"tale-{steps}", runs=tmp_path / "runs")
        assert last.run is not None
        return last.run

    return train_it


def test_tables_and_the_network_stand_side_by_side(trained: Callable[..., Run]) -> None:
    run = trained()
    findings = text.measure([run], "quick", ())
    rows = {row.what: row for row in findings.rows}
    assert rows["Training accuracy at step 500"].measured == "no run finished"
    assert rows["Training accuracy after 20 epochs"].verdict == "not reached"
    # the small text repeats itself, so a table of long contexts guesses nearly all of it
    high = rows["Held-out accuracy of back-off, order 8"]
    assert high.verdict == "not reached"
    assert float(high.measured) > 0.95
    assert "another text" in high.note
    orders = next(table for table in findings.tables if "tables and the network" in table.title)
    assert [row[0] for row in orders.rows[:2]] == ["order 0", "order 1"]
    assert len(orders.rows) == 12
    texts = {written.title: written for written in findings.texts}
    assert "Step 0" in texts
    third = texts["3/3 of training, step 6"]
    assert [len(sample) - 1 for sample in third.samples] == [30] * 5 + [40] * 5 + [60] * 5
    assert len(texts["T = 0.5 (τ = 2): 500 characters"].samples[0]) == 501
    assert texts["greedy: 120 characters after “Sleeping beauty is”"].samples[0].startswith("Sleeping beauty is")
    copying = next(table for table in findings.tables if "copied" in table.title)
    assert [row[0] for row in copying.rows] == list(texts)
    assert "needs" in findings.answer
    loops = next(table for table in findings.tables if "Loops" in table.title)
    assert len(loops.rows) == 5
    positions = next(figure for figure in findings.figures if figure.title == "How far into the window")
    assert len(positions.curves[0].x) == 8


def test_without_the_run_nothing_is_claimed() -> None:
    findings = text.measure([], "quick", ())
    assert {row.verdict for row in findings.rows} == {"not reached"}

"""The claim about reach: what it reads off stories whose ends are known, and one that is lived."""

from __future__ import annotations

import pytest

from unrolled.experiments import reach
from unrolled.experiments.reach import Look, Sizes, Story, follow, ring_and_sequence

TINY = Sizes(length=4, hidden=6, batch=8, steps=4, every=2, seeds=2)


def made_up(cell: str, setting: str, seed: int, first: float, accuracy: float) -> Story:
    looks = (Look(0, 0.1, first, 1.0), Look(10, accuracy, min(1.0, 2 * first), 2.0))
    return Story(cell, setting, seed, looks)


def test_a_perfect_prediction_and_none() -> None:
    rising = [made_up("rnn", "healthy", seed, 0.1 * (seed + 1), 0.3 * (seed + 1)) for seed in range(3)]
    assert reach._prediction_row(rising).measured == "rank correlation +1.00"
    flat = [made_up("rnn", "healthy", seed, 0.1 * (seed + 1), 1.0) for seed in range(3)]
    (row,) = reach._within_rows(flat)
    assert row.measured == "all the same"
    assert "3 of 3 seeds solved" in reach._setting_rows(flat, ["rnn"])[0].note


def test_a_story_begins_before_training_and_its_end_is_known() -> None:
    story = follow("lstm", "report A", 1, TINY, "quick")
    assert [look.step for look in story.looks] == [0, 2, 4]
    assert story.looks == follow("lstm", "report A", 1, TINY, "quick").looks
    assert all(0 <= look.first <= 1 and 0 <= look.distance <= 2 for look in story.looks)


def test_a_ring_and_a_sequence_in_one_picture() -> None:
    found = ring_and_sequence()
    assert [each.unit for each in found.values()] == ["steps", "steps", "hops", "hops"]
    near, far = list(found.values())[2:]
    assert far.mean_distance.value == pytest.approx(2 * near.mean_distance.value, rel=0.03)  # 4 times the layers


def test_every_row_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reach.SIZES, "quick", TINY)
    findings = reach.measure([], "quick", ())
    assert {row.verdict for row in findings.rows} == {"measured"}
    assert len(findings.tables[0].rows) == 12
    assert len(findings.figures) == 3
    assert findings.answer.endswith("(medians).")

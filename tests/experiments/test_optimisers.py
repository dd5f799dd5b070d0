"""Claim 5: every optimiser with and without clipping, and a valley whose drawing is the surface itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unrolled.analysis.valley import height
from unrolled.experiments import optimisers
from unrolled.record import Run


def test_four_optimisers_with_and_without_clipping() -> None:
    combinations = {(spec.training.optimiser, spec.training.clip) for spec in optimisers.specs("quick", ())}
    assert len(combinations) == 8
    assert {name for name, _ in combinations} == {"sgd", "momentum", "rmsprop", "adam"}


@pytest.mark.parametrize("level", [1.0, 64.0])
def test_a_level_line_is_at_its_level(level: float) -> None:
    curve = optimisers._contour(level)
    assert [height(u, v) for u, v in zip(curve.x, curve.y, strict=True)] == pytest.approx([level] * len(curve.x))


def test_thinning_keeps_the_first_steps_and_the_last() -> None:
    points = tuple((float(k), float(k)) for k in range(3001))
    thinned = optimisers._thinned(points)
    assert thinned[:60] == points[:60]
    assert thinned[-1] == points[-1]
    assert len(thinned) <= 242


def test_rows_and_answer_are_the_runs(made_up: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimisers, "VALLEY_STEPS", 20)
    runs = [
        made_up(spec, [(25, 0.4), (300, 1.0 if spec.training.optimiser == "adam" else 0.5)])
        for spec in optimisers.specs("quick", ())
    ]
    findings = optimisers.measure(runs, "quick", ())
    rows = {row.what: row for row in findings.rows}
    assert rows["Adam, no clipping: seeds solved"].measured == "2 of 2 (at step 300, 300)"
    assert rows["SGD, clipped at 1: seeds solved"].measured == "0 of 2"
    assert "clipping acted on 25 % of the steps" in rows["SGD, clipped at 1: seeds solved"].note
    assert "clipping acted" not in rows["SGD, no clipping: seeds solved"].note
    assert findings.answer.startswith("Without clipping Adam solved the task on every seed; in the valley ")
    valley = next(table for table in findings.tables if table.title.startswith("The valley"))
    assert [row[0] for row in valley.rows] == ["SGD", "momentum", "RMSprop", "Adam"]

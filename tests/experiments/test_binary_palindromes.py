"""Claim 2: full is report B's budget, and the rows say what the runs say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unrolled.experiments import CLAIMS, Budget
from unrolled.experiments.binary_palindromes import MAJORITY, measure, specs
from unrolled.record import Run
from unrolled.spec import build_task


def test_full_is_report_b_s_budget_and_quick_says_what_it_shortened() -> None:
    for spec in specs("full", ()):
        model, training = spec.model, spec.training
        assert (model.hidden, model.input, model.initialisation) == (256, "embedding", "kaiming")
        assert (training.batch, training.optimiser, training.learning_rate) == (256, "adam", 1e-4)
        assert (training.steps, training.clip) == (3000, 10)
    assert len(specs("quick", ())) == 18
    assert len(CLAIMS["binary-palindromes"].shortened("quick")) == 4


def test_the_majority_line_is_the_task_s() -> None:
    assert build_task(specs("quick", ())[0]).majority == pytest.approx(MAJORITY, abs=0.005)


@pytest.mark.parametrize(
    ("missed", "budget", "verdict"),
    [(0, "quick", "reproduced"), (1, "quick", "not reached"), (0, "full", "reproduced"), (1, "full", "differs")],
)
def test_one_seed_less_is_a_difference_at_the_published_sizes(
    made_up: Callable[..., Run], missed: int, budget: Budget, verdict: str
) -> None:
    runs = [
        made_up(spec, [(100, 0.66), (200, 0.66 if spec.training.seed < missed else 1.0)]) for spec in specs("quick", ())
    ]
    findings = measure(runs, budget, ())
    assert {row.verdict for row in findings.rows if row.published} == {verdict}
    assert {row.verdict for row in findings.rows if not row.published} == {"measured"}
    assert ("but for" in findings.answer) == bool(missed)
    assert {name for figure in findings.figures for name in figure.sources} == {run.name for run in runs}


def test_a_joining_cell_has_its_row_and_its_curves(made_up: Callable[..., Run]) -> None:
    runs = [made_up(spec, [(100, 1.0)]) for spec in specs("quick", ("gru",))]
    findings = measure(runs, "quick", ("gru",))
    assert [row.measured for row in findings.rows if row.what.startswith("GRU")] == [
        "3 of 3 (at step 100, 100, 100)"
    ] * 2
    assert {"GRU"} <= {curve.label for curve in findings.figures[0].curves}

"""Claim 6: counts by formula and by counting; the gates need a trained run and do not pretend to one."""

from __future__ import annotations

from unrolled.experiments import palindromes
from unrolled.experiments.gates import measure, specs


def test_the_counts_are_the_formulas_and_the_published_ones() -> None:
    findings = measure([], "quick", ())
    assert [row.verdict for row in findings.rows] == ["reproduced"] * 3
    assert [row.measured for row in findings.rows] == ["71168", "72458", "71680"]
    (table,) = findings.tables
    assert len(table.rows) == 10
    assert all(row[3] == row[4] for row in table.rows)


def test_without_a_run_no_gates_are_shown() -> None:
    findings = measure([], "quick", ())
    assert findings.figures == ()
    assert "was not trained" in findings.answer


def test_its_run_is_one_of_the_first_claim() -> None:
    (spec,) = specs("quick", ())
    assert spec.identity() in {each.identity() for each in palindromes.specs("quick", ())}

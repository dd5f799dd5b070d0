"""Verdicts follow from the numbers, in both directions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unrolled.experiments.rows import bound_row, number_row, solved_row
from unrolled.record import Run
from unrolled.spec import default_spec


@pytest.mark.parametrize(
    ("values", "comparable", "verdict"),
    [
        ([0.18], True, "reproduced"),
        ([0.05, 0.22, 0.9], True, "reproduced"),
        ([0.24], True, "differs"),
        ([0.12], True, "differs"),
        ([0.24], False, "not reached"),
        ([0.18], False, "not reached"),
        ([], True, "not reached"),
    ],
)
def test_number(values: list[float], comparable: bool, verdict: str) -> None:
    row = number_row("w", "A: .18", values, number=0.18, within=0.05, comparable=comparable)
    assert row.verdict == verdict
    assert (row.what, row.published) == ("w", "A: .18")
    if values:
        assert ("within .05" if comparable else "not compared") in row.note


@pytest.mark.parametrize(
    ("solved", "published", "reachable", "verdict"),
    [
        (3, "B: 1.0", True, "reproduced"),
        (2, "B: 1.0", True, "reproduced"),
        (1, "B: 1.0", True, "differs"),
        (1, "B: 1.0", False, "not reached"),
        (2, "B: 1.0", False, "reproduced"),
        (0, "", True, "measured"),
    ],
)
def test_solved(made_up: Callable[..., Run], solved: int, published: str, reachable: bool, verdict: str) -> None:
    runs = [made_up(default_spec("palindromes"), [(50, 1.0 if seed < solved else 0.2)]) for seed in range(3)]
    row = solved_row("w", published, runs, at_least=2, reachable=reachable)
    assert row.verdict == verdict
    assert row.measured.startswith(f"{solved} of 3")


def test_no_runs_are_not_a_difference() -> None:
    assert solved_row("w", "B: 1.0", [], at_least=1, reachable=True).verdict == "not reached"


@pytest.mark.parametrize(
    ("values", "reachable", "verdict"),
    [
        ([0.11], True, "reproduced"),
        ([0.11], False, "not reached"),
        ([0.4], True, "differs"),
        ([0.4], False, "differs"),
        ([], True, "not reached"),
    ],
)
def test_bound(values: list[float], reachable: bool, verdict: str) -> None:
    assert bound_row("w", "A: nothing", values, below=0.13, reachable=reachable, note="").verdict == verdict

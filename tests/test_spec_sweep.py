"""A spec with lists: what it stands for, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from unrolled.errors import SpecError, UnknownName
from unrolled.spec import default_spec, expand


def sweep(**changes: Any) -> dict[str, Any]:
    return {"task": {"name": "palindromes", "length": "5:15:5"}, "training": {"seed": [0, 3]}, **changes}


def test_a_grid_is_every_combination_once_in_order() -> None:
    found = expand(sweep(model={"cell": ["rnn", "lstm", "rnn"]}))
    assert found.varied == ("task.length", "model.cell", "training.seed")
    assert [(s.task.length, s.model.cell, s.training.seed) for s in found.specs] == [  # type: ignore[union-attr]
        (length, cell, seed) for length in (5, 10, 15) for cell in ("rnn", "lstm") for seed in (0, 3)
    ]


def test_without_lists_it_is_one_run() -> None:
    found = expand({"task": {"name": "palindromes", "length": 7}})
    assert found.specs == (default_spec("palindromes", length=7),) and found.varied == ()


def test_zip_goes_side_by_side() -> None:
    found = expand({"task": {"length": [5, 9]}, "model": {"hidden": "3:4"}, "combine": "zip"}, task="palindromes")
    assert [(s.task.length, s.model.hidden) for s in found.specs] == [(5, 3), (9, 4)]  # type: ignore[union-attr]


def test_draws_repeat_with_their_seed_and_keep_their_bounds() -> None:
    many = {
        "task": {"name": "palindromes", "length": {"uniform": [5, 9]}},
        "training": {"learning_rate": {"log-uniform": [1e-4, 1e-2]}, "optimiser": ["adam", "sgd"]},
        "combine": "random",
        "draws": 40,
    }
    found = expand(many).specs
    assert found == expand(many).specs != expand(many | {"seed": 1}).specs
    assert len(found) == 40
    assert all(1e-4 <= s.training.learning_rate <= 1e-2 for s in found)
    assert {s.task.length for s in found} == {5, 6, 7, 8, 9}  # type: ignore[union-attr]
    assert 8 < sum(s.training.learning_rate < 1e-3 for s in found) < 32  # half of them, on a logarithmic scale
    assert {s.training.optimiser for s in found} == {"adam", "sgd"}


def test_a_run_has_the_identity_that_it_has_alone() -> None:
    (spec,) = expand({"task": {"name": "palindromes", "length": [20]}, "training": {"seed": "4:4"}}).specs
    assert spec.identity() == default_spec("palindromes", length=20, seed=4).identity()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"combine": "all"}, "combine is 'all': grid, zip or random"),
        ({"combine": "zip"}, "task.length has 3, training.seed has 2"),
        ({"combine": "random"}, "say how many runs are drawn"),
        ({"draws": 3}, "draws go with combine: random"),
        ({"training": {"seed": []}}, "an empty list"),
        ({"training": {"seed": "5:1"}}, "the range '5:1' is empty"),
        ({"training": {"learning_rate": {"uniform": [0, 1]}}}, "say combine: random"),
        ({"training": {"learning_rate": {"normal": [0, 1]}}}, "is no draw"),
        ({"training": {"learning_rate": {"log-uniform": [0, 1]}}}, "above 0 for log-uniform"),
        ({"training": {"seed": "0:999999"}}, "more than 100000 runs"),
        ({"training": {"sed": [0, 1]}}, "did you mean 'training.seed'"),
        ({"model": {"cell": ["rnn", "lstn"]}}, "did you mean 'lstm'"),
        ({"training": {"seed": [0, "x"]}}, "training.seed is 'x'"),
    ],
)
def test_refused_in_one_line(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises((SpecError, UnknownName)) as refused:
        expand(sweep(**changes))
    assert expected in str(refused.value)

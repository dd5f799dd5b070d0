"""What is read off runs, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from unrolled.errors import UserCodeError
from unrolled.experiments import readings
from unrolled.record import Run
from unrolled.spec import default_spec


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(0.18, 2, ".18"), (1.0, 2, "1.00"), (0.0, 2, ".00"), (0.5964, 3, ".596"), (-0.2, 1, "-0.2")],
)
def test_shares_are_written_as_the_reports_do(value: float, digits: int, shown: str) -> None:
    assert readings.decimal(value, digits) == shown


def test_the_median_stands_before_every_seed() -> None:
    assert readings.listed([0.22, 0.20, 0.21]) == ".21 (.20, .21, .22)"
    assert readings.listed([0.2]) == ".20"
    assert readings.listed([]) == "no run finished"


def test_lists_in_words() -> None:
    assert readings.join(["a"]) == "a"
    assert readings.join(["a", "b"]) == "a and b"
    assert readings.join(["a", "b", "c"]) == "a, b and c"


def test_a_user_s_cell_is_called_by_its_class() -> None:
    assert readings.cell_name("some/where.py:MyCell") == "MyCell"
    assert readings.cell_name("lstm") == "LSTM"


def test_a_cell_keeps_its_tone_whoever_joins() -> None:
    alone, joined = readings.cell_tones(["lstm"]), readings.cell_tones(["gru", "lstm"])
    assert alone["lstm"] == joined["lstm"]
    assert len(set(joined.values())) == 3


def test_k_of_n_and_when(made_up: Callable[..., Run]) -> None:
    spec = default_spec("palindromes")
    runs = [
        made_up(spec, [(100, 0.3), (200, 0.992)]),
        made_up(spec, [(100, 1.0)]),
        made_up(spec, [(100, 0.3), (200, 0.98)]),
    ]
    assert readings.solved_of(runs) == "2 of 3"
    assert readings.solved_steps(runs) == "100, 200"
    assert [readings.is_solved(run) for run in runs] == [True, True, False]


def test_the_last_value_at_or_before_a_step(made_up: Callable[..., Run]) -> None:
    run = made_up(default_spec("palindromes"), [(100, 0.1), (200, 0.2)])
    assert readings.value_at(run, 99) is None
    assert readings.value_at(run, 199) == 0.1
    assert readings.value_at(run, 200) == 0.2
    assert readings.evaluations(run, "loss_nats")[0] == (100.0, 200.0)


def test_unfinished_runs_are_not_chosen_and_seeds_are_in_order(made_up: Callable[..., Run]) -> None:
    runs = [made_up(default_spec("palindromes", seed=seed), [(1, 0.1)]) for seed in (2, 0, 1)]
    runs.append(replace(runs[0], result=None))
    assert [run.spec.training.seed for run in readings.choose(runs, lambda run: True)] == [0, 1, 2]


@dataclass(frozen=True)
class Sizes:
    steps: int
    rate: float
    hidden: int = 128


def test_only_what_was_shortened_is_said() -> None:
    words = {"steps": "steps", "rate": "learning rate", "hidden": "units"}
    assert readings.differences(Sizes(10_000, 1e-3), Sizes(10_000, 1e-3), words) == ()
    assert readings.differences(Sizes(4000, 0.003), Sizes(10_000, 1e-4), words) == (
        "steps: 4 000 instead of 10 000",
        "learning rate: 0.003 instead of 0.0001",
    )


def test_a_user_s_cell_has_to_be_named_again(made_up: Callable[..., Run], own_cell: str) -> None:
    own = made_up(default_spec("palindromes", cell=own_cell), [(1, 0.1)])
    assert readings.named_cell(made_up(default_spec("palindromes"), [(1, 0.1)]), ()) is None
    assert readings.named_cell(own, (own_cell,)) == own_cell
    with pytest.raises(UserCodeError, match="name it again"):
        readings.named_cell(own, ())

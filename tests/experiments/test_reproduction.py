"""Claims go on where they were cut, do nothing twice, and one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from unrolled.errors import SpecError, UnknownName, UnrolledError, UserCodeError
from unrolled.experiments import (
    CLAIMS,
    Budget,
    Claim,
    ClaimFailed,
    ClaimFinished,
    ClaimStarted,
    Event,
    Findings,
    Row,
    RunFailed,
    RunFinished,
    RunProgressed,
    read_result,
    reproduce,
    result_path,
)
from unrolled.experiments import reproduction as room
from unrolled.record import Run
from unrolled.spec import RunSpec, default_spec
from unrolled.training import cost

SEEDS = (0, 1)


def tiny(seed: int, cell: str = "rnn", steps: int = 2) -> RunSpec:
    return default_spec(
        "palindromes", cell=cell, hidden=4, length=3, batch=4, steps=steps, seed=seed, evaluate_every=steps
    )


def a_claim(name: str, steps: int = 2, **changes: object) -> Claim:
    def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
        return tuple(tiny(seed, cell, steps) for cell in ("rnn", *cells) for seed in SEEDS)

    def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
        return Findings(f"{len(runs)} runs.", (Row("runs", "", str(len(runs)), "measured"),))

    claim = Claim(name, name.title(), "How many?", "as many", {"quick": 1, "full": 2}, specs, measure)
    return dataclasses.replace(claim, **changes)  # type: ignore[arg-type]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Claim]:
    """Two tiny claims with the same runs."""
    claims = {name: a_claim(name) for name in ("first", "second")}
    monkeypatch.setattr("unrolled.experiments.reproduction.CLAIMS", claims)
    return claims


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events if not isinstance(event, RunProgressed)]


def results(events: Sequence[Event]) -> list[tuple[str, bool]]:
    return [(event.result.claim, event.reused) for event in events if isinstance(event, ClaimFinished)]


def test_it_trains_once_and_then_not_at_all(table: dict[str, Claim], tmp_path: Path) -> None:
    first = list(reproduce(runs=tmp_path, workers=1))
    assert kinds(first) == [ClaimStarted, ClaimStarted, RunFinished, RunFinished, ClaimFinished, ClaimFinished]
    finished = [event for event in first if isinstance(event, RunFinished)]
    assert [(event.claims, event.reused, event.left) for event in finished] == [
        (("first", "second"), False, 1),
        (("first", "second"), False, 0),
    ]
    assert results(first) == [("first", False), ("second", False)]
    stored = read_result(result_path(tmp_path, "first", "quick"))
    assert stored.answer == "2 runs."
    assert set(stored.runs) == {event.run.name for event in finished}
    assert set(stored.identities) == {tiny(seed).identity() for seed in SEEDS}

    second = list(reproduce(runs=tmp_path, workers=1))
    assert kinds(second) == [ClaimFinished, ClaimFinished]
    assert results(second) == [("first", True), ("second", True)]
    assert [event.result for event in second if isinstance(event, ClaimFinished)] == [
        event.result for event in first if isinstance(event, ClaimFinished)
    ]


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trains in this process, with what is on disk skipped as by `run_all`; the names of what was trained."""
    from unrolled.record import list_runs
    from unrolled.training import Failure, train

    trained: list[str] = []

    def run_all(specs: Sequence[RunSpec], *, runs: Path, workers: int) -> Iterator[tuple[RunSpec, object]]:
        there = {run.spec.identity(): run for run in list_runs(runs) if run.result is not None}
        for spec in specs:
            if spec.identity() in there:
                yield spec, there[spec.identity()]
                continue
            trained.append(spec.identity())
            try:
                *_, last = train(spec, name=f"run-{spec.identity()}", runs=runs, resume=True)
            except UnrolledError as error:
                yield spec, Failure(error, None)
            else:
                yield spec, last.run

    monkeypatch.setattr("unrolled.experiments.reproduction.run_all", run_all)
    return trained


def test_a_claim_whose_specs_changed_is_measured_again(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path
) -> None:
    list(reproduce(["first"], runs=tmp_path))
    table["first"] = a_claim("first", steps=3)
    events = list(reproduce(["first"], runs=tmp_path))
    assert results(events) == [("first", False)]
    assert len(at_home) == 4


def test_a_claim_that_another_has_trained_for_trains_nothing(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path
) -> None:
    list(reproduce(["first"], runs=tmp_path))
    events = list(reproduce(["second"], runs=tmp_path))
    assert [event.reused for event in events if isinstance(event, RunFinished)] == [True, True]
    assert results(events) == [("second", False)]
    assert len(at_home) == 2


@pytest.mark.parametrize("damage", ["no result", "no json", "no run", "other version"])
def test_a_result_that_cannot_be_trusted_is_measured_again(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    import shutil

    list(reproduce(["first"], runs=tmp_path))
    path = result_path(tmp_path, "first", "quick")
    if damage == "no result":
        path.unlink()
    elif damage == "no json":
        path.write_text("{")
    elif damage == "no run":
        shutil.rmtree(tmp_path / f"run-{tiny(0).identity()}")
    else:
        monkeypatch.setattr("unrolled.experiments.reproduction.__version__", "9")
    assert results(list(reproduce(["first"], runs=tmp_path))) == [("first", False)]
    assert len(at_home) == (3 if damage == "no run" else 2)


def test_closing_it_in_the_middle_and_starting_again_trains_only_the_rest(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path
) -> None:
    events = reproduce(runs=tmp_path)
    for event in events:
        if isinstance(event, RunFinished):
            break
    events.close()  # type: ignore[attr-defined]
    assert len(at_home) == 1
    again = list(reproduce(runs=tmp_path))
    assert results(again) == [("first", False), ("second", False)]
    assert len(at_home) == 2


def test_a_run_that_fails_is_told_and_tried_again_the_next_time(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path
) -> None:
    (tmp_path / f"run-{tiny(0).identity()}").write_text("a file in the way")
    events = list(reproduce(["first"], runs=tmp_path))
    assert kinds(events) == [ClaimStarted, RunFailed, RunFinished, ClaimFinished]
    (finished,) = [event.result for event in events if isinstance(event, ClaimFinished)]
    assert finished.answer == "1 runs."
    (reason,) = finished.failed
    assert "seed 0" in reason
    (tmp_path / f"run-{tiny(0).identity()}").unlink()
    again = list(reproduce(["first"], runs=tmp_path))
    assert [event.result.failed for event in again if isinstance(event, ClaimFinished)] == [()]


def test_a_claim_that_cannot_begin_or_be_measured_leaves_the_others(
    table: dict[str, Claim], at_home: list[str], tmp_path: Path
) -> None:
    def no_text(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
        return (default_spec("text", source=str(tmp_path / "nowhere.txt")),)

    def trouble(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
        raise UserCodeError("it does not observe")

    table["first"] = a_claim("first", specs=no_text)
    table["third"] = a_claim("third", measure=trouble)
    events = list(reproduce(runs=tmp_path))
    failed = {event.claim.name: str(event.error) for event in events if isinstance(event, ClaimFailed)}
    assert failed.keys() == {"first", "third"}
    assert "nowhere.txt" in failed["first"]
    assert failed["third"] == "it does not observe"
    assert results(events) == [("second", False)]


def test_a_cell_of_one_s_own_joins(table: dict[str, Claim], at_home: list[str], tmp_path: Path, own_cell: str) -> None:
    events = list(reproduce(["first"], runs=tmp_path, cells=[own_cell, "gru", own_cell]))
    (finished,) = [event.result for event in events if isinstance(event, ClaimFinished)]
    assert finished.answer == "6 runs."
    assert finished.cells == (own_cell, "gru")
    without = list(reproduce(["first"], runs=tmp_path))
    assert results(without) == [("first", False)]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"names": ["palindrome"]}, UnknownName, "did you mean 'palindromes'"),
        ({"budget": "huge"}, SpecError, "quick or full"),
        ({"cells": ["lstn"]}, UnknownName, "did you mean 'lstm'"),
        ({"cells": ["nowhere.py:My"]}, UserCodeError, "nowhere.py"),
    ],
)
def test_mistakes_are_said_at_once(
    arguments: dict[str, object], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        reproduce(runs=tmp_path, **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_longest_run_comes_first_and_every_run_once() -> None:
    opened = [
        room._Open(CLAIMS[name], specs := CLAIMS[name].specs("quick", ()), {spec.identity() for spec in specs})
        for name in ("gates", "palindromes", "optimisers")
    ]
    queue = room._queue(opened)
    identities = [spec.identity() for spec in queue]
    assert len(identities) == len(set(identities))
    assert set(identities) == set().union(*(each.waiting for each in opened))
    assert cost(queue[0]) == max(map(cost, queue))

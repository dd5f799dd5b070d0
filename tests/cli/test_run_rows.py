"""The table of many runs: what it counts, what time it says is left, and that it fits the terminal."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console
from tests.cli.progressed import progress

from unrolled.cli.run_rows import RunRows
from unrolled.spec import RunSpec, default_spec

SPECS = [default_spec("palindromes", length=20, steps=600, seed=seed) for seed in range(4)]
LONG = default_spec("random-combinations", cell="full-peephole", steps=600, seed=2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is, to be set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def lines(rows: RunRows, width: int = 80, height: int = 24) -> list[str]:
    """What stands on the screen."""
    rows._console.width, rows._console.height = width, height
    screen = io.StringIO()
    Console(file=screen, width=width).print(rows.table())
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def rows_of(*specs: RunSpec) -> RunRows:
    rows = RunRows(Console(file=io.StringIO(), force_terminal=True))
    rows.expect(specs)
    return rows


def test_done_running_failed_left_and_best(clock: list[float]) -> None:
    rows = rows_of(*SPECS)
    assert lines(rows) == ["             0 of 4 runs done, 0 running"]
    for spec in SPECS[:2]:
        rows.draw(spec, progress(0))
    clock[0] += 10
    rows.draw(SPECS[0], progress(300))
    sums, first, second = lines(rows)
    assert sums.endswith("0 of 4 runs done, 2 running, about 0:01:10 left")  # half a run in ten seconds, 3.5 are left
    assert first.startswith("palindromes-lstm-20-seed0") and "300/600 accuracy 0.750 0:01:07" in first
    assert "0/600" in second
    rows.end(SPECS[0], steps=600, accuracy=0.998)
    rows.end(SPECS[1])
    rows.draw(SPECS[2], progress(0, size=12, elsewhere=True))
    sums, best, third = lines(rows)
    assert sums.endswith("1 of 4 runs done, 1 running, 1 failed, about 0:00:20 left")
    assert best == "best 0.998  palindromes-lstm-20-seed0"
    assert "length 12  accuracy 0.750 elsewhere" in third
    rows.end(SPECS[2], steps=600, accuracy=0.5)
    rows.end(SPECS[3], steps=600, accuracy=None)
    assert lines(rows) == ["━━━━━━━━━━━━ 3 of 4 runs done, 0 running, 1 failed", best]


def test_what_was_there_or_was_resumed_does_not_count_as_speed(clock: list[float]) -> None:
    rows = rows_of(*SPECS[:3])
    rows.end(SPECS[0], steps=600, accuracy=1.0)
    rows.draw(SPECS[1], progress(540))
    clock[0] += 10
    rows.draw(SPECS[1], progress(570))
    assert rows.seconds_left() == pytest.approx(10 * (0.05 + 1) / 0.05)
    stops = rows_of(default_spec("palindromes", stop="solved"))
    stops.draw(default_spec("palindromes", stop="solved"), progress(0))
    clock[0] += 10
    stops.draw(default_spec("palindromes", stop="solved"), progress(300))
    sums, row = lines(stops)
    assert "at most" in sums
    assert row.endswith("≤ 0:01:07")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits(width: int, clock: list[float]) -> None:
    many = [default_spec("palindromes", length=length, steps=600) for length in range(5, 45)]
    rows = rows_of(LONG, *many)
    for spec in (LONG, *many):
        rows.draw(spec, progress(600))
    shown = lines(rows, width, height=10)
    assert max(map(len, shown)) <= width
    assert len(shown) == 8  # two lines are left to what is printed above
    assert shown[-1] == f"… and {41 - (len(shown) - 2)} more"
    assert shown[1].partition(" ")[0].endswith("seed2")  # a long name loses its middle
    assert "600/600" in shown[1]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_it_is_drawn_in_a_terminal_only(is_terminal: bool) -> None:
    screen = io.StringIO()
    rows = RunRows(Console(file=screen, force_terminal=is_terminal, width=80), lambda spec: "this one")
    rows.expect(SPECS)
    rows.start()
    rows.draw(SPECS[0], progress(300))
    rows.stop()
    assert ("this one" in screen.getvalue()) is is_terminal
    assert is_terminal or screen.getvalue() == ""

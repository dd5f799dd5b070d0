"""The memory curve: the runs it asks for, and what is read off rows whose outcome is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from unrolled.analysis.memory import memory_curve
from unrolled.catalogue import ResultRow
from unrolled.errors import InputError, UnknownName
from unrolled.experiments.memory import curves, memory_findings
from unrolled.experiments.memory_specs import (
    CELLS,
    SETTINGS,
    SIZES,
    least_size,
    memory_spec,
    memory_specs,
    switched_spec,
    switches,
)
from unrolled.experiments.memory_switches import switch_findings
from unrolled.experiments.palindromes import report_a_spec
from unrolled.experiments.readings import cell_name
from unrolled.report import render_svg
from unrolled.spec import TASKS, RunSpec, build_network, build_task, dump_yaml, parse


def row(spec: RunSpec, accuracy: float | None, steps: int = 100) -> ResultRow:
    """A finished run that nobody trained."""
    solved = accuracy is not None and accuracy >= 0.99
    return ResultRow(
        spec,
        {
            "identity": spec.identity(),
            "stopped": "diverged" if accuracy is None else "solved" if solved else "steps",
            "steps": steps,
            "solved": solved,
            "evaluation": None if accuracy is None else {"accuracy": accuracy, "loss_nats": 1.0, "count": 2000},
            "seconds": steps / 50,
        },
    )


# ── the runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("task", SIZES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_cell_can_be_built_for_every_task_and_setting(task: str, setting: Any) -> None:
    for cell in CELLS:
        for size in (least_size(task), least_size(task) + 3):
            spec = memory_spec(task, setting, cell, size, seed=1)
            assert spec.size == size
            assert parse(spec.to_mapping()) == spec, dump_yaml(spec)
            build_network(spec, build_task(spec))
            assert spec.training.stop == "solved"


def test_every_task_with_a_size_has_a_curve() -> None:
    assert set(SIZES) == {name for name, entry in TASKS.items() if entry.size is not None}
    with pytest.raises(InputError, match=r"'text' has no size .* these have: palindromes, binary-palindromes"):
        least_size("text")
    with pytest.raises(UnknownName, match="no task 'palindrome'; did you mean 'palindromes'"):
        least_size("palindrome")


def test_published_settings_are_the_claims() -> None:
    for cell in ("rnn", "lstm"):
        for length in (5, 10):
            ours = memory_spec("palindromes", "published", cell, length, 2)
            assert ours.identity() == report_a_spec(cell, length, 2, "quick").identity()


def test_a_curve_that_is_stopped_has_every_size_and_the_small_ones_most() -> None:
    specs = memory_specs("palindromes", ("healthy",), ("rnn",), (5, 10, 20, 40), 4)
    places = [(spec.size, spec.training.seed) for spec in specs]
    assert len(set(places)) == 16
    assert places[:4] == [(5, 0), (5, 1), (10, 0), (5, 2)]
    half = places[:11]
    assert {size for size, _ in half} == {5, 10, 20, 40}
    assert [sum(size == each for size, _ in half) for each in (5, 10, 20, 40)] == [4, 4, 2, 1]


def test_a_users_cell_keeps_its_own_weights() -> None:
    for setting in SETTINGS:
        spec = memory_spec("palindromes", setting, "here.py:Mine", 10, 0)
        assert (spec.recurrent.initialisation, spec.recurrent.forget_bias, spec.recurrent.chrono) == (None, None, None)


# ── the readings ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_curve_is_read_by_size_and_seed() -> None:
    def at(size: int, seed: int) -> RunSpec:
        return memory_spec("palindromes", "healthy", "rnn", size, seed)

    rows = [row(at(10, 1), 0.5, 4000), row(at(5, 0), 0.995, 60), row(at(10, 0), 1.0, 300), row(at(10, 2), None, 17)]
    small, large = memory_curve("RNN", rows).readings
    assert (small.size, small.solved, small.count, small.median_steps) == (5, 1, 1, 60)
    assert (large.size, large.seeds, large.accuracies, large.solved) == (10, (0, 1, 2), (1.0, 0.5, 0.0), 1)
    assert (large.median_steps, large.median_seconds, large.rate) == (300, 6.0, pytest.approx(1 / 3))
    assert large.interval == pytest.approx((0.061, 0.792), abs=0.001)
    assert memory_curve("RNN", rows).longest(need=1) == 10
    assert memory_curve("RNN", rows).longest(need=2) is None


def found(cells: Sequence[str], sizes: Sequence[int], setting: Any) -> Any:
    specs = memory_specs("palindromes", (setting,), cells, sizes, 2)
    rows = [row(spec, 1.0 if spec.size == 5 or spec.network == "lstm" else 0.2) for spec in specs[:-1]]
    return curves(rows, specs, lambda spec: cell_name(spec.network))


def test_figures_and_table_say_what_the_rows_say() -> None:
    cells, sizes = ("rnn", "lstm"), (5, 10)
    all_ = {setting: found(cells, sizes, setting) for setting in ("healthy", "published")}
    findings = memory_findings("palindromes", all_, cells, sizes, 16)
    assert "14 of 16 runs are done" in findings.answer
    assert "healthy settings: RNN 5, LSTM 10" in findings.answer
    rows = {(row[0], row[1], row[2]): row for row in findings.tables[0].rows}
    assert rows["healthy", "RNN", "10"][3:6] == ("0 of 2", ".00 to .66", ".20 .20")
    assert rows["healthy", "LSTM", "10"][3:5] == ("1 of 1", ".21 to 1.00")
    healthy, published = findings.figures
    (line,) = [curve for curve in healthy.curves if curve.style == "line" and curve.label == "RNN"]
    assert line.y == (1.0, 0.0)
    assert [round(x) for x in line.x] == [5, 10]
    assert any(curve.label == "RNN, printed" and curve.y == (0.18, 0.10) for curve in published.curves)
    assert not any("printed" in curve.label for curve in healthy.curves)
    assert healthy.levels == ((0.1, "chance\n.10"),)
    for figure in findings.figures:
        assert "RNN" in render_svg(figure)


def test_nothing_done_is_said_and_drawn() -> None:
    specs = memory_specs("adding", ("long",), ("gru",), (10,), 1)
    nothing = curves([], specs, lambda spec: spec.network)
    findings = memory_findings("adding", {"long": nothing}, ("gru",), (10,), 1)
    assert "no run is done. 0 of 1 runs are done." in findings.answer
    assert render_svg(findings.figures[0]).startswith("<svg")


def test_each_switch_changes_something_and_is_told() -> None:
    for cell in ("rnn", "lstm", "gru", "here.py:Mine"):
        all_ = switches(cell, 20)
        specs = [switched_spec(cell, 20, switch, 0) for switch in all_]
        assert len({spec.identity() for spec in specs}) == len(all_)
        assert specs[0].identity() == memory_spec("palindromes", "healthy", cell, 20, 0).identity()
    lstm = [
        (switch, [row(switched_spec("lstm", 20, switch, 0), 1.0 if i else 0.3, 50 + i)])
        for i, switch in enumerate(switches("lstm", 20))
    ]
    findings = switch_findings("lstm", 20, lstm, 4000)
    assert findings.tables[0].rows[0][:3] == ("healthy", "as it is", "0 of 1")
    assert "initialisation N(0, 1) helps most" in findings.answer
    figure = findings.figures[0]
    assert [name for _, name in figure.y_ticks][:2] == ["healthy", "initialisation N(0, 1)"]
    assert {curve.label for curve in figure.curves} == {"solved", "not solved"}
    assert "forget bias chrono" in render_svg(figure)

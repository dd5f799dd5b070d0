"""Claim 3: measured without any training it still tells right forms from wrong ones."""

from __future__ import annotations

import pytest

from unrolled.experiments import Findings
from unrolled.experiments.gradients import STEPS, measure, shortened, specs


@pytest.fixture(scope="module")
def findings() -> Findings:
    return measure([], "quick", ())


def test_the_right_forms_agree_and_every_printed_one_differs(findings: Findings) -> None:
    right = [row for row in findings.rows if "corrected" in row.what]
    printed = [row for row in findings.rows if row.what.startswith("∂L") and "corrected" not in row.what]
    assert [row.verdict for row in right] == ["reproduced"] * 2
    assert len(printed) == 5
    assert {row.verdict for row in printed} == {"differs"}


def test_scale_and_forget_bias_decide(findings: Findings) -> None:
    entries, forget = findings.rows[-4:-2]
    assert entries.verdict == forget.verdict == "differs"
    assert "scale 0.5" in entries.measured


def test_every_field_of_the_state_has_its_curve_over_all_steps(findings: Findings) -> None:
    rnn, hidden, memory, bias, *_ = findings.figures
    for figure in (rnn, hidden, memory):
        assert len(figure.curves) == 3
        assert {len(curve.x) for curve in figure.curves} == {STEPS}
        assert figure.log_y
        assert "spectral radius" in figure.curves[0].label
        assert "seed" in figure.settings
    assert "∂c" in memory.y_label
    assert len(bias.curves) == 6
    vanishing, _, exploding = rnn.curves
    assert vanishing.y[0] < 1e-10 * vanishing.y[-1]
    assert exploding.y[0] > exploding.y[-1]


def test_a_map_over_scale_and_forget_bias_says_where_gradients_live(findings: Findings) -> None:
    lstm, rnn = findings.figures[4:6]
    assert lstm.y_label == "forget bias"
    assert rnn.y_label == "scale of W_ih"
    assert [len(lstm.heat.values), len(lstm.heat.values[0])] == [5, 4]
    by_bias = dict(zip((name for _, name in lstm.y_ticks), lstm.heat.values, strict=True))
    assert by_bias["-2"][0] < -10 + 1e-9  # a closed gate, small weights
    assert abs(by_bias["5"][0]) < 3  # an open one, the same weights
    by_input = dict(zip((name for _, name in rnn.y_ticks), rnn.heat.values, strict=True))
    assert by_input["0.25"][1] > -3 > by_input["1"][1]  # W_hh × 1: a stronger input saturates
    assert {row.verdict for row in findings.rows[-2:]} == {"measured"}
    assert shortened("quick") == ("32 instead of 144 networks on the maps",)
    assert shortened("full") == ()


def test_its_runs_are_those_of_the_first_claim() -> None:
    from unrolled.experiments import palindromes

    first = {spec.identity() for spec in palindromes.specs("quick", ())}
    assert {spec.identity() for spec in specs("quick", ())} <= first

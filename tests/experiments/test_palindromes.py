"""Claim 1: the settings are the reports', and the rows say what the runs say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from unrolled.experiments import CLAIMS
from unrolled.experiments.palindromes import healthy_spec, measure, report_a_spec, specs
from unrolled.record import Run
from unrolled.spec import RunSpec, build_model, build_task

Accuracy = Callable[[RunSpec], Sequence[tuple[int, float]]]


def test_quick_is_36_runs_and_full_takes_the_published_steps() -> None:
    quick, full = specs("quick", ()), specs("full", ())
    assert len(quick) == len({spec.identity() for spec in quick}) == 36
    assert {spec.training.steps for spec in full} == {10_000}
    assert {(spec.task.length, spec.training.steps) for spec in quick} == {(5, 4000), (10, 4000), (20, 1000)}  # type: ignore[union-attr]
    assert CLAIMS["palindromes"].shortened("full") == ()
    assert len(CLAIMS["palindromes"].shortened("quick")) == 2


def test_a_further_cell_joins_everywhere() -> None:
    assert len(specs("quick", ("gru",))) == 54


def test_report_a_draws_everything_from_n01_and_clips_nothing() -> None:
    spec = report_a_spec("lstm", 10, 1, "quick")
    assert (spec.model.input, spec.model.bias, spec.training.clip) == ("scalar", "one", None)
    assert (spec.training.optimiser, spec.training.learning_rate, spec.training.batch) == ("rmsprop", 1e-3, 128)
    model = build_model(spec.model, build_task(spec), torch.Generator().manual_seed(0))
    drawn = torch.cat([weight.flatten() for weight in model.parameters() if weight.requires_grad])
    assert drawn.std().item() == pytest.approx(1, abs=0.02)
    assert drawn.mean().item() == pytest.approx(0, abs=0.02)
    assert model.output.bias.abs().max() > 0
    assert not any(weight.any() for name, weight in model.named_parameters() if "bias_hh" in name)


def test_healthy_means_xavier_zero_biases_and_a_forget_bias_of_one() -> None:
    spec = healthy_spec("lstm", 20, 0, "quick")
    model = build_model(spec.model, build_task(spec), torch.Generator().manual_seed(0))
    weights = dict(model.named_parameters())
    H = spec.model.hidden
    bias = weights["layer.bias_ih_l0"] + weights["layer.bias_hh_l0"]
    assert torch.equal(bias[H : 2 * H], torch.ones(H))
    assert not bias[:H].any()
    assert not bias[2 * H :].any()
    bound = (6 / (2 * H)) ** 0.5
    for block in weights["layer.weight_hh_l0"].split(H):
        assert bound * 0.9 < block.abs().max() <= bound * 1.001


def _runs(made_up: Callable[..., Run], accuracy: Accuracy) -> list[Run]:
    return [made_up(spec, accuracy(spec)) for spec in specs("quick", ())]


def _as_published(spec: RunSpec) -> Sequence[tuple[int, float]]:
    length, steps = spec.task.length, spec.training.steps  # type: ignore[union-attr]
    if spec.model.initialisation != "normal":
        return [(50, 0.3), (150, 1.0)] if length < 20 or spec.model.cell == "lstm" else [(steps, 0.11)]
    if spec.model.cell == "lstm":
        return [(100, 0.5), (2000, 0.995)] if length < 20 else [(steps, 0.12)]
    return [(100, 0.5), (1200, 0.995)] if length == 5 else [(steps, 0.2 if length == 10 else 0.1)]


def test_when_it_comes_out_the_page_says_so(made_up: Callable[..., Run]) -> None:
    findings = measure(_runs(made_up, _as_published), "quick", ())
    verdicts = {row.what: row.verdict for row in findings.rows}
    assert set(verdicts.values()) == {"reproduced", "not reached", "differs"}
    assert verdicts["RNN, L = 10, report A's settings: accuracy at step 4000"] == "reproduced"
    assert verdicts["RNN, L = 20, report A's settings: accuracy"] == "not reached"
    assert verdicts["RNN, L = 10, healthy settings: seeds solved"] == "reproduced"
    assert verdicts["LSTM, L = 20, healthy settings: seeds solved"] == "reproduced"
    # the made-up loss of the plateau, 2.3 × .8, is not the published 2.18
    assert verdicts["RNN, L = 10, report A's settings: loss in nats"] == "differs"
    assert "the RNN solves L = 10 on 3 of 3 seeds and the LSTM L = 20 on 3 of 3" in findings.answer
    assert "one of its settings" in findings.answer


def test_the_full_budget_can_confirm_that_nothing_is_learnt(made_up: Callable[..., Run]) -> None:
    findings = measure(_runs(made_up, _as_published), "full", ())
    verdicts = {row.what: row.verdict for row in findings.rows}
    assert verdicts["RNN, L = 20, report A's settings: accuracy"] == "reproduced"
    assert verdicts["LSTM, L = 20, report A's settings: accuracy"] == "reproduced"


def test_when_it_does_not_come_out_the_page_says_so(made_up: Callable[..., Run]) -> None:
    def reversed_world(spec: RunSpec) -> Sequence[tuple[int, float]]:
        return [(100, 1.0)] if spec.model.initialisation == "normal" else [(spec.training.steps, 0.1)]

    findings = measure(_runs(made_up, reversed_world), "full", ())
    verdicts = {row.what: row.verdict for row in findings.rows}
    assert verdicts["RNN, L = 10, report A's settings: accuracy at step 2000"] == "differs"
    assert verdicts["RNN, L = 20, report A's settings: accuracy"] == "differs"
    assert verdicts["RNN, L = 10, healthy settings: seeds solved"] == "differs"
    assert "0 of 3" in findings.answer
    assert "one of its settings" not in findings.answer


def test_every_row_figure_and_cell_of_the_table_is_from_the_runs(made_up: Callable[..., Run]) -> None:
    runs = _runs(made_up, _as_published)
    findings = measure(runs, "quick", ())
    shown = {name for figure in findings.figures for name in figure.sources}
    assert shown == {run.name for run in runs}
    (table,) = findings.tables
    grid = {row[0]: row[1:] for row in table.rows}
    assert grid["RNN, healthy"] == ("3 of 3 (step 150, 150, 150)", "3 of 3 (step 150, 150, 150)", "0 of 3")
    assert grid["LSTM, report A's"][2] == "0 of 3"
    bold = [curve for curve in findings.figures[1].curves if curve.style == "dashed" and curve.label.startswith("RNN")]
    assert bold[0].y == (0.2,)


def test_runs_that_are_missing_are_not_guessed() -> None:
    findings = measure([], "quick", ())
    assert {row.verdict for row in findings.rows} == {"not reached"}
    assert "not known" in findings.answer

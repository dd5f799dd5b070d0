"""Stop rules on made-up histories."""

from __future__ import annotations

import json
import math
from typing import get_args, get_type_hints

import pytest
import torch

from unrolled.analysis.evaluation import Evaluation
from unrolled.data import DecimalPalindromes
from unrolled.spec import TrainingSpec
from unrolled.training.stopping import STOP_RULES, Perfect, Plateau, ReportA, StopRule, build_stop_rule

LN10 = math.log(10)


def evaluation(loss_nats: float, accuracy: float, count: int = 2000) -> Evaluation:
    return Evaluation(accuracy=accuracy, loss_nats=loss_nats, count=count)


def first_batch(rule: StopRule, losses: list[float], accuracy: float = 0.0) -> int | None:
    """The batch, counted from 1, after which the rule stops."""
    return next((n for n, loss in enumerate(losses, 1) if rule.batch(loss, accuracy)), None)


def first_step(rule: StopRule, history: list[tuple[float, float]], every: int = 250) -> int | None:
    """The step of the evaluation at which the rule stops; evaluations at 0, every, 2 every …"""
    return next((n * every for n, given in enumerate(history) if rule.evaluation(n * every, evaluation(*given))), None)


def test_the_table_is_what_specs_may_say() -> None:
    assert set(STOP_RULES) == set(get_args(get_type_hints(TrainingSpec)["stop"]))


# ── report A ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_report_a_needs_two_full_windows() -> None:
    assert first_batch(ReportA(), [1.0] * 500) == 200


def test_report_a_compares_means_of_a_hundred() -> None:
    noise = (torch.randn(100, dtype=torch.float64) * 0.1).tolist()
    assert first_batch(ReportA(), [2.0 + value for value in noise + noise]) == 200
    assert first_batch(ReportA(), [2.0 + value for value in noise] + [2.0 + 1.1e-6 + value for value in noise]) is None
    assert first_batch(ReportA(), [2.0 + value for value in noise] + [2.0 + 0.9e-6 + value for value in noise]) == 200


def test_report_a_goes_on_while_the_loss_falls() -> None:
    assert first_batch(ReportA(), [2.0 - 1e-7 * n for n in range(2000)]) is None  # 10⁻⁵ from window to window
    falling_then_flat = [2.0 - 1e-3 * n for n in range(300)] + [1.7] * 400
    assert first_batch(ReportA(), falling_then_flat) == pytest.approx(500, abs=1)


# ── perfect ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_perfect_counts_batches_in_a_row() -> None:
    rule = Perfect(3)
    told = [rule.batch(0.0, accuracy) for accuracy in (1, 1, 0.99, 1, 1, 1)]
    assert told == [False] * 5 + [True]


# ── solved ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_solved_needs_the_accuracy_and_the_samples() -> None:
    rule = build_stop_rule(TrainingSpec(stop="solved"), DecimalPalindromes(length=5))
    assert not rule.evaluation(1, evaluation(0.1, 0.9895))
    assert not rule.evaluation(1, evaluation(0.1, 1.0, count=1999))
    assert rule.evaluation(1, evaluation(0.1, 0.99))


# ── plateau ──────────────────────────────────────────────────────────────────────────────────────────────────────


def stairs(*flats: tuple[int, float, float]) -> list[tuple[float, float]]:
    """Flat stretches of so many evaluations, each (loss, accuracy), a little noisy."""
    noise = torch.Generator().manual_seed(1)
    history = []
    for count, loss, accuracy in flats:
        for _ in range(count):
            history.append((loss + 0.004 * float(torch.rand((), generator=noise)), accuracy))
    return history


def plateau(patience: int = 20) -> Plateau:
    return Plateau(patience, majority=0.1)


def test_plateau_never_stops_on_the_first() -> None:
    assert first_step(plateau(), stairs((1000, LN10, 0.11))) is None


def test_plateau_lets_a_late_fall_come() -> None:
    # As report A's LSTM at L = 10: flat near ln 10 for most of the run, then solved within a few evaluations.
    history = stairs((60, LN10, 0.10), (1, 2.1, 0.2), (1, 1.2, 0.5), (1, 0.3, 0.9), (400, 0.004, 1.0))
    stopped = first_step(plateau(), history)
    assert stopped is not None
    assert stopped >= 63 * 250 + 20 * 250


def test_plateau_gives_the_next_stair_the_time_the_first_took() -> None:
    # The first stair comes after 80 evaluations; a second, after 60 more, is still waited for.
    history = stairs((80, LN10, 0.1), (60, 2.18, 0.18), (300, 1.5, 0.4))
    stopped = first_step(plateau(5), history)
    assert stopped is not None
    assert stopped >= 2 * 140 * 250


def test_plateau_stops_on_the_last() -> None:
    history = [(2.0 / (1 + n), 0.3 + 0.02 * n) for n in range(30)] + stairs((200, 0.065, 0.9))
    stopped = first_step(plateau(20), history)
    assert stopped is not None
    assert stopped <= (30 + 42) * 250


def test_plateau_waits_for_its_patience() -> None:
    history = [(1.0, 0.5)] * 50
    assert first_step(plateau(7), history) == 7 * 250


def test_plateau_counts_only_falls_that_matter() -> None:
    history = [(1.0 - 1e-5 * n, 0.5) for n in range(50)]
    assert first_step(plateau(7), history) == 7 * 250
    assert first_step(plateau(7), [(1.0 - 2e-3 * n, 0.5) for n in range(50)]) is None


# ── going on ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", STOP_RULES)
@pytest.mark.parametrize("cut", [1, 150, 203, 260])
def test_a_restored_rule_stops_where_the_first_would(name: str, cut: int) -> None:
    task = DecimalPalindromes(length=5)
    spec = TrainingSpec(stop=name, patience=40)  # type: ignore[arg-type]
    losses = [2.0 - 1e-3 * min(n, 100) for n in range(400)]
    accuracies = [1.0 if n > 230 else 0.5 for n in range(400)]

    def stops(restart: int | None) -> int | None:
        rule = build_stop_rule(spec, task)
        for n, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
            if n == restart:
                state = json.loads(json.dumps(rule.state(), allow_nan=False))
                rule = build_stop_rule(spec, task)
                rule.restore(state)
            if rule.batch(loss, accuracy) or rule.evaluation(n, evaluation(loss, accuracy)):
                return n
        return None

    assert stops(cut) == stops(None)
    assert (stops(None) is None) == (name == "never")

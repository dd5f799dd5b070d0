"""Progress as it is drawn, and what a run came to."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console
from tests.cli.progressed import progress

from unrolled import data
from unrolled.analysis.evaluation import Evaluation
from unrolled.cli.progress import Display, duration, figures
from unrolled.cli.verdict import verdict
from unrolled.spec import default_spec

SPEC = default_spec("palindromes", steps=600)


def test_figures() -> None:
    assert figures(progress(), SPEC) == "loss 0.5000  accuracy 0.750  1,234 steps/s  0:01:07 left"
    evaluation = Evaluation(accuracy=0.5, loss_nats=1.0, count=2000)
    assert "unseen 0.500" in figures(progress(evaluation=evaluation), SPEC)
    first = progress(step=0, loss_nats=math.nan, accuracy=math.nan, seconds_left=None, evaluation=evaluation)
    assert figures(first, SPEC) == "unseen 0.500"
    text = Evaluation(accuracy=0.5, loss_nats=1.0, count=9, carried_accuracy=0.6, carried_loss_nats=1.3)
    assert "unseen 0.500  carried on 0.600, 1.876 bits  " in figures(progress(evaluation=text), SPEC)
    may_stop = default_spec("palindromes", stop="solved")
    assert figures(progress(), may_stop).endswith("at most 0:01:07 left")


def test_duration() -> None:
    assert duration(0.4) == "0:00:00"
    assert duration(3723) == "1:02:03"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_in_a_terminal_and_lines_elsewhere(is_terminal: bool) -> None:
    screen = io.StringIO()
    display = Display(Console(file=screen, force_terminal=is_terminal, width=100, highlight=False))
    evaluation = Evaluation(accuracy=0.5, loss_nats=1.0, count=2000)
    with display.training("mine", SPEC):
        display.show(progress(step=100, sample="once upon\na time"))
        display.show(progress(evaluation=evaluation))
    shown = screen.getvalue()
    lasting = "step 250/600  loss 0.5000  accuracy 0.750  unseen 0.500  1,234 steps/s  0:01:07 left\n"
    assert lasting in shown
    assert "'once upon\\na time'" in shown
    assert ("250/600 " in shown.replace(lasting, "")) is is_terminal
    assert ("\x1b" in shown) is is_terminal
    if not is_terminal:
        assert shown.count("\n") == 2


def test_verdict_of_answers() -> None:
    task = data.BinaryPalindromes(length=10)
    solved = progress(stopped="solved", evaluation=Evaluation(accuracy=0.995, loss_nats=0.1, count=2000))
    assert verdict(solved, task).startswith("solved: 99.5% of 2000 unseen sequences right (chance 50.0%, ")
    assert "best constant answer 66.7%) after 250 steps" in verdict(solved, task)
    flat = progress(stopped="plateau", evaluation=Evaluation(accuracy=0.67, loss_nats=0.6, count=2000))
    assert verdict(flat, task).startswith("stopped on a plateau: not solved: 67.0%")


def test_verdict_of_text() -> None:
    corpus = data.Corpus.from_text("the quick brown fox jumps over the lazy dog. " * 40)
    task = data.NextCharacter(corpus, window=10)
    loss = 2 * math.log(2)
    evaluation = Evaluation(accuracy=0.5, loss_nats=loss, count=99, carried_accuracy=0.6, carried_loss_nats=loss / 2)
    assert verdict(progress(stopped="steps", evaluation=evaluation), task) == (
        "50.0% of the held-out characters right, 2.00 bits per character "
        "(60.0% and 1.00 with the state carried on) after 250 steps"
    )
    best = progress(stopped="steps", evaluation=evaluation, weights_of_step=140)
    assert verdict(best, task).endswith(" after 250 steps, with the weights of step 140")
    task = data.NextCharacter(data.Corpus.from_text("the quick brown fox " * 40, as_bytes=True), window=10)
    assert "of the held-out bytes right, 2.00 bits per byte " in verdict(
        progress(stopped="steps", evaluation=evaluation), task
    )

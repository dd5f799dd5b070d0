"""What a finished run came to, in one sentence."""

from __future__ import annotations

from unrolled import data
from unrolled.analysis.evaluation import Evaluation
from unrolled.training import Progress

__all__ = ["verdict"]

_WHY = {
    "steps": "",
    "solved": "",
    "perfect": "every batch was right: ",
    "plateau": "stopped on a plateau: ",
    "report-a": "stopped by report A's rule: ",
    "validation": "stopped, as validation got no better: ",
}


def verdict(final: Progress, task: data.Question) -> str:
    """The result on unseen data beside the best that needs no network."""
    why = _WHY.get(final.stopped or "", "")
    if final.test is not None:
        return f"{why}{_of_test(final, task)}"
    if final.evaluation is None:
        return f"{why}loss {final.loss_nats:.4f} after {final.step} steps"
    if isinstance(task, data.NextCharacter):
        return f"{why}{_of_text(final.evaluation)} after {final.step} steps"
    return f"{why}{_of_answers(final.evaluation, task)} after {final.step} steps"


def _of_test(final: Progress, task: data.Question) -> str:
    assert final.test is not None
    evaluation = final.evaluation
    validation = "" if evaluation is None else f", {evaluation.accuracy:.1%} of {evaluation.count} for validation"
    return (
        f"{final.test.accuracy:.1%} of {final.test.count} test nodes right{validation} "
        f"(chance {task.chance:.1%}, best constant answer {task.majority:.1%}) "
        f"after {final.step} steps, with the weights of step {final.weights_of_step}"
    )


def _of_answers(evaluation: Evaluation, task: data.Question) -> str:
    word = "solved" if evaluation.solved else "not solved"
    counted = task.counted if isinstance(task, data.Task) else "nodes"
    error = f", mean squared error {evaluation.loss_nats:.4f}" if isinstance(task.marking, data.Near) else ""
    return (
        f"{word}: {evaluation.accuracy:.1%} of {evaluation.count} unseen {counted} right "
        f"(chance {task.chance:.1%}, best constant answer {task.majority:.1%}){error}"
    )


def _of_text(found: Evaluation) -> str:
    sentence = f"{found.accuracy:.1%} of the held-out characters right, {found.bits:.2f} bits per character"
    if found.carried_accuracy is None or found.carried_bits is None:
        return sentence
    carried = f"{found.carried_accuracy:.1%} and {found.carried_bits:.2f} with the state carried on"
    return f"{sentence} ({carried})"

"""What a finished run came to, in one sentence."""

from __future__ import annotations

from unrolled import data
from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.forecast_evaluation import ForecastEvaluation
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
    if isinstance(task, data.Forecasting):
        return f"{why}{_of_forecasts(final, task)}"
    evaluation = final.evaluation
    if not isinstance(evaluation, Evaluation):
        return f"{why}loss {final.loss_nats:.4f} after {final.step} steps"
    assert isinstance(task, data.Choice)
    if isinstance(final.test, Evaluation):
        return f"{why}{_of_test(final, final.test, task)}"
    if isinstance(task, data.NextCharacter):
        return f"{why}{_of_text(evaluation, task)} {_after(final)}"
    return f"{why}{_of_answers(evaluation, task)} {_after(final)}"


def _after(final: Progress) -> str:
    """How long it trained, and whose weights were judged where they are not the last step's."""
    of = "" if final.weights_of_step == final.step else f", with the weights of step {final.weights_of_step}"
    return f"after {final.step} steps{of}"


def _of_forecasts(final: Progress, task: data.Forecasting) -> str:
    """A table: the root mean square error at every horizon, of the network and of what needs none."""
    steps = f"after {final.step} steps, with the weights of step {final.weights_of_step}"
    if not isinstance(final.test, ForecastEvaluation):
        return f"loss {final.loss:.4f} {steps}"
    rows = {"this network": final.test.errors, **final.test.baselines}
    width = max(map(len, rows))
    head = f"{f'error on test windows ({task.unit}, RMSE)':<{width}}"
    lines = [f"{head}  {steps}", f"{'':<{width}}" + "".join(f"{f'{h} ahead':>12}" for h in final.test.horizons)]
    lines += [f"{name:<{width}}" + "".join(f"{each:12.4g}" for each in errors.rmse) for name, errors in rows.items()]
    if final.test.errors.mape is not None:
        means = ", ".join(f"{each:.4g}" for each in final.test.errors.mae)
        shares = ", ".join(f"{each:.1%}" for each in final.test.errors.mape)
        lines.append(f"the network's mean absolute error is {means}; of the readings that are not 0, {shares}")
    for name in final.test.baselines:
        skills = final.test.skill(name)
        words = ", ".join(f"{abs(skill):.0%} {'below' if skill >= 0 else 'above'}" for skill in skills)
        lines.append(f"the network's error is {words} that of {name}")
    return "\n".join(lines)


def _of_test(final: Progress, test: Evaluation, task: data.Choice) -> str:
    evaluation = final.evaluation
    assert isinstance(evaluation, Evaluation)
    return (
        f"{test.accuracy:.1%} of {test.count} test nodes right, "
        f"{evaluation.accuracy:.1%} of {evaluation.count} for validation "
        f"(chance {task.chance:.1%}, best constant answer {task.majority:.1%}) "
        f"after {final.step} steps, with the weights of step {final.weights_of_step}"
    )


def _of_answers(evaluation: Evaluation, task: data.Choice) -> str:
    word = "solved" if evaluation.solved else "not solved"
    counted = task.counted if isinstance(task, data.Task) else "nodes"
    error = f", mean squared error {evaluation.loss_nats:.4f}" if isinstance(task.marking, data.Near) else ""
    return (
        f"{word}: {evaluation.accuracy:.1%} of {evaluation.count} unseen {counted} right "
        f"(chance {task.chance:.1%}, best constant answer {task.majority:.1%}){error}"
    )


def _of_text(found: Evaluation, task: data.NextCharacter) -> str:
    symbol = "byte" if isinstance(task.corpus.vocabulary, data.ByteVocabulary) else "character"
    sentence = f"{found.accuracy:.1%} of the held-out {symbol}s right, {found.bits:.2f} bits per {symbol}"
    if found.carried_accuracy is None or found.carried_bits is None:
        return sentence
    carried = f"{found.carried_accuracy:.1%} and {found.carried_bits:.2f} with the state carried on"
    return f"{sentence} ({carried})"

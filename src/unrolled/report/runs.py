"""What a plain run looks like: its outcome in words, its evaluation, its curves and its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unrolled.analysis.motion import Motion
from unrolled.data import Choice
from unrolled.experiments import Curve, Figure, Table, Text
from unrolled.experiments.instruments import along_figures
from unrolled.experiments.readings import grouped, series
from unrolled.record import Run
from unrolled.report.forecasts import view_forecasts
from unrolled.report.origins import describe
from unrolled.report.text import bits_per_symbol, view_text
from unrolled.spec import ForecastSpec, NodesSpec, TextSpec, build_task, dump_yaml

__all__ = ["RunView", "overview", "run_table", "view_run"]

SAMPLES_SHOWN = 12


@dataclass(frozen=True)
class RunView:
    """One run as the page shows it."""

    name: str
    title: str
    outcome: str
    evaluation: Table | None
    tables: tuple[Table, ...]
    note: str
    figures: tuple[Figure, ...]
    motion: Motion | None
    samples: tuple[Text, ...]
    yaml: str
    origin: str


def view_run(run: Run) -> RunView:
    """Everything there is to see of a run."""
    text, forecasts = view_text(run), view_forecasts(run)
    return RunView(
        name=run.name,
        title=describe(run.spec) + f"; seed {run.spec.training.seed}",
        outcome=outcome(run),
        evaluation=_evaluation(run),
        tables=text.tables + forecasts.tables,
        note=text.note or forecasts.note,
        figures=forecasts.figures
        + _curves([run])
        + _gradient(run)
        + along_figures(run.looks(), sources=[run.name])
        + text.figures,
        motion=forecasts.motion,
        samples=_samples(run) + text.samples,
        yaml=dump_yaml(run.spec),
        origin=origin_line(run),
    )


def outcome(run: Run) -> str:
    """How the run ended, in one sentence."""
    if run.result is None:
        reached = max((int(line["step"]) for line in run.metrics()), default=0)
        return f"Not finished: {reached} of {run.spec.training.steps} steps are on record."
    steps = f"{grouped(run.result['steps'])} steps"
    accuracy, tested = _evaluated(run).get("accuracy"), _tested(run).get("accuracy")
    reached_words = f", accuracy {accuracy:.3f} on {_unseen(run)}" if accuracy is not None else ""
    reached_words += f" and {tested:.3f} on test data" if tested is not None else ""
    if "rmse" in _tested(run):
        errors = ", ".join(f"{each:.3g}" for each in _tested(run)["rmse"])
        reached_words = f", error {errors} on test windows at {', '.join(map(str, _tested(run)['horizons']))} ahead"
    if run.result["stopped"] == "diverged":
        return f"Diverged after {steps}: the last good weights are kept{reached_words}."
    how = {
        "steps": "Trained for",
        "solved": "Solved after",
        "perfect": "Every answer right after",
        "plateau": "Stopped at a plateau after",
        "report-a": "Stopped by report A's rule after",
        "validation": "Stopped, as validation got no better, after",
    }.get(str(run.result["stopped"]), "Ended after")
    kept = run.weights_of_step()
    of = "" if kept == run.result["steps"] else f", with the weights of step {grouped(kept)}"
    return f"{how} {steps}{reached_words}{of}."


def origin_line(run: Run) -> str:
    """Versions, threads and kernel of a finished run, and how long it took."""
    if run.result is None:
        return ""
    versions = run.result.get("versions") or {}
    parts = [f"{name} {version}" for name, version in sorted(versions.items())]
    if run.result.get("threads"):
        parts.append(f"{run.result['threads']} thread(s)")
    kernel = run.result.get("kernel")
    if isinstance(kernel, Mapping) and kernel.get("name"):
        parts.append(f"{kernel['name']} kernels")
    if run.result.get("seconds") is not None:
        parts.append(f"{run.result['seconds']:.1f} seconds")
    return " · ".join(parts)


def overview(runs: Sequence[Run]) -> tuple[Figure, ...]:
    """The runs' curves over one another, where there are several."""
    return _curves(runs) if len(runs) > 1 else ()


def run_table(runs: Sequence[Run]) -> Table:
    """One line a run."""
    return Table(
        "Runs",
        ("Run", "Task and network", "Seed", "State", "Steps", "Accuracy", "Loss (nats)"),
        tuple(_table_row(run) for run in runs),
        "Accuracy and loss are of the weights that the run ended with, on fresh or held-out data.",
    )


def _table_row(run: Run) -> tuple[str, ...]:
    result: Mapping[str, Any] = run.result or {}
    state = str(result.get("stopped", run.status))
    accuracy, loss = _evaluated(run).get("accuracy"), _evaluated(run).get("loss_nats")
    return (
        run.name,
        describe(run.spec),
        str(run.spec.training.seed),
        state,
        str(result.get("steps", "–")),
        f"{accuracy:.3f}" if accuracy is not None else "–",
        f"{loss:.4f}" if loss is not None else "–",
    )


def _evaluated(run: Run) -> Mapping[str, Any]:
    """The evaluation of the weights that a run ended with, empty where there is none."""
    return (run.result or {}).get("evaluation") or {}


def _tested(run: Run) -> Mapping[str, Any]:
    """The evaluation on test data of a finished run, empty where there is none."""
    return (run.result or {}).get("test") or {}


def _unseen(run: Run) -> str:
    if isinstance(run.spec.task, NodesSpec | ForecastSpec):
        return "validation data"
    return "held-out text" if isinstance(run.spec.task, TextSpec) else "fresh data"


_WORDS = {
    "accuracy": "accuracy",
    "loss_nats": "loss (nats)",
    "count": "answers counted",
    "carried_accuracy": "accuracy, state carried on",
    "carried_loss_nats": "loss, state carried on (nats)",
}


def _evaluation(run: Run) -> Table | None:
    if isinstance(run.spec.task, ForecastSpec):
        return None  # its table of errors says it
    found = [(key, value) for key, value in _evaluated(run).items() if value is not None]
    rows = [(_WORDS.get(key, key), f"{value:.4f}" if isinstance(value, float) else str(value)) for key, value in found]
    if run.spec.task_name == "text":
        unit = bits_per_symbol(run)
        bits = [(key, value / math.log(2)) for key, value in found if key.endswith("loss_nats")]
        rows += [(_WORDS[key].replace("loss", unit).replace(" (nats)", ""), f"{value:.4f}") for key, value in bits]
    rows += [
        (f"{_WORDS[key]}, test", f"{value:.4f}" if isinstance(value, float) else str(value))
        for key, value in _tested(run).items()
    ]
    title = f"Evaluation of the weights of step {grouped(run.weights_of_step())}"
    return Table(title, ("Quantity", "Value"), tuple(rows)) if rows else None


def _curves(runs: Sequence[Run]) -> tuple[Figure, ...]:
    figures = []
    for key, title, y_label in (
        ("accuracy", "Accuracy", "share of right answers"),
        ("loss_nats", "Loss", "cross-entropy (nats)"),
        ("loss", "Loss", "mean squared error / scale²"),
    ):
        curves = []
        for index, run in enumerate(runs):
            label = run.name if len(runs) > 1 else _unseen(run)
            trained, evaluated = series(run, "train", key), series(run, "evaluation", key)
            carried = series(run, "evaluation", f"carried_{key}")
            if len(runs) == 1 and trained[0]:
                curves.append(Curve("training batches", *trained, style="dashed", tone=5))
            if evaluated[0]:
                curves.append(Curve(label, *evaluated, tone=index))
            if len(runs) == 1 and carried[0]:
                curves.append(Curve(f"{label}, state carried on", *carried, tone=1))
        if curves:
            is_share = key == "accuracy" and not any(isinstance(run.spec.task, TextSpec) for run in runs)
            figures.append(
                Figure(
                    title,
                    "optimiser steps",
                    y_label,
                    tuple(curves),
                    levels=_levels(runs) if key == "accuracy" else (),
                    y_range=(0, 1.03) if is_share else None,
                    sources=tuple(run.name for run in runs),
                )
            )
    return tuple(figures)


def _levels(runs: Sequence[Run]) -> tuple[tuple[float, str], ...]:
    """Chance and the best constant answer, where all runs share them and no text has to be read for it."""
    if len(runs) == 1 and "accuracy" in _tested(runs[0]):
        return ((_tested(runs[0])["accuracy"], "test"),)
    if len({run.spec.task for run in runs}) != 1 or isinstance(runs[0].spec.task, TextSpec | NodesSpec | ForecastSpec):
        return ()
    task = build_task(runs[0].spec)
    if not isinstance(task, Choice):
        return ()
    if math.isclose(task.chance, task.majority, abs_tol=0.01):
        return ((task.chance, "chance"),)
    return ((task.chance, "chance"), (task.majority, "majority"))


def _gradient(run: Run) -> tuple[Figure, ...]:
    curve = series(run, "train", "gradient_norm")
    if not curve[0] or min(curve[1]) <= 0:
        return ()
    clip = run.spec.training.clip
    is_near = clip is not None and max(curve[1]) > clip / 4
    share = (run.result or {}).get("clipped_share")
    acted = f"Clipped above {clip:g} at {share:.1%} of the steps." if clip is not None and share is not None else ""
    return (
        Figure(
            "Norm of the gradient",
            "optimiser steps",
            "norm before clipping",
            (Curve("gradient", *curve),),
            levels=((clip, "clipped above"),) if clip is not None and is_near else (),
            log_y=max(curve[1]) > 20 * min(curve[1]),
            caption=acted,
            sources=(run.name,),
        ),
    )


def _samples(run: Run) -> tuple[Text, ...]:
    samples = [line for line in run.samples() if line.get("kind") == "progress"]
    if len(samples) > SAMPLES_SHOWN:
        gap = (len(samples) - 1) / (SAMPLES_SHOWN - 1)
        samples = [samples[round(index * gap)] for index in range(SAMPLES_SHOWN)]
    return tuple(Text(f"Step {line['step']}", (f"{line['start']}{line['text']}",)) for line in samples)

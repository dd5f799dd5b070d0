"""Made-up runs and results: the report is checked without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.experiments import ClaimResult, Curve, Figure, Row, Table, Text
from unrolled.record import Run, open_run
from unrolled.spec import default_spec, dump_yaml

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run as training would, its accuracy by step as given."""

    def make(
        name: str = "made",
        accuracies: Sequence[tuple[int, float]] = ((100, 0.4), (200, 0.995)),
        samples: Sequence[dict[str, Any]] = (),
        finished: bool = True,
        **changes: Any,
    ) -> Run:
        spec = default_spec(changes.pop("task", "palindromes"), **changes)
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        (path / "spec.yaml").write_text(dump_yaml(spec))
        lines = []
        for step, accuracy in accuracies:
            shared = {"step": step, "accuracy": accuracy, "loss_nats": 2.5 * (1 - accuracy) + 0.01}
            lines += [
                shared | {"kind": "train", "gradient_norm": 0.5, "clipped_share": 0.0, "learning_rate": 1e-3},
                shared | {"kind": "evaluation", "count": 2000},
            ]
        (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in samples))
        if finished:
            last, accuracy = accuracies[-1]
            result = {
                "format": 1,
                "identity": spec.identity(),
                "stopped": "solved" if accuracy >= 0.99 else "steps",
                "steps": last,
                "solved": accuracy >= 0.99,
                "evaluation": {"accuracy": accuracy, "loss_nats": 0.02, "count": 2000},
                "seconds": 1.5,
                "threads": 1,
                "kernel": {"name": "torch", "reason": "made up"},
                "versions": {"torch": "2.13.0"},
            }
            (path / "result.json").write_text(json.dumps(result))
        return open_run(path)

    return make


@pytest.fixture
def figure() -> Figure:
    """Two seeds, their median, a level and a caption."""
    x = (1.0, 2.0, 3.0)
    return Figure(
        title="Accuracy at h_t",
        x_label="steps",
        y_label="accuracy",
        curves=(
            Curve("RNN", x, (0.1, 0.2, 0.3), "thin", 0),
            Curve("RNN", x, (0.1, 0.25, 0.4), "line", 0),
            Curve("LSTM", x, (0.2, 0.6, 0.9), "dashed", 1),
        ),
        levels=((0.1, "chance"),),
        caption="How to read it.",
        sources=("made",),
    )


@pytest.fixture
def result(figure: Figure) -> ClaimResult:
    """One row of every verdict, a figure, a table and a text."""
    return ClaimResult(
        claim="memory",
        budget="quick",
        title="Memory",
        question="How long?",
        command="unrolled reproduce memory --budget quick",
        answer="Ten digits.",
        rows=(
            Row("accuracy", "report A: .18", ".21", "reproduced", "within .05"),
            Row("loss", "report A: 2.18", "1.70", "differs"),
            Row("at L = 20", "report A: nothing", ".11", "not reached", "1000 of 10000 steps"),
            Row("ours", "", "3 of 3", "measured"),
        ),
        figures=(figure,),
        tables=(Table("Orders", ("order", "accuracy"), (("1", ".305"),)),),
        texts=(Text("Step 500", ("The king\nsaid",)),),
        runs=("made",),
        shortened=("steps: 4000 instead of 10 000",),
        failed=("palindromes, lstm, seed 2: it broke",),
        seconds=200.0,
    )

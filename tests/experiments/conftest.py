"""Made-up runs, whose answers are known; tiny real ones; a cell of one's own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unrolled.record import Run, open_run
from unrolled.spec import RunSpec, dump_yaml

OWN_CELL = '''
import torch

class Leaky(torch.nn.Module):
    """h = .9 h' + .1 tanh(W x + U h')"""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.W = torch.nn.Linear(input_size, hidden_size)
        self.U = torch.nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x, h=None):
        h = x.new_zeros(x.shape[0], self.hidden_size) if h is None else h
        return 0.9 * h + 0.1 * torch.tanh(self.W(x) + self.U(h))
'''


@pytest.fixture
def made_up(tmp_path: Path) -> Callable[..., Run]:
    """Writes the run of a spec as training would have, its evaluations as given."""
    count = 0

    def make(spec: RunSpec, accuracies: Sequence[tuple[int, float]], **evaluated: Any) -> Run:
        nonlocal count
        count += 1
        path = tmp_path / "made-up" / f"run-{count}"
        path.mkdir(parents=True)
        (path / "spec.yaml").write_text(dump_yaml(spec))
        lines = []
        for step, accuracy in accuracies:
            shared = {"step": step, "accuracy": accuracy, "loss_nats": 2.3 * (1 - accuracy), "seconds": 1.0}
            lines.append(shared | {"kind": "train", "gradient_norm": 1.0, "clipped_share": 0.25})
            lines.append(shared | {"kind": "evaluation", "count": 2000} | evaluated)
        (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        last, accuracy = accuracies[-1]
        solved = accuracy >= 0.99
        result = {
            "format": 1,
            "identity": spec.identity(),
            "stopped": "solved" if solved else "steps",
            "steps": last,
            "solved": solved,
            "seconds": 2.0,
            "evaluation": {"accuracy": accuracy, "loss_nats": 0.1, "count": 2000},
        }
        (path / "result.json").write_text(json.dumps(result))
        return open_run(path)

    return make


@pytest.fixture
def own_cell(tmp_path: Path) -> str:
    """A cell in a file of its own, as the command line names it."""
    path = tmp_path / "mine.py"
    path.write_text(OWN_CELL)
    return f"{path}:Leaky"


@pytest.fixture
def shrink() -> Callable[..., RunSpec]:
    """The same spec, but small: a few units, a few steps."""

    def small(spec: RunSpec, *, steps: int = 2, hidden: int = 6) -> RunSpec:
        return dataclasses.replace(
            spec,
            model=dataclasses.replace(spec.model, hidden=hidden),
            training=dataclasses.replace(
                spec.training, steps=steps, batch=4, evaluate_every=steps, checkpoint_every=1000
            ),
        )

    return small

"""Runs small enough for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from unrolled.spec import RunSpec, default_spec
from unrolled.training import Progress, loop, train

TALE = (
    "Once upon a time there was a fox who wanted to read. He went to the owl and said: teach me! "
    "The owl looked at him for a long time, and then she said: what will you give me? "
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from a second thread, and lose much where the machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny() -> Callable[..., RunSpec]:
    """A spec with few units, few sequences and few steps; keywords as in `default_spec`."""

    def spec(task: str = "palindromes", **changes: Any) -> RunSpec:
        sizes = {"hidden": 8, "batch": 8, "steps": 60, "evaluate_every": 30, "checkpoint_every": 20, "seed": 3}
        return default_spec(task, **{**sizes, **changes})

    return spec


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    """A short text in a file."""
    path = tmp_path / "tale.txt"
    path.write_text(TALE * 12, encoding="utf-8")
    return path


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress after every step, whatever the time."""
    monkeypatch.setattr(loop, "SHOW_EVERY_SECONDS", 0.0)


def train_to_end(spec: RunSpec, **options: Any) -> Progress:
    """The last progress of a whole training."""
    return list(train(spec, **options))[-1]


@pytest.fixture
def finish() -> Callable[..., Progress]:
    """Train to the end: `finish(spec, name=…, runs=…)`."""
    return train_to_end

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unrolled.data import NextCharacter
from unrolled.generation.sampling import Sample
from unrolled.record import SUMMARIES, open_run
from unrolled.spec import RunSpec, build_task
from unrolled.training import Progress
from unrolled.training.samples import first_characters, third
from unrolled.training.summaries import readable


def sample(kind: str, step: int, temperature: float | None, text: str) -> Sample:
    return Sample(step=step, kind=kind, temperature=temperature, start="T", text=text, length=len(text))


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (sample("progress", 20, None, "he king"), "step     20       7 characters  greedy                ‹T›he king"),
        (sample("third", 20, 0.5, "a\n\t\x07é"), "step     20  2/3  5 characters  T = 0.5 (τ = 2)       ‹T›a⏎⇥�é"),
        (sample("third", 25, 2.0, "a"), "step     25       1 characters  T = 2 (τ = 0.5)       ‹T›a"),
    ],
)
def test_a_sample_is_one_line(written: Sample, line: str) -> None:
    assert readable(written, steps=30) == line


@pytest.mark.parametrize(("steps", "ends"), [(30, {10: 1, 20: 2, 30: 3}), (10, {4: 1, 7: 2, 10: 3}), (1, {1: 3})])
def test_where_thirds_end(steps: int, ends: dict[int, int]) -> None:
    assert {step: third(step, steps) for step in range(1, steps + 1) if third(step, steps)} == ends


def test_every_sample_is_summarised(
    tale: Path, tiny: Callable[..., RunSpec], finish: Callable[..., Progress], tmp_path: Path
) -> None:
    spec = tiny("text", source=str(tale), steps=6, window=8, layers=1, sample_every=3)
    finish(spec, name="run", runs=tmp_path)
    run = open_run(tmp_path / "run")
    lines = (run.path / SUMMARIES).read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(run.samples()) == 3 + 3 * 60
    task = build_task(spec)
    assert isinstance(task, NextCharacter)
    starts = [line["start"] for line in run.samples() if line["kind"] == "third"]
    assert starts == first_characters(task) * 36
    assert set(starts[:3]) == {"O", "H", "T"}
    assert starts[3:5] == [" ", "e"]

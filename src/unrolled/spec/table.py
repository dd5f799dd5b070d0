"""The table of tasks: how each is described and built, and the course's settings for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unrolled import data
from unrolled.errors import SpecError
from unrolled.spec.model import ModelSpec
from unrolled.spec.tasks import (
    BaumSweetSpec,
    BinaryPalindromesSpec,
    PalindromesSpec,
    RandomCombinationsSpec,
    TaskSpec,
    TextSpec,
)
from unrolled.spec.training import TrainingSpec

__all__ = ["TASKS", "TaskEntry"]


@dataclass(frozen=True)
class TaskEntry:
    """One task: the section that describes it, how it is built, and the course's defaults for the rest of a run."""

    spec: type[TaskSpec]
    build: Callable[[Any], data.Task]
    model: ModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)


def _build_text(spec: TextSpec) -> data.Task:
    corpus = data.read_corpus(
        spec.source,
        spec.encoding,
        held_out=spec.held_out,
        keep_bom=spec.keep_bom,
        keep_licence=spec.keep_licence,
        as_bytes=spec.vocabulary == "bytes",
        sha256=spec.text_sha256,
    )
    if spec.text_sha256 is not None and spec.text_sha256 != corpus.sha256:
        raise SpecError(
            f"the text {spec.source!r} has hash {corpus.sha256[:12]}…, this spec was made with "
            f"{spec.text_sha256[:12]}…: give the text of that time, or leave out text_sha256"
        )
    return data.NextCharacter(corpus, window=spec.window)


_BINARY_MODEL = ModelSpec(hidden=256, input="embedding", initialisation="kaiming")
_BINARY_TRAINING = TrainingSpec(steps=3000, batch=256, optimiser="adam", learning_rate=1e-4)

TASKS: Mapping[str, TaskEntry] = {
    "palindromes": TaskEntry(PalindromesSpec, lambda spec: data.DecimalPalindromes(length=spec.length)),
    "binary-palindromes": TaskEntry(
        BinaryPalindromesSpec,
        lambda spec: data.BinaryPalindromes(length=spec.length),
        _BINARY_MODEL,
        _BINARY_TRAINING,
    ),
    "random-combinations": TaskEntry(
        RandomCombinationsSpec,
        lambda spec: data.RandomCombinations(size=spec.size),
        _BINARY_MODEL,
        _BINARY_TRAINING,
    ),
    "baum-sweet": TaskEntry(
        BaumSweetSpec, lambda spec: data.BaumSweet(digits=spec.digits), _BINARY_MODEL, _BINARY_TRAINING
    ),
    "text": TaskEntry(
        TextSpec,
        _build_text,
        ModelSpec(layers=2),
        TrainingSpec(
            steps=10_000,
            batch=64,
            optimiser="adam",
            learning_rate=2e-3,
            schedule="course",
            clip=5.0,
            sample_every=100,
        ),
    ),
}
"""Every task by the name that specs and the command line use."""

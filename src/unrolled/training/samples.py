"""What a character model writes while it learns: one short sample now and then, and a course's set at every third."""

from __future__ import annotations

import math
from typing import Any

import torch

from unrolled.data import NextCharacter, Question
from unrolled.errors import UserCodeError
from unrolled.generation.sampling import Sample, draw_samples
from unrolled.spec import RunSpec

__all__ = ["draw_progress_sample", "draw_third_samples", "first_characters", "require_sampling", "third"]

PROGRESS_LENGTH = 30
"""A random first character, then so many greedy ones."""

THIRD_COUNT = 5
THIRD_LENGTHS = (30, 40, 60)
THIRD_TEMPERATURES = (None, 0.5, 1.0, 2.0)
"""Samples at 1/3, 2/3 and 3/3 of training: from so many first characters each length at each temperature (None:
greedy)."""


def require_sampling(spec: RunSpec, task: Question, model: torch.nn.Module) -> None:
    """Refuse a given network that cannot write, where samples are asked for.

    Raises:
        UserCodeError: saying what it lacks.
    """
    if spec.training.sample_every == 0 or not isinstance(task, NextCharacter):
        return
    missing = [name for name in ("step", "symbols") if not hasattr(model, name)]
    if missing:
        raise UserCodeError(
            f"the model {type(model).__name__} has no {' and no '.join(missing)}, which sampling needs: "
            "add it as in unrolled.nn.CharacterModel, or set sample_every to 0"
        )


def third(step: int, steps: int) -> int | None:
    """Which third of ``steps`` ends at ``step``, 1 to 3; None where none does."""
    return {math.ceil(steps * part / 3): part for part in (1, 2, 3)}.get(step)


def first_characters(task: NextCharacter) -> list[str]:
    """What the samples of the thirds begin with, the same at each so that they can be compared.

    The commonest capital letters of the training text; a text that has fewer goes on with its commonest characters.
    """
    counts = task.corpus.counts()
    order = [task.corpus.vocabulary[code] for code in counts.argsort(descending=True, stable=True).tolist()]
    capitals = [character for character in order if character.isupper() and character.isascii()]
    return list(dict.fromkeys([*capitals, *order]))[:THIRD_COUNT]


def draw_progress_sample(model: Any, task: NextCharacter, generator: torch.Generator, step: int) -> Sample:
    """A random first character and 30 greedy ones, the course's way to watch a network learn."""
    (sample,) = draw_samples(
        model,
        task.corpus.vocabulary,
        length=PROGRESS_LENGTH,
        temperature=None,
        generator=generator,
        step=step,
        kind="progress",
    )
    return sample


def draw_third_samples(model: Any, task: NextCharacter, generator: torch.Generator, step: int) -> list[Sample]:
    """The course's set: every length at every temperature, from each of the first characters."""
    starts = first_characters(task)
    return [
        sample
        for length in THIRD_LENGTHS
        for temperature in THIRD_TEMPERATURES
        for sample in draw_samples(
            model,
            task.corpus.vocabulary,
            starts,
            length=length,
            temperature=temperature,
            generator=generator,
            step=step,
            kind="third",
        )
    ]

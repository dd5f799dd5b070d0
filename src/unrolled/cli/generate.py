"""``unrolled generate RUN``: characters of a trained model, as they come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unrolled.errors import InputError

__all__ = ["generate"]


def generate(
    run: str,
    /,
    *,
    prompt: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    length: int = 300,
    temperature: float | None = None,
    tau: float | None = None,
    greedy: Annotated[bool, Parameter(negative=())] = False,
    seed: int = 0,
    runs: Path = Path("runs"),
    cell: str | None = None,
) -> None:
    """Write text with a trained character model.

    Args:
        run: name of a run, or its folder.
        prompt: the beginning, which the model goes on from (default: a random first character).
        length: how many characters to write.
        temperature: T of softmax(p/T): below 1 safer, above 1 bolder; 0 takes the likeliest (default: 0.5).
        tau: the course's inverse temperature, 1/T, in place of it.
        greedy: always take the likeliest character.
        seed: another seed, another text.
        runs: folder of runs.
        cell: your own cell's file again, path/to/file.py:MyCell, where the run was made with one.
    """
    import torch

    from unrolled import generation
    from unrolled.data import NextCharacter
    from unrolled.nn import CharacterModel
    from unrolled.record import find_run, load_model

    chosen = _temperature(temperature, tau, greedy)
    found = find_run(run, runs)
    model, task = load_model(found, cell=cell)
    if not (isinstance(task, NextCharacter) and isinstance(model, CharacterModel)):
        raise InputError(f"run {found.name!r} learnt {found.spec.task_name}, not text: it has nothing to write")
    characters = generation.generate(
        model,
        task.corpus.vocabulary,
        prompt,
        length=length,
        temperature=chosen,
        generator=torch.Generator().manual_seed(_seed(seed)),
    )
    sys.stdout.write(prompt)
    for character in characters:
        sys.stdout.write(character)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _temperature(temperature: float | None, tau: float | None, greedy: bool) -> float | None:
    """T above 0, or None for greedy."""
    options = {"--temperature": temperature, "--tau": tau, "--greedy": greedy or None}
    given = [option for option, value in options.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} are given together: one of them decides")
    if greedy or temperature == 0:
        return None
    if tau is not None:
        if tau <= 0:
            raise InputError(f"tau is {tau}: above 0, it is 1/T")
        return 1 / tau
    return 0.5 if temperature is None else temperature


def _seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}: from 0 to below 2^63")
    return seed

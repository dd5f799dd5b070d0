"""``unrolled generate [RUN]``: text of a trained model, as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from unrolled.cli.beginnings import read_beginning, require_utf8
from unrolled.cli.numbers import require_seed
from unrolled.errors import InputError

__all__ = ["generate"]

_BEGIN = Group("What to begin with", sort_key=1)
_CHOOSE = Group("How to choose", sort_key=2)
_WRITE = Group("What to write", sort_key=3)
_FROM = Group("Which model", sort_key=4)


def generate(
    run: Annotated[str | None, Parameter(group=_FROM)] = None,
    /,
    *,
    prompt: Annotated[str | None, Parameter(allow_leading_hyphen=True, group=_BEGIN)] = None,
    prompt_file: Annotated[str | None, Parameter(allow_leading_hyphen=True, group=_BEGIN)] = None,
    interactive: Annotated[bool, Parameter(negative=(), group=_BEGIN)] = False,
    temperature: Annotated[float | None, Parameter(group=_CHOOSE)] = None,
    tau: Annotated[float | None, Parameter(group=_CHOOSE)] = None,
    greedy: Annotated[bool, Parameter(negative=(), group=_CHOOSE)] = False,
    top_k: Annotated[int | None, Parameter(group=_CHOOSE)] = None,
    top_p: Annotated[float | None, Parameter(group=_CHOOSE)] = None,
    beam: Annotated[int | None, Parameter(group=_CHOOSE)] = None,
    length_penalty: Annotated[float | None, Parameter(group=_CHOOSE)] = None,
    until: Annotated[str | None, Parameter(allow_leading_hyphen=True, group=_CHOOSE)] = None,
    seed: Annotated[int, Parameter(group=_CHOOSE)] = 0,
    length: Annotated[int, Parameter(group=_WRITE)] = 300,
    samples: Annotated[int, Parameter(group=_WRITE)] = 1,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), group=_WRITE)] = False,
    weights: Annotated[Literal["float32", "bf16", "int8"], Parameter(group=_WRITE)] = "float32",
    runs: Annotated[Path, Parameter(group=_FROM)] = Path("runs"),
    cell: Annotated[str | None, Parameter(group=_FROM)] = None,
) -> None:
    """Write text with a trained character model.

    Args:
        run: name of a run, or its folder (default: the model in the package, trained on Grimms' tales).
        prompt: the beginning, which the model goes on from (default: a random first character).
        prompt_file: the beginning from a UTF-8 file; - is standard input.
        interactive: ask for one beginning after the other; an empty line goes on with the last text.
        temperature: T of softmax(p/T): below 1 safer, above 1 bolder; 0 takes the likeliest (default: 0.5).
        tau: the course's inverse temperature, 1/T, in place of it.
        greedy: always take the likeliest character.
        top_k: choose among so many of the likeliest characters.
        top_p: choose among the likeliest characters that together have this probability.
        beam: look for the likeliest text, keeping so many at every character.
        length_penalty: with --beam: texts are compared by log P / length^this, 0 to 10 (default: 1, the mean).
        until: with --beam: a text ends where it has written this.
        seed: another seed, another text.
        length: how many characters to write; of a model of bytes, how many bytes.
        samples: how many texts; each is the same whatever their number.
        as_json: JSON lines with the log-probability of every character, in nats at T = 1.
        weights: float32, or rounded to bf16 or int8 for speed.
        runs: folder of runs.
        cell: your own cell's file again, path/to/file.py:MyCell, where the run was made with one.
    """
    from unrolled.cli.conversation import converse
    from unrolled.cli.written import write_beam, write_json, write_plain
    from unrolled.generation import Choice, load

    chosen = Choice(temperature=_temperature(temperature, tau, greedy), top_k=top_k, top_p=top_p)
    require_seed(seed)
    _require(length >= 0, f"length is {length}: 0 or more characters")
    _require(samples >= 1, f"samples is {samples}: at least 1")
    _require(beam is None or beam >= 1, f"beam is {beam}: at least 1")
    drawn = {"--temperature": temperature, "--tau": tau, "--greedy": greedy or None, "--top-k": top_k, "--top-p": top_p}
    _together("--beam", beam, {**drawn, "--interactive": interactive or None})
    _together("--interactive", interactive or None, {"--prompt": prompt, "--prompt-file": prompt_file})
    _together("--interactive", interactive or None, {"--json": as_json or None, "--samples": samples > 1 or None})
    _together("--prompt", prompt, {"--prompt-file": prompt_file})
    for option, value in (("--until", until), ("--length-penalty", length_penalty)):
        _require(value is None or beam is not None, f"{option} is an option of --beam, which is not given")
    start = read_beginning(prompt_file) if prompt_file is not None else require_utf8(prompt or "", "--prompt")
    ending = require_utf8(until or "", "--until")
    model = load(run, runs=runs, cell=cell)
    options: dict[str, Any] = {"choice": chosen, "seed": seed, "weights": weights}
    if beam is not None:
        write_beam(model, start, length, beam, samples, ending, length_penalty, weights, as_json)
    elif interactive:
        converse(model, length, options)
    elif as_json:
        write_json(model, start, length, samples, options)
    else:
        write_plain(model, start, length, samples, options)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InputError(otherwise)


def _together(option: str, value: object, others: dict[str, object]) -> None:
    """Refuse options that contradict one another."""
    clashing = [other for other, given in others.items() if given is not None]
    if value is not None and clashing:
        raise InputError(f"{option} and {' and '.join(clashing)} are given together: one of them decides")


def _temperature(temperature: float | None, tau: float | None, greedy: bool) -> float | None:
    """T above 0, or None for greedy."""
    options = {"--temperature": temperature, "--tau": tau, "--greedy": greedy or None}
    given = [option for option, value in options.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} are given together: one of them decides")
    if greedy or temperature == 0:
        return None
    if tau is not None:
        from unrolled.generation import temperature_of

        return temperature_of(tau)
    return 0.5 if temperature is None else temperature

"""What ``unrolled generate`` puts on the screen: one text or many, JSON lines, the likeliest texts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from unrolled.cli.signs import with_signs
from unrolled.errors import InputError
from unrolled.generation import Stream, beam_search

if TYPE_CHECKING:
    from unrolled.generation import Choice, TextModel
    from unrolled.generation.scribe import Piece

__all__ = ["announce", "open_texts", "put", "read_first", "say", "write_beam", "write_json", "write_plain"]

_TOGETHER = 10_000_000
"""Characters of several samples that are kept until the first of them is whole."""

_ROWS = 1000
"""Samples that are written side by side: each needs the model's state for itself."""

_OBJECT = 4096
"""Characters after which a JSON object ends and the text goes on in another."""


def write_plain(model: TextModel, start: str, length: int, samples: int, options: dict[str, Any]) -> None:
    """One text as it comes, or several, each under its number."""
    together = _together(samples, length)
    for first in range(0, samples, together):
        stream = open_texts(model, start, min(together, samples - first), first, options)
        if first == 0:
            announce(model, options["choice"], options["seed"])
        if samples == 1:
            _write_one(stream, length)
            continue
        if together == 1:
            put(f"── {first + 1} ──\n")
            _write_one(stream, length)
            continue
        parts = [stream.starts, *(stream.texts(piece) for piece in read_first(stream, length))]
        for row, text in enumerate(zip(*parts, stream.rest(), strict=True)):
            put(f"── {first + row + 1} ──\n{''.join(text)}\n")


def _together(samples: int, length: int) -> int:
    """How many of the samples are written side by side; what each says does not depend on it."""
    return max(1, min(samples, _ROWS, _TOGETHER // max(length, 1)))


def _write_one(stream: Stream, length: int) -> None:
    put(stream.starts[0])
    for piece in read_first(stream, length):
        put(stream.texts(piece)[0])
    put(f"{stream.rest()[0]}\n")


def write_json(model: TextModel, start: str, length: int, samples: int, options: dict[str, Any]) -> None:
    """An object for each text, or for each piece of a long one; `at` counts the symbols before it."""
    together = _together(samples, length)
    for first in range(0, samples, together):
        stream = open_texts(model, start, min(together, samples - first), first, {**options, "log_probabilities": True})
        rows = range(len(stream.starts))
        texts, likelihoods = [""] * len(rows), [[] for _ in rows]  # type: list[str], list[list[float]]
        at = 0
        pieces = read_first(stream, length)
        ended = length == 0
        while not ended:
            piece = next(pieces, None)
            ended = piece is None
            if piece is not None:
                assert piece.log_probabilities is not None
                for row, text in enumerate(stream.texts(piece)):
                    texts[row] += text
                    likelihoods[row] += [round(value, 6) for value in piece.log_probabilities[:, row].tolist()]
            else:
                texts = [text + rest for text, rest in zip(texts, stream.rest(), strict=True)]
            if ended or len(likelihoods[0]) >= _OBJECT:
                for row in rows:
                    entry = {"sample": first + row, "at": at, "start": stream.starts[row], "text": texts[row]}
                    if likelihoods[row] or texts[row]:
                        put(json.dumps({**entry, "log_probabilities": likelihoods[row]}) + "\n")
                at += len(likelihoods[0])
                texts, likelihoods = [""] * len(rows), [[] for _ in rows]


def write_beam(
    model: TextModel,
    start: str,
    length: int,
    beams: int,
    samples: int,
    until: str,
    length_penalty: float | None,
    weights: Any,
    as_json: bool,
) -> None:
    """The best texts, as many as samples."""
    if samples > beams:
        raise InputError(f"--samples {samples} are more texts than --beam {beams} keeps")
    is_streamed = samples == 1 and not as_json
    beginning = iter([start])
    with _watched("looking for the likeliest text", 0 if is_streamed else length) as watch:
        found = beam_search(
            model.model,
            model.vocabulary,
            start,
            length=length,
            beams=beams,
            until=until,
            length_penalty=1.0 if length_penalty is None else length_penalty,
            weights=weights,
            on_step=None if is_streamed else watch,
            on_text=(lambda text: put(next(beginning, "") + text)) if is_streamed else None,
        )[:samples]
    say(f"{model.run.name}: beam of {beams}")
    if is_streamed:
        put(next(beginning, "") + "\n")
        return
    for number, text in enumerate(found):
        figures = {"log_probability": round(text.log_probability, 6), "score": round(text.score, 6)}
        if as_json:
            put(json.dumps({"sample": number, "start": start, "text": text.text, **figures}) + "\n")
        else:
            put(f"── {number + 1}, log P {text.log_probability:.2f} ──\n{start}{text.text}\n")


def open_texts(model: TextModel, start: str, rows: int, first: int, options: dict[str, Any]) -> Stream:
    """So many texts from one beginning, of which the first has that number."""
    return Stream(model.model, model.vocabulary, [start] * rows, first_row=first, **options)


def read_first(stream: Stream, length: int) -> Iterator[Piece]:
    """The pieces of a stream; while it reads a long beginning, a bar says how far."""
    with _watched("reading the beginning", stream.unread) as watch:
        stream.read(watch)
    return stream.pieces(length)


@contextmanager
def _watched(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, for what takes longer than two seconds in a terminal."""
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task = bar.add_task(what, total=total)
    began = time.monotonic()

    def watch(done: int) -> None:
        if not bar.live.is_started and time.monotonic() - began > 2:
            bar.start()
        bar.update(task, completed=done)

    try:
        yield watch
    finally:
        bar.stop()


def put(text: str) -> None:
    """Text for the reader, at once. A terminal is shown control characters instead of obeying them."""
    sys.stdout.write(with_signs(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def say(line: str) -> None:
    """A line beside the text."""
    print(line, file=sys.stderr, flush=True)


def announce(model: TextModel, choice: Choice, seed: int) -> None:
    """How the text is chosen, with the temperature in both its forms."""
    if choice.temperature is None:
        how = "greedy"
    else:
        how = f"temperature {choice.temperature:g} (tau {1 / choice.temperature:g})"
    kept = [f"top-k {choice.top_k}" if choice.top_k else "", f"top-p {choice.top_p:g}" if choice.top_p else ""]
    say(", ".join(part for part in (f"{model.run.name}: {how}", *kept, f"seed {seed}") if part))

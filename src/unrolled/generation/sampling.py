"""Draw text from a character model, one character after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.nn import CharacterModel

__all__ = ["Sample", "draw_samples", "generate"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A piece of generated text and how it came about.

    Attributes:
        step: the training step whose weights wrote it.
        kind: what it was drawn for, one word of the caller's ("progress", "completion" …).
        temperature: T of softmax(p/T); None for greedy.
        start: the beginning that was given, or the first character that was drawn where none was.
        text: what the model wrote after it.
        length: characters in ``text``.
    """

    step: int
    kind: str
    temperature: float | None
    start: str
    text: str
    length: int


def generate(
    model: CharacterModel,
    vocabulary: Vocabulary,
    prompt: str = "",
    *,
    length: int,
    temperature: float | None,
    generator: Generator,
) -> Iterator[str]:
    """Write on from ``prompt``, one character at a time::

        p_t, s_t = model(x_t, s_{t-1})        x_{t+1} ~ softmax(p_t / T)        s_0 = 0

    T = 1 draws from the distribution the model was trained for, T → 0 always takes its likeliest character
    (greedy), T → ∞ draws any character. The course's text defines exp(τ p) instead: τ = 1/T, an inverse
    temperature.

    The model reads the whole prompt first. Without a prompt a first character is drawn uniformly from the
    vocabulary, as in the course, and yielded before the others. The arguments are checked when this is
    called, not at the first character; the model's dropout is off while it runs, and its mode and the
    caller's gradient mode are as before between two characters.

    Args:
        model: a character model; its dtype and device are kept.
        vocabulary: the characters of the text it was trained on (``corpus.vocabulary``).
        prompt: the beginning; it is not yielded.
        length: characters the model writes, 0 or more.
        temperature: T, above 0, or None for greedy.
        generator: a CPU generator; greedy with a prompt draws nothing from it.

    Raises:
        TextError: the prompt holds a character outside the vocabulary.
        InputError: a length or temperature out of range, a model of another vocabulary, or one whose training
            diverged.
    """
    _check(model, vocabulary, length, temperature)
    start = prompt or _first_characters(vocabulary, 1, generator)[0]
    codes = vocabulary.encode(start)[:, None]
    written = (vocabulary[row[0]] for row in _write(model, codes, None, length, temperature, generator))
    return written if prompt else _after(start, written)


def draw_samples(
    model: CharacterModel,
    vocabulary: Vocabulary,
    starts: Sequence[str] = ("",),
    *,
    length: int,
    temperature: float | None,
    generator: Generator,
    step: int = 0,
    kind: str = "sample",
) -> tuple[Sample, ...]:
    """Several samples at once, one for each start, in the time of little more than one.

    Each row is written as by `generate`; the rows share one generator, so a drawn sample depends on its place
    among the others, and a greedy one does not.

    Args:
        model: a character model.
        vocabulary: the characters of the text it was trained on.
        starts: the beginnings, of any lengths; an empty one becomes a character drawn uniformly from the
            vocabulary.
        length: characters the model writes after each, 0 or more.
        temperature: T, above 0, or None for greedy.
        generator: a CPU generator.
        step: written into the samples.
        kind: written into the samples.

    Raises:
        TextError: a start holds a character outside the vocabulary.
        InputError: as `generate`.
    """
    _check(model, vocabulary, length, temperature)
    if not starts:
        return ()
    firsts = iter(_first_characters(vocabulary, sum(not start for start in starts), generator))
    beginnings = [start or next(firsts) for start in starts]
    rows = [vocabulary.encode(beginning) for beginning in beginnings]
    codes = torch.nn.utils.rnn.pad_sequence(rows)
    lengths = torch.tensor([len(row) for row in rows])
    columns = list(_write(model, codes, lengths, length, temperature, generator))
    texts = [vocabulary.decode(column[row] for column in columns) for row in range(len(starts))]
    return tuple(
        Sample(step=step, kind=kind, temperature=temperature, start=start, text=text, length=length)
        for start, text in zip(beginnings, texts, strict=True)
    )


def _check(model: CharacterModel, vocabulary: Vocabulary, length: int, temperature: float | None) -> None:
    if length < 0:
        raise InputError(f"length is {length}: 0 or more characters")
    if temperature is not None and not (temperature > 0 and math.isfinite(temperature)):
        raise InputError(f"temperature is {temperature}: a number above 0, or none for greedy")
    if model.symbols != len(vocabulary):
        raise InputError(
            f"the model knows {model.symbols} characters, the vocabulary holds {len(vocabulary)}: "
            "give the vocabulary of the text it was trained on"
        )


def _first_characters(vocabulary: Vocabulary, count: int, generator: Generator) -> list[str]:
    if count == 0:
        return []
    return [vocabulary[code] for code in torch.randint(len(vocabulary), (count,), generator=generator).tolist()]


def _after(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


@torch.no_grad()
def _write(
    model: CharacterModel,
    codes: Tensor,
    lengths: Tensor | None,
    length: int,
    temperature: float | None,
    generator: Generator,
) -> Iterator[list[int]]:
    """The codes of one more character for each row of ``codes`` [T, B], ``length`` times.

    torch's decorator leaves the gradient mode alone while this generator waits; a ``with`` around the yields
    would not.
    """
    if length == 0:
        return
    device = next(model.parameters()).device
    with _evaluating(model):
        every, state = model(codes.to(device), lengths=lengths)
    last = -torch.ones(codes.shape[1], dtype=torch.int64) if lengths is None else lengths - 1
    logits = every[last.to(device), torch.arange(codes.shape[1], device=device)]
    for left in reversed(range(length)):
        symbols = _choose(logits, temperature, generator)
        yield symbols.tolist()
        if left:
            with _evaluating(model):
                logits, state = model.step(symbols.to(device), state)


def _choose(logits: Tensor, temperature: float | None, generator: Generator) -> Tensor:
    """One symbol [B] from logits [B, V]."""
    scores = logits.to("cpu", torch.float64)
    if not torch.isfinite(scores).all():
        raise InputError("the model gives logits that are not finite: its training diverged, take an earlier run")
    if temperature is None:
        return scores.argmax(dim=1)
    likelihood = ((scores - scores.amax(dim=1, keepdim=True)) / temperature).exp()
    return torch.multinomial(likelihood, 1, generator=generator)[:, 0]


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Dropout off inside, every submodule's mode as it was after."""
    training: list[Any] = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True

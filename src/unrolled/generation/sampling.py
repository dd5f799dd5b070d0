"""Draw text from a character model, one character after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import torch
from torch import Generator

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.generation.choice import Choice
from unrolled.generation.scribe import Precision
from unrolled.generation.stream import Stream
from unrolled.nn import CharacterModel

__all__ = ["Sample", "draw_samples", "generate", "require_length"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A piece of generated text and how it came about.

    Attributes:
        step: the training step whose weights wrote it.
        kind: what it was drawn for, one word of the caller's ("progress", "completion" …).
        temperature: T of softmax(p/T); None for greedy.
        start: the beginning that was given, or the first character that was drawn where none was.
        text: what the model wrote after it.
        length: symbols written: characters in ``text``, or bytes where the model's symbols are bytes.
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
    top_k: int | None = None,
    top_p: float | None = None,
    weights: Precision = "float32",
) -> Iterator[str]:
    """Write on from ``prompt``, one character at a time::

        p_t, s_t = model(x_t, s_{t-1})        x_{t+1} ~ softmax(p_t / T)        s_0 = 0

    T = 1 draws from the distribution the model was trained for, T → 0 always takes its likeliest character
    (greedy), T → ∞ draws any character. The course's text defines exp(τ p) instead: τ = 1/T, an inverse
    temperature. `Choice` says the same with top_k and top_p.

    The model reads the whole prompt first. Without a prompt a first character is drawn uniformly from the
    vocabulary, as in the course, and yielded before the others. The arguments are checked when this is
    called, not at the first character; the model's dropout is off while it runs, and its mode and the
    caller's gradient mode are as before between two characters. No more than about twice the characters that
    are taken are computed. Natively, the weights are those of the moment of this call.

    >>> import torch, unrolled
    >>> book = unrolled.load()
    >>> generator = torch.Generator().manual_seed(0)
    >>> text = unrolled.generate(
    ...     book.model, book.vocabulary, "Once ", length=20, temperature=0.5, generator=generator
    ... )
    >>> len("".join(text))
    20

    Args:
        model: a character model; its dtype and device are kept.
        vocabulary: the characters of the text it was trained on (``corpus.vocabulary``).
        prompt: the beginning; it is not yielded.
        length: symbols the model writes, 0 or more: characters, or bytes where they are bytes.
        temperature: T, above 0, or None for greedy.
        generator: a CPU generator, of which one number is taken as the seed.
        top_k: choose among so many of the likeliest characters.
        top_p: choose among the likeliest characters that together have this probability.
        weights: "float32", or rounded to "bf16" or "int8" for speed.

    Raises:
        TextError: the prompt holds a character outside the vocabulary.
        InputError: a length, temperature, top_k or top_p out of range, a model of another vocabulary, or one whose
            training diverged; rounded weights without the native kernels.
    """
    require_length(length)
    choice = Choice(temperature=temperature, top_k=top_k, top_p=top_p)
    stream = Stream(model, vocabulary, [prompt], choice=choice, seed=_seed(generator), weights=weights)
    return _characters(stream, length, "" if prompt else stream.starts[0])


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

    Args:
        model: a character model.
        vocabulary: the characters of the text it was trained on.
        starts: the beginnings, of any lengths; an empty one becomes a character drawn uniformly from the
            vocabulary.
        length: symbols the model writes after each, as in `generate`.
        temperature: T, above 0, or None for greedy.
        generator: a CPU generator, of which one number is taken as the seed; a sample depends on it and on its
            place, not on the others.
        step: written into the samples.
        kind: written into the samples.

    Raises:
        TextError: a start holds a character outside the vocabulary.
        InputError: as `generate`.
    """
    require_length(length)
    choice = Choice(temperature=temperature)
    if not starts:
        return ()
    stream = Stream(model, vocabulary, starts, choice=choice, seed=_seed(generator))
    pieces = [stream.texts(piece) for piece in stream.pieces(length)]
    texts = ["".join(parts) for parts in zip(*pieces, stream.rest(), strict=True)]
    return tuple(
        Sample(step=step, kind=kind, temperature=temperature, start=start, text=text, length=length)
        for start, text in zip(stream.starts, texts, strict=True)
    )


def require_length(length: int) -> None:
    """Refuse what is no number of characters.

    Raises:
        InputError: below 0, 2^63 and more, or no whole number.
    """
    if not isinstance(length, SupportsIndex) or not 0 <= length < 2**63:
        raise InputError(f"length is {length}: 0 or more characters, a whole number below 2^63")


def _seed(generator: Generator) -> int:
    return int(torch.randint(2**63 - 1, (), generator=generator))


def _characters(stream: Stream, length: int, first: str) -> Iterator[str]:
    yield from first
    for piece in stream.pieces(length):
        yield from stream.texts(piece)[0]
    yield from stream.rest()[0]

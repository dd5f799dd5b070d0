"""A trained character model in your hands: it writes, scores and shows what goes on inside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, SupportsIndex, final

import torch
from torch import Tensor

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.generation.beam import Hypothesis, beam_search
from unrolled.generation.choice import Choice
from unrolled.generation.sampling import require_length
from unrolled.generation.scribe import READ_AT_ONCE, Precision, evaluating
from unrolled.generation.stream import Stream
from unrolled.nn import CharacterModel
from unrolled.record import Run, find_run, load_character_model, open_run

__all__ = ["PACKAGED", "Reading", "Score", "TextModel", "load", "packaged_run"]

PACKAGED = "grimm"
"""The model in the package: two LSTM layers on 54 of Grimms' tales, made by recipes/grimm.py."""


@dataclass(frozen=True, eq=False)
class Score:
    """How well a model foretells a text of N symbols: characters, or the bytes of its UTF-8 where the model's are.

    Attributes:
        text: all of it.
        bits: what each symbol but the first costs, -log₂ of its probability after all before it, [N - 1].
        begun: of the first character, the symbols after its first: 0 where symbols are characters.
    """

    text: str = field(repr=False)
    bits: Tensor = field(repr=False)
    begun: int = 0

    @property
    def bits_per_symbol(self) -> float:
        """The mean."""
        return float(self.bits.mean(dtype=torch.float64))

    @property
    def bits_per_character(self) -> float:
        """-log₂ P(all characters but the first | the first) / their number, whatever the symbols; nan where it is 0.

        Two models of one text compare by it, one of characters and one of bytes.
        """
        return float(self.bits[self.begun :].sum(dtype=torch.float64) / (len(self.text) - 1))

    def __float__(self) -> float:
        return self.bits_per_character


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model computed while it read a text of N symbols: characters, or the bytes of its UTF-8.

    Attributes:
        text: what it read.
        layers: for each layer, from the bottom, every gate, candidate and state by name: [N, H].
        log_probabilities: of each symbol of the vocabulary after each of the text, in nats: [N, V].
    """

    text: str
    layers: tuple[Mapping[str, Tensor], ...] = field(repr=False)
    log_probabilities: Tensor = field(repr=False)


@final
@dataclass(frozen=True, eq=False)
class TextModel:
    """A character model with the characters it knows.

    One that was trained on bytes (`--vocabulary bytes`) reads and writes a text as its UTF-8: its symbols are bytes,
    of which a character has up to four, and lengths count symbols.

    >>> import unrolled
    >>> book = unrolled.load()
    >>> book.generate("Sleeping beauty is", 40, temperature=None) == book.generate(
    ...     "Sleeping beauty is", 40, temperature=None
    ... )
    True
    >>> book.score("Once upon a time").bits_per_character < book.score("zxq zxq zxq").bits_per_character
    True
    >>> book.observe("Once").layers[1]["forget_gate"].shape
    torch.Size([4, 256])

    Attributes:
        model: the network, in `eval` mode.
        vocabulary: its characters.
        run: where it came from.
    """

    model: CharacterModel = field(repr=False)
    vocabulary: Vocabulary
    run: Run = field(repr=False)

    def generate(
        self,
        prompt: str = "",
        length: int = 300,
        *,
        temperature: float | None = 0.5,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        weights: Precision = "float32",
    ) -> str:
        """Write on from a prompt; what follows it comes back.

        Args:
            prompt: the beginning. Without one a first character is drawn, and comes back with the others.
            length: symbols to write: characters, or bytes, of which fewer characters come.
            temperature: T of softmax(z/T); None takes the likeliest character every time.
            top_k: choose among so many of the likeliest.
            top_p: choose among the likeliest that together have this probability.
            seed: another seed, another text.
            weights: "float32", or rounded to "bf16" or "int8" for speed; docs/generation.md says what that costs.

        Raises:
            TextError: the prompt holds a character outside the vocabulary.
            InputError: a number out of range.
        """
        choice = Choice(temperature=temperature, top_k=top_k, top_p=top_p)
        return "".join(self.stream(prompt, length, choice=choice, seed=seed, weights=weights))

    def stream(
        self, prompt: str = "", length: int = 300, *, choice: Choice, seed: int = 0, weights: Precision = "float32"
    ) -> Iterator[str]:
        """The same as `generate`, piece by piece as it is written: any length, in bounded memory.

        >>> import unrolled
        >>> from unrolled.generation import Choice
        >>> pieces = unrolled.load().stream("Once", 100, choice=Choice(temperature=0.8, top_p=0.9))
        >>> sum(len(piece) for piece in pieces)
        100
        """
        require_length(length)
        stream = Stream(self.model, self.vocabulary, [prompt], choice=choice, seed=seed, weights=weights)
        return _pieces(stream, length, "" if prompt else stream.starts[0])

    def samples(
        self, count: int, prompt: str = "", length: int = 300, *, choice: Choice, seed: int = 0
    ) -> tuple[str, ...]:
        """So many texts at once, each with its prompt or first character; the first is `generate`'s.

        Raises:
            InputError: a count below 1.
        """
        require_length(length)
        if not isinstance(count, SupportsIndex) or count < 1:
            raise InputError(f"samples is {count!r}: a whole number, at least 1")
        stream = Stream(self.model, self.vocabulary, [prompt] * count, choice=choice, seed=seed)
        pieces = [stream.starts, *(stream.texts(piece) for piece in stream.pieces(length))]
        return tuple("".join(parts) for parts in zip(*pieces, stream.rest(), strict=True))

    def beam(
        self, prompt: str, length: int = 300, *, beams: int = 8, until: str = "", length_penalty: float = 1.0
    ) -> tuple[Hypothesis, ...]:
        """The likeliest continuations that `beam_search` finds, the best first."""
        return beam_search(
            self.model,
            self.vocabulary,
            prompt,
            length=length,
            beams=beams,
            until=until,
            length_penalty=length_penalty,
        )

    def score(self, text: str) -> Score:
        """What every symbol of a text costs in bits, the state carried on from its first to its last.

        The first is not foretold: the model begins by reading it.

        Raises:
            InputError: fewer than two symbols.
            TextError: a character outside the vocabulary.
        """
        codes = self.vocabulary.encode(text)
        if len(codes) < 2:
            raise InputError(f"a score needs at least 2 symbols, not {len(codes)}: the first is not foretold")
        state: Any = None
        parts = []
        with torch.no_grad(), evaluating(self.model):
            for first in range(0, len(codes) - 1, READ_AT_ONCE):
                read = codes[first : first + READ_AT_ONCE][: len(codes) - 1 - first]
                logits, state = self.model(read[:, None], state)
                following = codes[first + 1 : first + 1 + len(read)]
                parts.append(-logits[:, 0].log_softmax(1).gather(1, following[:, None])[:, 0] / math.log(2))
        return Score(text, torch.cat(parts), len(self.vocabulary.encode(text[0])) - 1)

    def observe(self, text: str) -> Reading:
        """Every gate and state of every layer for every symbol, and what the model expected after each.

        Raises:
            InputError: no text, or a layer of yours that cannot be observed.
            TextError: a character outside the vocabulary.
        """
        if not text:
            raise InputError("there is nothing to observe: give at least 1 character")
        layer: Any = self.model.layer
        if not hasattr(layer, "observe"):
            raise InputError(f"the layer {type(layer).__name__} has no observe()")
        with torch.no_grad(), evaluating(self.model):
            seen = layer.observe(self.model.coding(self.vocabulary.encode(text)))
            log_probabilities = self.model.output(seen.output).log_softmax(1)
        layers = tuple(MappingProxyType(dict(traces[0])) for traces in seen.layers)
        return Reading(text, layers, log_probabilities)


def _pieces(stream: Stream, length: int, first: str) -> Iterator[str]:
    if first:
        yield first
    for piece in stream.pieces(length):
        yield stream.texts(piece)[0]
    if rest := stream.rest()[0]:
        yield rest


def load(run: Run | Path | str | None = None, *, runs: Path | str = "runs", cell: str | None = None) -> TextModel:
    """The character model of a run; without one, the model in the package, which needs no training and no data.

    >>> import unrolled
    >>> len(unrolled.load().generate("Once upon a time", 80))
    80

    Args:
        run: a run, its name under `runs`, or its folder.
        runs: the folder of runs.
        cell: your own cell's file again, path/to/file.py:MyCell, where the run was made with one.

    Raises:
        UnknownName: no such run.
        RecordError: it is damaged, or has no weights yet.
        InputError: it learnt something else than a text.
        UserCodeError: see `record.load_model`.
    """
    found = packaged_run() if run is None else run if isinstance(run, Run) else find_run(run, runs)
    model, vocabulary = load_character_model(found, cell=cell)
    return TextModel(model, vocabulary, found)


def packaged_run() -> Run:
    """The record of the model in the package: its spec, metrics, samples and result, and its weights in float16."""
    with resources.as_file(resources.files("unrolled.generation") / PACKAGED) as folder:
        return open_run(folder)

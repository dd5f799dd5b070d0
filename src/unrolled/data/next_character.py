"""Next-character prediction: on random windows of a text, or on streams through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from unrolled.data.corpus import Corpus
from unrolled.data.layout import Layout
from unrolled.data.task import Batch, Task, require_whole_number
from unrolled.errors import TextError

__all__ = ["NextCharacter"]


@final
@dataclass(frozen=True, slots=True)
class NextCharacter(Task):
    """Predict every next character in a window of T characters of the training text.

    ::

        s ~ uniform on 0 … N − T − 1       N characters to train on
        inputs_t = x_{s+t}      targets_t = x_{s+t+1}      t = 0 … T − 1

    The window at s = 1 with T = 3 of "abcdef":

    >>> task = NextCharacter(Corpus.from_text("abcdef", held_out=0), window=3)
    >>> batch = task.windows_at(torch.tensor([1]))
    >>> task.corpus.decode(batch.inputs[:, 0]), task.corpus.decode(batch.targets[:, 0])
    ('bcd', 'cde')

    Chance is one over the vocabulary's size; the majority is the share of the training text's commonest
    character (a space, about 0.19 in English). Loss is the mean cross-entropy over the T steps, in nats; over
    ln 2 it is bits per character, or per byte where the vocabulary is bytes.

    Source: the course's ``TextDataset``, which trains on the whole file, licence text included, so that its
    accuracies are of text the model has seen. Here windows come from the training part only. `stream` lays it out
    for a state that is carried on; `held_out_windows` and `held_out_stream` do both for the held-out part.

    Args:
        corpus: the text.
        window: T, 1 or more.

    Raises:
        SpecError: a window that is no whole number or below 1.
        TextError: a training part too short for one window and the character after it.
    """

    name = "text"
    corpus: Corpus
    window: int = 30

    def __post_init__(self) -> None:
        require_whole_number(self.name, "window", self.window, least=1)
        if self.corpus.split < self.window + 1:
            raise TextError(
                f"the text is too short: {self.corpus.split} characters to train on "
                f"(of {len(self.corpus.codes)}), but a window of {self.window} needs "
                f"{self.window + 1}; give a longer text or a smaller window"
            )

    @property
    def symbols(self) -> int:
        """The vocabulary's size."""
        return len(self.corpus.vocabulary)

    @property
    def classes(self) -> int:
        """The vocabulary's size."""
        return len(self.corpus.vocabulary)

    @property
    def answers(self) -> int:
        """One at every step."""
        return self.window

    @property
    def steps(self) -> int:
        """The window, T."""
        return self.window

    @property
    def majority(self) -> float:
        """The share of the training text's commonest character."""
        return int(self.corpus.counts().max()) / self.corpus.split

    @property
    def held_out_count(self) -> int:
        """How many windows of T with the character after them the held-out part has, one after the other."""
        return max(len(self.corpus.codes) - self.corpus.split - 1, 0) // self.window

    def windows_at(self, starts: Tensor) -> Batch:
        """The windows of the whole text that begin at ``starts``, int64 ``[B]``."""
        places = starts + torch.arange(self.window + 1).unsqueeze(1)
        codes = self.corpus.codes[places].to(torch.int64)
        return Batch(inputs=codes[:-1], targets=codes[1:])

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw windows of the training text."""
        return self.windows_at(torch.randint(0, self.corpus.split - self.window, (batch,), generator=generator))

    def stream(self, rows: int, first: int | None = None) -> Layout:
        """The training part as rows of windows that go on where they end; see `Layout`.

        Args:
            rows: B.
            first: length of every document's first window, to move the others (None: T).
        """
        corpus = self.corpus
        return Layout.of(
            corpus.codes,
            corpus.documents,
            begin=0,
            end=corpus.split - 1,
            window=self.window,
            rows=rows,
            first=first,
        )

    def held_out_stream(self, rows: int, characters: int | None = None) -> Layout:
        """The held-out part, or its first ``characters``, likewise; ``rows=1`` is the text in one piece.

        Raises:
            TextError: as `require_held_out`.
        """
        self.require_held_out()
        corpus = self.corpus
        last = len(corpus.codes) - 1
        return Layout.of(
            corpus.codes,
            corpus.documents,
            begin=corpus.split,
            end=last if characters is None else min(corpus.split + characters, last),
            window=self.window,
            rows=rows,
        )

    def held_out_windows(self, first: int, count: int) -> Batch:
        """Some of the windows of T that follow each other in the held-out part, to evaluate from a zero state.

        Args:
            first: which of them, from 0.
            count: how many, up to `held_out_count` in all.
        """
        return self.windows_at(self.corpus.split + self.window * torch.arange(first, first + count))

    def require_held_out(self) -> None:
        """Refuse a text whose held-out part holds no window.

        Raises:
            TextError: fewer than T + 1 held-out characters.
        """
        if self.held_out_count < 1:
            raise TextError(
                f"the held-out part is too short: {len(self.corpus.codes) - self.corpus.split} characters cannot "
                f"fill 1 row(s) of {self.window} and the character after; "
                "give a longer text or a larger held-out share"
            )

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"next character, windows of {self.window} from {self.corpus.split} characters "
            f"with {self.symbols} distinct, {len(self.corpus.codes) - self.corpus.split} held out; "
            f"the commonest character alone scores {self.majority:.3f}"
        )

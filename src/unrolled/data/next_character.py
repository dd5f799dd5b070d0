"""Next-character prediction on random windows of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from unrolled.data.corpus import Corpus
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
    ln 2 it is bits per character.

    Source: the course's ``TextDataset``, which trains on the whole file, licence text included, so that its
    accuracies are of text the model has seen. Here windows come from the training part only and the held-out
    part is laid out by `held_out_streams` and `held_out_windows`.

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
                f"(of {len(self.corpus.body)}), but a window of {self.window} needs "
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
    def steps(self) -> int:
        """The window, T."""
        return self.window

    @property
    def majority(self) -> float:
        """The share of the training text's commonest character."""
        counts = torch.bincount(self.corpus.training, minlength=self.symbols)
        return int(counts.max()) / self.corpus.split

    def windows_at(self, starts: Tensor) -> Batch:
        """The windows of the training text that begin at ``starts``, int64 ``[B]``."""
        places = starts + torch.arange(self.window + 1).unsqueeze(1)
        codes = self.corpus.codes[places].to(torch.int64)
        return Batch(inputs=codes[:-1], targets=codes[1:])

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw windows of the training text."""
        return self.windows_at(torch.randint(0, self.corpus.split - self.window, (batch,), generator=generator))

    def held_out_streams(self, batch: int) -> Batch:
        """The held-out part as B contiguous streams of equal length, to evaluate with the state carried on.

        Row b goes on where row b − 1 ends; the fewer than B characters over are left out, so ``batch=1``
        leaves out none.

        Returns:
            inputs and targets ``[T′, B]``, T′ = ⌊(M − 1)/B⌋ for M held-out characters.

        Raises:
            TextError: fewer than B + 1 held-out characters.
        """
        return self._rows(batch, steps=(len(self.corpus.held_out_text) - 1) // max(batch, 1))

    def held_out_windows(self) -> Batch:
        """The held-out part as windows of T that do not overlap, for evaluation from a zero state.

        Returns:
            inputs and targets ``[T, ⌊(M − 1)/T⌋]`` for M held-out characters.

        Raises:
            TextError: fewer than T + 1 held-out characters.
        """
        return self._rows((len(self.corpus.held_out_text) - 1) // self.window, steps=self.window)

    def _rows(self, batch: int, steps: int) -> Batch:
        codes = self.corpus.held_out
        if batch < 1 or steps < 1:
            raise TextError(
                f"the held-out part is too short: {len(codes)} characters cannot fill "
                f"{max(batch, 1)} row(s) of {max(steps, 1)} and the character after; "
                "give a longer text or a larger held-out share"
            )
        inputs = codes[: batch * steps].view(batch, steps).T.contiguous()
        targets = codes[1 : batch * steps + 1].view(batch, steps).T.contiguous()
        return Batch(inputs=inputs, targets=targets)

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"next character, windows of {self.window} from {self.corpus.split} characters "
            f"with {self.symbols} distinct, {len(self.corpus.held_out_text)} held out; "
            f"the commonest character alone scores {self.majority:.3f}"
        )

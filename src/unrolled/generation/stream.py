"""Several texts written side by side, as far as one likes, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.generation.choice import Choice, uniform
from unrolled.generation.scribe import READ_AT_ONCE, Piece, Precision, Scribe, open_scribe
from unrolled.nn import CharacterModel

__all__ = ["Stream"]

PIECE_SECONDS = 0.02
"""What a piece may take before pieces stop growing: so long Ctrl-C waits, and so smoothly text comes."""

PIECE_SYMBOLS = 2**16
"""The most that a piece holds, all rows together: bounds the memory."""

_FIRST = -1  # the place of a text's first character, where it is drawn and not given


@final
class Stream:
    """Texts that go on from beginnings of any lengths.

    Row r's text depends on its beginning, the choice, the seed and its number alone: not on the other rows, the
    pieces it comes in, or the threads.

    Args:
        model: a character model; its dtype and device are kept.
        vocabulary: the characters of the text it was trained on.
        starts: the beginnings; an empty one becomes a character drawn uniformly from the vocabulary, as in the
            course.
        choice: how each character is chosen.
        seed: what is drawn follows from it.
        weights: what they are rounded to: see `Precision`.
        first_row: the number of the first row.
        log_probabilities: whether pieces carry them.

    Attributes:
        starts: the beginnings, with what was drawn.
        written: symbols written so far in each row.
        choice: how the next characters are chosen; set anew, the texts go on by it.

    Raises:
        TextError: a beginning holds a character outside the vocabulary.
        InputError: a model of another vocabulary, or one whose training diverged; rounded weights without the
            native kernels.
    """

    def __init__(
        self,
        model: CharacterModel,
        vocabulary: Vocabulary,
        starts: Sequence[str],
        *,
        choice: Choice,
        seed: int,
        weights: Precision = "float32",
        first_row: int = 0,
        log_probabilities: bool = False,
    ) -> None:
        if model.symbols != len(vocabulary):
            raise InputError(
                f"the model knows {model.symbols} characters, the vocabulary holds {len(vocabulary)}: "
                "give the vocabulary of the text it was trained on"
            )
        self.vocabulary = vocabulary
        self.starts = [
            start or vocabulary[int(uniform(seed, first_row + row, _FIRST) * len(vocabulary))]
            for row, start in enumerate(starts)
        ]
        self.written = 0
        self.choice, self._seed, self._first_row = choice, seed, first_row
        self._wants_log_probabilities = log_probabilities
        self._steps = 1
        codes = [vocabulary.encode(start) for start in self.starts]
        self._last = torch.stack([row[-1] for row in codes])
        self._scribe = open_scribe(model, len(codes), weights)
        self._unread = [row[:-1] for row in codes]
        self._unfinished = [row[:0] for row in codes]

    @property
    def last(self) -> Tensor:
        """The last character of each row [B], which the model has not read yet."""
        return self._last

    @property
    def unread(self) -> int:
        """Symbols of the longest beginning that the model has still to read, but for its last one."""
        return max((len(row) for row in self._unread), default=0)

    def open(self) -> Scribe:
        """The model behind all that stands before `last`."""
        self.read()
        return self._scribe

    def pieces(self, length: int) -> Iterator[Piece]:
        """So many more symbols of every row, piece by piece; called again, the texts go on.

        The first piece is one symbol long, and each is up to twice the last one, as long as it comes quickly.
        """
        self.read()
        end = self.written + length
        while self.written < end:
            began = time.perf_counter()
            piece = self._scribe.write(
                self._last,
                min(self._steps, end - self.written),
                self.choice,
                seed=self._seed,
                first_row=self._first_row,
                place=self.written,
                log_probabilities=self._wants_log_probabilities,
            )
            self._last = piece.symbols[-1]
            self.written += len(piece.symbols)
            quick = time.perf_counter() - began < PIECE_SECONDS
            if quick and 2 * self._steps * len(self.starts) <= PIECE_SYMBOLS:
                self._steps *= 2
            yield piece

    def texts(self, piece: Piece) -> list[str]:
        """What a piece adds to each row: asked once of every piece, in their order.

        Where symbols are bytes, a character that the piece breaks off in comes with the next one.
        """
        return [self._whole(row, column) for row, column in enumerate(piece.symbols.T)]

    def rest(self) -> list[str]:
        """What is left of each row where its text ends amid a character: U+FFFD for its bytes, or nothing."""
        left, self._unfinished = self._unfinished, [codes[:0] for codes in self._unfinished]
        return [self.vocabulary.decode(codes) for codes in left]

    def _whole(self, row: int, symbols: Tensor) -> str:
        codes = torch.cat([self._unfinished[row], symbols])
        text, used = self.vocabulary.decode_whole(codes)
        self._unfinished[row] = codes[used:]
        return text

    def read(self, on_part: Callable[[int], None] | None = None) -> None:
        """Read the beginnings, all but their last symbols; `pieces` does it where it is left out.

        Args:
            on_part: told how many symbols of the longest have been read.
        """
        longest = self.unread
        rows, self._unread = self._unread, []
        if longest == 0:
            return
        alike = all(torch.equal(row, rows[0]) for row in rows[1:])
        if alike:  # once for all
            self._scribe.select(torch.zeros(1, dtype=torch.int64))
        for first in range(0, longest, READ_AT_ONCE):
            parts = [row[first : first + READ_AT_ONCE] for row in (rows[:1] if alike else rows)]
            lengths = None if alike else torch.tensor([len(part) for part in parts])
            self._scribe.read(torch.nn.utils.rnn.pad_sequence(parts), lengths)
            if on_part is not None:
                on_part(min(first + READ_AT_ONCE, longest))
        if alike:
            self._scribe.select(torch.zeros(len(rows), dtype=torch.int64))

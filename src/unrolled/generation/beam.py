"""The likeliest text, looked for along several beginnings at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, SupportsIndex

import torch
from torch import Tensor

from unrolled.data import Vocabulary
from unrolled.errors import InputError
from unrolled.generation.choice import GREEDY
from unrolled.generation.sampling import require_length
from unrolled.generation.scribe import Precision, Scribe
from unrolled.generation.stream import Stream
from unrolled.nn import CharacterModel

__all__ = ["Hypothesis", "beam_search"]

GREATEST_PENALTY: Final = 10.0
"""Of α; any length to this power is a number."""

SETTLED_EVERY = 16
"""Characters after which it is looked again how far all texts agree."""


@dataclass(frozen=True)
class Hypothesis:
    """A text that beam search ended with.

    Attributes:
        text: what follows the prompt.
        log_probability: of the whole of it, in nats.
        score: what it was ranked by: log_probability / characters^α.
    """

    text: str
    log_probability: float
    score: float


def beam_search(
    model: CharacterModel,
    vocabulary: Vocabulary,
    prompt: str,
    *,
    length: int,
    beams: int,
    until: str = "",
    length_penalty: float = 1.0,
    weights: Precision = "float32",
    on_step: Callable[[int], None] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> tuple[Hypothesis, ...]:
    """The `beams` likeliest texts found by going on, at every character, with the `beams` likeliest so far::

        score(y) = (Σ_t ln P(y_t | prompt, y_<t)) / |y|^α

    One beam is greedy. A text is ready after `length` characters, or where it has written `until`; texts of
    different lengths are compared by their score, with α = 1 by the mean of a character.

    Args:
        model: a character model.
        vocabulary: the characters of the text it was trained on.
        prompt: the beginning, at least one character.
        length: the most characters to write.
        beams: how many texts are kept.
        until: what ends a text; it belongs to it. Empty: its length alone does.
        length_penalty: α, from 0 to 10.
        weights: see `Precision`.
        on_step: told how many characters have been written.
        on_text: told the best text piece by piece, each as soon as all that are kept agree on it; the last piece
            comes when the search is over.

    Returns:
        The best first.

    Raises:
        TextError: a character outside the vocabulary.
        InputError: no prompt, or a number out of range.
    """
    require_length(length)
    if not isinstance(beams, SupportsIndex) or beams < 1:
        raise InputError(f"beam is {beams}: at least 1 text is kept, a whole number")
    if not 0 <= length_penalty <= GREATEST_PENALTY:
        raise InputError(f"the length penalty is {length_penalty}: from 0 to {GREATEST_PENALTY:g}")
    if not prompt:
        raise InputError("beam search needs a prompt: it draws nothing, so it cannot begin by itself")
    ending = vocabulary.encode(until)
    stream = Stream(model, vocabulary, [prompt], choice=GREEDY, seed=0, weights=weights)
    search = _Search(stream.open(), stream.last, length, beams, ending, length_penalty)
    told = 0
    for step in range(length):
        if search.is_over:
            break
        search.step()
        if on_step is not None:
            on_step(step + 1)
        if (step + 1) % SETTLED_EVERY == 0:
            search.settle()
            if on_text is not None:
                settled, used = vocabulary.decode_whole(search.beginning[told : search.agreed])
                told += used
                if settled:
                    on_text(settled)
    found = search.ranked()
    if on_text is not None and (rest := vocabulary.decode(found[0][0][told:])):
        on_text(rest)
    return tuple(
        Hypothesis(vocabulary.decode(codes), log_probability, score) for codes, log_probability, score in found
    )


class _Text(NamedTuple):
    """A text: so many codes of the search's beginning, then its own."""

    shared: int
    own: list[int]
    likelihood: float
    score: float


class _Search:
    """The texts so far: one row of the scribe each, and how each came about."""

    def __init__(
        self, scribe: Scribe, last: Tensor, length: int, beams: int, ending: Tensor, length_penalty: float
    ) -> None:
        self.scribe, self.length, self.beams = scribe, length, beams
        self.ending, self.length_penalty = ending, length_penalty
        self.symbols = last
        self.likelihoods = torch.zeros(1, dtype=torch.float64)
        self.tails = torch.full((1, len(ending)), -1)  # the last characters, to find the ending in
        self.beginning: list[int] = []  # what all texts that go on have in common
        self.steps: list[tuple[Tensor, Tensor]] = []  # after it: (the row it goes on from, its character)
        self.ready: list[_Text] = []  # the best that have ended, the best first

    @property
    def is_over(self) -> bool:
        """Whether no text is left to go on with, or none can still come among the best."""
        if len(self.symbols) == 0:
            return True
        if len(self.ready) < self.beams:
            return False
        # ln P < 0 only falls as a text goes on, so that ln P / |y|^α ends no higher than the longest text's
        return self._score(float(self.likelihoods[0]), self.length) < self.ready[-1].score

    @property
    def written(self) -> int:
        """How many characters each text that goes on has."""
        return len(self.beginning) + len(self.steps)

    @property
    def agreed(self) -> int:
        """How many codes of the beginning every text that may be found begins with, ended ones too."""
        return min([len(self.beginning), *map(self._alike, self.ready)])

    def step(self) -> None:
        """One more character for each text."""
        logits = self.scribe.advance(self.symbols).to("cpu", torch.float64)
        if not torch.isfinite(logits).all():
            raise InputError("the model gives logits that are not finite: its training diverged, take an earlier run")
        totals = self.likelihoods[:, None] + logits.log_softmax(1)
        best, places = totals.flatten().topk(min(self.beams, totals.numel()))
        rows, symbols = places // totals.shape[1], places % totals.shape[1]
        self.steps.append((rows, symbols))
        tails = torch.cat([self.tails[rows], symbols[:, None]], 1)[:, 1:] if len(self.ending) else self.tails[rows]
        ends = (tails == self.ending).all(1) if len(self.ending) else torch.zeros(len(rows), dtype=torch.bool)
        for row in ends.nonzero()[:, 0].tolist():
            self._end(row, float(best[row]))
        goes_on = (~ends).nonzero()[:, 0]
        self.steps[-1] = (rows[goes_on], symbols[goes_on]) if bool(ends.any()) else (rows, symbols)
        self.likelihoods, self.tails, self.symbols = best[goes_on], tails[goes_on], symbols[goes_on]
        self.scribe.select(rows[goes_on])

    def settle(self) -> None:
        """Put what the texts that go on have come to agree on into the beginning; the steps shrink by it."""
        rows = set(range(len(self.symbols)))
        for step in range(len(self.steps) - 1, -1, -1):
            if len(rows) == 1:
                self.beginning += self._codes(rows.pop(), step + 1)
                self.steps = self.steps[step + 1 :]
                if self.steps:
                    self.steps[0] = (torch.zeros_like(self.steps[0][0]), self.steps[0][1])
                break
            origins = self.steps[step][0].tolist()
            rows = {origins[row] for row in rows}

    def ranked(self) -> list[tuple[list[int], float, float]]:
        """Codes, log-probability and score of the best, the best first."""
        live = [self._text(row, float(likelihood)) for row, likelihood in enumerate(self.likelihoods)]
        best = sorted(self.ready + live, key=lambda text: -text.score)[: self.beams]
        return [(self.beginning[: text.shared] + text.own, text.likelihood, text.score) for text in best]

    def _end(self, row: int, likelihood: float) -> None:
        """Keep a text that has ended, if it is among the best of these; its score stays as it is."""
        if len(self.ready) < self.beams or self._score(likelihood, self.written) > self.ready[-1].score:
            self.ready = sorted([*self.ready, self._text(row, likelihood)], key=lambda text: -text.score)[: self.beams]

    def _text(self, row: int, likelihood: float) -> _Text:
        codes = self._codes(row, len(self.steps))
        return _Text(len(self.beginning), codes, likelihood, self._score(likelihood, self.written))

    def _score(self, likelihood: float, length: int) -> float:
        return likelihood / math.pow(max(length, 1), self.length_penalty)

    def _alike(self, text: _Text) -> int:
        """How many of the first codes of the beginning and of a text are the same."""
        there = self.beginning[text.shared : text.shared + len(text.own)]
        return text.shared + next((place for place, code in enumerate(there) if code != text.own[place]), len(there))

    def _codes(self, row: int, steps: int) -> list[int]:
        """What the row after so many of the steps has written in them."""
        codes = []
        for rows, symbols in reversed(self.steps[:steps]):
            codes.append(int(symbols[row]))
            row = int(rows[row])
        return codes[::-1]

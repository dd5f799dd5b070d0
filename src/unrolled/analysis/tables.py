"""What tables of short contexts make of a text: back-off's accuracy and Kneser–Ney's bits, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from unrolled.analysis.backoff import BackOffScore, back_off
from unrolled.analysis.kneser_ney import KneserNeyScore, kneser_ney
from unrolled.analysis.ngrams import NGrams
from unrolled.data import Corpus

__all__ = ["MOST_SYMBOLS", "ORDERS", "Tables"]

ORDERS: Final = range(10)
"""Order k is a context of k symbols; 0 is none."""

MOST_SYMBOLS: Final = 2_000_000
"""Of a longer training text only its last so many symbols are counted, and of the held-out part its first."""


@final
@dataclass(frozen=True)
class Tables:
    """Scores on the held-out part, of tables counted on the training part.

    Attributes:
        back_off: accuracy by order.
        kneser_ney: bits per symbol by order.
        counted: symbols of the training part that were counted.
        scored: held-out symbols that were guessed.
    """

    back_off: tuple[BackOffScore, ...]
    kneser_ney: tuple[KneserNeyScore, ...]
    counted: int
    scored: int

    @classmethod
    def of(cls, corpus: Corpus, orders: Sequence[int] = ORDERS) -> Tables:
        """Count the training part, score on the held-out part."""
        known = corpus.codes[max(corpus.split - MOST_SYMBOLS, 0) : corpus.split].long()
        unseen = corpus.codes[corpus.split :][:MOST_SYMBOLS].long()
        orders = [order for order in orders if order < len(known)]
        ngrams = NGrams.of(known, len(corpus.vocabulary), max(orders) + 1)
        return cls(back_off(ngrams, unseen, orders), kneser_ney(ngrams, unseen, orders), len(known), len(unseen))

    @property
    def best_accuracy(self) -> BackOffScore:
        """The order of back-off that guesses best."""
        return max(self.back_off, key=lambda score: score.accuracy)

    @property
    def best_bits(self) -> KneserNeyScore:
        """The order of Kneser–Ney that predicts best."""
        return min(self.kneser_ney, key=lambda score: score.bits_per_char)

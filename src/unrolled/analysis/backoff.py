"""Character n-gram tables with back-off: the accuracy that remembering short contexts alone reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unrolled.analysis.ngrams import NGrams, Whole
from unrolled.errors import InputError

__all__ = ["BackOffScore", "back_off"]


@dataclass(frozen=True)
class BackOffScore:
    """How often a table's one guess is right.

    Attributes:
        order: k, the characters of context.
        accuracy: the share of characters guessed right.
        characters: how many were guessed.
    """

    order: int
    accuracy: float
    characters: int


def back_off(ngrams: NGrams, held_out: Tensor, orders: Sequence[int] = range(1, 9)) -> tuple[BackOffScore, ...]:
    """Guess every character of a text from the k before it, and count the right guesses.

    ::

        guess(x_{t−k} … x_{t−1}) = argmax_w count(x_{t−k} … x_{t−1} w)    if the training text has the context
                                 = guess(x_{t−k+1} … x_{t−1})             otherwise

    Order 0 always guesses the commonest character. Of equally frequent characters the one that came first in
    the training text is guessed. The text's first characters have the contexts that lie inside it, so they
    are guessed from fewer.

    Args:
        ngrams: of the training text, as long as the greatest order and one more.
        held_out: codes of another text, ``[M]``.
        orders: which k to score.

    Raises:
        InputError: an order that the n-grams are too short for, or an empty text.
    """
    longest = max(orders, default=0)
    if longest >= ngrams.longest or min(orders, default=0) < 0:
        raise InputError(
            f"back-off of orders {list(orders)} needs n-grams of length {longest + 1}; got {ngrams.longest}"
        )
    text = held_out.numpy().astype(np.int64)
    if not len(text):
        raise InputError("back-off needs a held-out text; got an empty one")
    contexts: Whole = np.zeros(len(text) + 1, dtype=np.int64)
    guesses = np.empty_like(text)
    accuracy: dict[int, float] = {}
    for k in range(longest + 1):
        guess = _likeliest(ngrams, k)[contexts[: len(text) - k]]  # −1 reads the last entry, masked below
        known = (contexts[: len(text) - k] >= 0) & (guess >= 0)
        guesses[k:][known] = guess[known]
        accuracy[k] = float(np.mean(guesses == text))
        contexts = ngrams.find(text, k + 1, contexts)
    return tuple(BackOffScore(k, accuracy[k], len(text)) for k in orders)


def _likeliest(ngrams: NGrams, k: int) -> Whole:
    """The commonest next symbol of each context of length k, −1 where the text ends instead."""
    contexts = ngrams.contexts(k + 1)
    order = np.lexsort((ngrams.first[k + 1], -ngrams.counts[k + 1], contexts))
    first = np.flatnonzero(np.diff(contexts[order], prepend=-1))
    likeliest = np.full(ngrams.size(k), -1, dtype=np.int64)
    likeliest[contexts[order][first]] = ngrams.keys[k + 1][order][first] % ngrams.symbols
    return likeliest

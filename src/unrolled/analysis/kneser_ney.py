"""Interpolated modified Kneser–Ney over characters: bits per character of the best plain n-gram model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from unrolled.analysis.ngrams import NGrams, Whole
from unrolled.errors import InputError

__all__ = ["KneserNey", "KneserNeyScore", "kneser_ney"]

Real = npt.NDArray[np.float64]

_PLAIN_DISCOUNTS: Final = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class KneserNeyScore:
    """How well a model predicts a text.

    Attributes:
        order: k, the characters of context.
        bits_per_char: the mean of −log₂ p.
        characters: how many were predicted.
    """

    order: int
    bits_per_char: float
    characters: int


@dataclass(frozen=True, eq=False)
class _Level:
    """One context length: p(w | context) = share[context w] + spare[context]·p(w | shorter context)."""

    share: Real  # by n-gram: (a − D(a)) / A
    spare: Real  # by context: γ, 1 where nothing followed it


@final
@dataclass(frozen=True, eq=False)
class KneserNey:
    """The model of one order: probabilities over the whole vocabulary that sum to one in every context.

    ::

        p_k(w | c) = (a(c w) − D(a(c w))) / A(c) + γ(c) p_{k−1}(w | c without its first character)
        p_{−1}(w) = 1/V
        a(g) = how often g occurs                                   at the model's own order k
             = how many different characters stand before g         at every shorter one
        A(c) = Σ_w a(c w)          γ(c) = (D_1 N_1(c) + D_2 N_2(c) + D_3 N_3+(c)) / A(c)
        D_r = r − (r + 1) Y n_{r+1} / n_r,  Y = n_1 / (n_1 + 2 n_2),  r = 1, 2, 3 and above; D(0) = 0

    N_r(c): how many w have a(c w) = r; n_r: how many n-grams of that length have a = r. At order 0 it is the
    discounted frequency of single characters. Where the n_r give no D_r in [0, r] (tiny texts, single
    characters) D = ½, 1, 1½ for that length, as KenLM falls back.

    Source: Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling", section
    3; the interpolation ends in the uniform distribution, so that no character of the vocabulary has
    probability 0. There are no sentence marks: a text is one sequence.
    """

    ngrams: NGrams
    order: int
    levels: tuple[_Level, ...] = field(repr=False)

    @classmethod
    def of(cls, ngrams: NGrams, order: int) -> KneserNey:
        """The model of an order.

        Args:
            ngrams: of the training text, up to order + 1.
            order: k, 0 or more.

        Raises:
            InputError: an order that the n-grams are too short for.
        """
        _require_order(ngrams, order)
        shorter = (_level(ngrams, k, _preceding(ngrams, k + 1)) for k in range(order))
        return cls(ngrams, order, (*shorter, _level(ngrams, order, ngrams.counts[order + 1])))

    def distribution(self, context: Tensor) -> Real:
        """p(· | context) over the vocabulary, ``[V]``, by the context's last k codes."""
        text = context.numpy().astype(np.int64)
        symbols = self.ngrams.symbols
        p = np.full(symbols, 1 / symbols)
        for k, level in enumerate(self.levels[: len(text) + 1]):
            number = self._number(text[len(text) - k :])
            if number >= 0:
                keys = self.ngrams.keys[k + 1]
                first, last = np.searchsorted(keys, [number * symbols, (number + 1) * symbols])
                p *= level.spare[number]
                p[keys[first:last] % symbols] += level.share[first:last]
        return p

    def _number(self, gram: Whole) -> int:
        numbers: Whole = np.zeros(len(gram) + 1, dtype=np.int64)
        for n in range(1, len(gram) + 1):
            numbers = self.ngrams.find(gram, n, numbers)
        return int(numbers[0])


def kneser_ney(ngrams: NGrams, held_out: Tensor, orders: Sequence[int] = range(10)) -> tuple[KneserNeyScore, ...]:
    """Score the models of several orders on a text; see `KneserNey` for the model.

    The text's first characters have the contexts that lie inside it, so they are predicted from fewer.

    Args:
        ngrams: of the training text, up to the greatest order + 1.
        held_out: codes of another text, ``[M]``.
        orders: which k to score.

    Raises:
        InputError: an order that the n-grams are too short for, or an empty text.
    """
    for order in orders:
        _require_order(ngrams, order)
    text = held_out.numpy().astype(np.int64)
    if not len(text):
        raise InputError("Kneser-Ney needs a held-out text; got an empty one")
    contexts: Whole = np.zeros(len(text) + 1, dtype=np.int64)
    lower = np.full(len(text), 1 / ngrams.symbols)  # p of each character at the order below
    bits: dict[int, float] = {}
    longest = max(orders, default=-1)
    for k in range(longest + 1):
        grams = ngrams.find(text, k + 1, contexts)
        if k in orders:
            top = _interpolate(_level(ngrams, k, ngrams.counts[k + 1]), grams, contexts, lower)
            bits[k] = float(-np.log2(top).mean())
        if k < longest:
            lower = _interpolate(_level(ngrams, k, _preceding(ngrams, k + 1)), grams, contexts, lower)
        contexts = grams
    return tuple(KneserNeyScore(k, bits[k], len(text)) for k in orders)


def _interpolate(level: _Level, grams: Whole, contexts: Whole, lower: Real) -> Real:
    """The characters' probabilities one order up; those without a context so long keep theirs."""
    known = contexts[: len(grams)]
    p = lower.copy()
    tail = p[len(lower) - len(grams) :]
    tail *= np.where(known >= 0, level.spare[known], 1.0)
    tail += np.where(grams >= 0, level.share[grams], 0.0)
    return p


def _level(ngrams: NGrams, k: int, amounts: Whole) -> _Level:
    """The level of context length k, from the amounts a(g) of the n-grams of length k + 1."""
    contexts, size = ngrams.contexts(k + 1), ngrams.size(k)
    discounts = np.array([0.0, *_discounts(amounts)])[amounts.clip(max=3)]
    total: Real = np.bincount(contexts, weights=amounts, minlength=size).astype(np.float64)
    spare: Real = np.bincount(contexts, weights=discounts, minlength=size).astype(np.float64)
    followed = total > 0
    np.divide(spare, total, out=spare, where=followed)
    spare[~followed] = 1.0
    share = np.zeros(len(amounts))
    np.divide(amounts - discounts, total[contexts], out=share, where=followed[contexts])
    return _Level(share=share, spare=spare)


def _preceding(ngrams: NGrams, n: int) -> Whole:
    """How many different symbols stand before each n-gram."""
    return np.bincount(ngrams.suffixes[n + 1], minlength=ngrams.size(n))


def _discounts(amounts: Whole) -> tuple[float, float, float]:
    n = np.bincount(amounts.clip(max=5), minlength=6).astype(float)
    if min(n[1], n[2], n[3]) == 0:
        return _PLAIN_DISCOUNTS
    y = n[1] / (n[1] + 2 * n[2])
    d = tuple(float(r - (r + 1) * y * n[r + 1] / n[r]) for r in (1, 2, 3))
    return (d[0], d[1], d[2]) if all(0 <= d[r - 1] <= r for r in (1, 2, 3)) else _PLAIN_DISCOUNTS


def _require_order(ngrams: NGrams, order: int) -> None:
    if not 0 <= order < ngrams.longest:
        raise InputError(
            f"Kneser-Ney of order {order} needs n-grams of length {max(order, 0) + 1}; got {ngrams.longest}; "
            f"orders 0 to {ngrams.longest - 1} would do"
        )

"""Against Chen & Goodman's formulas, written out with dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from unrolled.analysis.kneser_ney import KneserNey, kneser_ney
from unrolled.analysis.ngrams import NGrams
from unrolled.data import read_corpus
from unrolled.errors import InputError

SYMBOLS = 6


class ByHand:
    """p(w | context), a dictionary and a recursion."""

    def __init__(self, text: tuple[int, ...], order: int) -> None:
        self.amounts: list[Counter[tuple[int, ...]]] = []
        self.formula_used = []
        for k in range(order + 1):
            grams = [text[i : i + k + 1] for i in range(len(text) - k)]
            if k == order:
                self.amounts.append(Counter(grams))
            else:
                before = {text[i : i + k + 2] for i in range(len(text) - k - 1)}
                self.amounts.append(Counter(longer[1:] for longer in before))
        self.discounts = [self.discount(Counter(amounts.values())) for amounts in self.amounts]

    def discount(self, n: Counter[int]) -> tuple[float, ...]:
        if n[1] and n[2] and n[3]:
            y = n[1] / (n[1] + 2 * n[2])
            d = (0.0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3])
            if all(0 <= d[r] <= r for r in range(4)):
                self.formula_used.append(True)
                return d
        self.formula_used.append(False)
        return (0.0, 0.5, 1.0, 1.5)

    def p(self, w: int, context: tuple[int, ...]) -> float:
        k = len(context)
        lower = self.p(w, context[1:]) if k else 1 / SYMBOLS
        amounts, d = self.amounts[k], self.discounts[k]
        after = [amounts[(*context, v)] for v in range(SYMBOLS)]
        if sum(after) == 0:
            return lower
        spare = sum(d[min(a, 3)] for a in after)
        return (after[w] - d[min(after[w], 3)]) / sum(after) + spare / sum(after) * lower


def markov(length: int, seed: int) -> torch.Tensor:
    """A text with habits: each symbol leans on the two before it; symbol 5 never occurs."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(length, generator=generator, dtype=torch.float64).tolist()
    text = [0, 1]
    for x in noise[2:]:
        text.append((2 * text[-1] + text[-2] + int(3 * x**3)) % 5)
    return torch.tensor(text)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("length", [12, 1500])
def test_the_model_agrees_with_the_formulas_and_sums_to_one(order: int, length: int) -> None:
    text, held_out = markov(length, 1), markov(120, 2)
    held_out[50] = 5
    expected = ByHand(tuple(text.tolist()), order)
    ngrams = NGrams.of(text, SYMBOLS, longest=order + 1)
    model = KneserNey.of(ngrams, order)
    codes = held_out.tolist()
    bits = 0.0
    for i, w in enumerate(codes):
        context = tuple(codes[max(i - order, 0) : i])
        p = model.distribution(torch.tensor(codes[:i], dtype=torch.int64))
        assert p.sum() == pytest.approx(1, abs=1e-12)
        assert p.min() > 0
        assert p.tolist() == pytest.approx([expected.p(v, context) for v in range(SYMBOLS)], abs=1e-12)
        bits -= math.log2(expected.p(w, context))
    (score,) = kneser_ney(ngrams, held_out, [order])
    assert score.bits_per_char == pytest.approx(bits / len(codes), abs=1e-10)
    assert score.characters == 120
    if length == 1500 and order >= 3:
        assert any(expected.formula_used)


def test_discounts_that_the_formula_puts_out_of_range_are_the_plain_ones() -> None:
    text = torch.tensor([0, 1, 1, *(3 * [2, 3, 4, 5])])  # n_1 = n_2 = 1 and n_3 = 4 would give D_2 = −2
    p = KneserNey.of(NGrams.of(text, SYMBOLS, longest=1), 0).distribution(torch.tensor([], dtype=torch.int64))
    expected = ByHand(tuple(text.tolist()), 0)
    assert expected.formula_used == [False]
    assert p.tolist() == pytest.approx([expected.p(w, ()) for w in range(SYMBOLS)], abs=1e-12)


def test_a_longer_table_changes_nothing_and_orders_share_their_lower_levels() -> None:
    text, held_out = markov(800, 3), markov(100, 4)
    alone = [kneser_ney(NGrams.of(text, SYMBOLS, k + 1), held_out, [k])[0] for k in range(5)]
    assert list(kneser_ney(NGrams.of(text, SYMBOLS, 7), held_out, range(5))) == alone


def test_the_courses_file_at_order_6(shared_dir: Path) -> None:
    corpus = read_corpus(shared_dir / "data" / "grimm.txt")
    ngrams = NGrams.of(corpus.training, len(corpus.vocabulary), longest=7)
    (third, sixth) = kneser_ney(ngrams, corpus.held_out, [3, 6])
    assert sixth.bits_per_char == pytest.approx(1.89, abs=0.006)
    assert third.bits_per_char > sixth.bits_per_char + 0.2
    model = KneserNey.of(ngrams, 6)
    for context in ("", "the ki", "zzzzzz", "once upon a tim"):
        assert model.distribution(corpus.encode(context)).sum() == pytest.approx(1, abs=1e-9)
    assert corpus.vocabulary[int(model.distribution(corpus.encode("once upon a tim")).argmax())] == "e"


def test_an_order_out_of_reach_or_an_empty_text_is_refused() -> None:
    ngrams = NGrams.of(markov(50, 5), SYMBOLS, longest=3)
    for order in (-1, 3):
        with pytest.raises(InputError, match=f"order {order} .*orders 0 to 2 would do"):
            kneser_ney(ngrams, markov(10, 6), [order])
        with pytest.raises(InputError):
            KneserNey.of(ngrams, order)
    with pytest.raises(InputError, match="empty"):
        kneser_ney(ngrams, torch.tensor([], dtype=torch.int64), [1])

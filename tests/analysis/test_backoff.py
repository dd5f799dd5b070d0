from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch

from unrolled.analysis.backoff import back_off
from unrolled.analysis.ngrams import NGrams
from unrolled.data import read_corpus
from unrolled.errors import InputError


def by_hand(training: str, held_out: str, order: int) -> float:
    tables: dict[str, Counter[str]] = defaultdict(Counter)
    for k in range(order + 1):
        for i in range(k, len(training)):
            tables[training[i - k : i]][training[i]] += 1
    right = 0
    for i, character in enumerate(held_out):
        k = min(order, i)
        while held_out[i - k : i] not in tables:
            k -= 1
        right += tables[held_out[i - k : i]].most_common(1)[0][0] == character  # ties: the first counted
    return right / len(held_out)


def test_the_accuracy_agrees_with_tables_kept_by_hand() -> None:
    generator = torch.Generator().manual_seed(3)
    steps = torch.randint(0, 3, (900,), generator=generator)
    text = "".join("abcde"[int(x) % 5] for x in (steps * (1 + steps.roll(1)) + steps.roll(2)))
    training, held_out = text[:700], text[700:]
    codes = [torch.tensor(["abcde".index(c) for c in part]) for part in (training, held_out)]
    scores = back_off(NGrams.of(codes[0], 5, longest=6), codes[1], range(6))
    for score in scores:
        assert score.accuracy == pytest.approx(by_hand(training, held_out, score.order), abs=1e-12)
        assert score.characters == 200
    assert len({score.accuracy for score in scores}) > 3


def test_an_unseen_context_falls_back_to_a_shorter_one() -> None:
    training = torch.tensor([0, 1, 0, 1, 0, 2, 0, 1])  # after 0 mostly 1; the text ends after 0 1
    (score,) = back_off(NGrams.of(training, 4, longest=4), torch.tensor([3, 0, 1, 0, 1]), [3])
    assert score.accuracy == 4 / 5  # only the 3, never seen, is missed
    # 2 0 1 ends the text: the context is known, but nothing has followed it
    (score,) = back_off(NGrams.of(training, 4, longest=4), torch.tensor([2, 0, 1, 0]), [3])
    assert score.accuracy == 3 / 4


def test_the_published_accuracies_of_the_courses_file(shared_dir: Path) -> None:
    corpus = read_corpus(shared_dir / "data" / "grimm.txt")
    ngrams = NGrams.of(corpus.training, len(corpus.vocabulary), longest=9)
    scores = back_off(ngrams, corpus.held_out, range(1, 9))
    assert [round(score.accuracy, 3) for score in scores] == [
        0.305,
        0.440,
        0.527,
        0.569,
        0.587,
        0.593,
        0.592,
        0.591,
    ]


def test_an_order_out_of_reach_or_an_empty_text_is_refused() -> None:
    ngrams = NGrams.of(torch.tensor([0, 1, 0]), 2, longest=2)
    with pytest.raises(InputError, match="needs n-grams of length 3; got 2"):
        back_off(ngrams, torch.tensor([0]), [2])
    with pytest.raises(InputError, match="empty"):
        back_off(ngrams, torch.tensor([], dtype=torch.int64), [1])

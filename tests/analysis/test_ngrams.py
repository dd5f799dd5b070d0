from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from unrolled.analysis.ngrams import NGrams
from unrolled.errors import InputError


def test_counts_contexts_and_suffixes_agree_with_counting_by_hand() -> None:
    text = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(1))
    codes = tuple(text.tolist())
    ngrams = NGrams.of(text, symbols=4, longest=6)
    names: list[list[tuple[int, ...]]] = [[()]]
    for n in range(1, 7):
        by_hand = Counter(codes[i : i + n] for i in range(len(codes) - n + 1))
        names.append(sorted(by_hand))  # numbers follow the symbols' order
        assert ngrams.size(n) == len(by_hand)
        assert ngrams.counts[n].tolist() == [by_hand[gram] for gram in names[n]]
        assert [names[n - 1][number] for number in ngrams.contexts(n)] == [gram[:-1] for gram in names[n]]
        assert [names[n - 1][number] for number in ngrams.suffixes[n]] == [gram[1:] for gram in names[n]]
        assert [codes[place : place + n] for place in ngrams.first[n]] == names[n]
        assert all(
            gram not in {codes[i : i + n] for i in range(p)} for p, gram in zip(ngrams.first[n], names[n], strict=True)
        )


def test_another_texts_ngrams_are_found_and_unseen_ones_told() -> None:
    seen = torch.tensor([0, 1, 2, 0, 1, 3])
    ngrams = NGrams.of(seen, symbols=5, longest=3)
    other = np.array([0, 1, 2, 4, 0, 1, 0])
    numbers = np.zeros(len(other) + 1, dtype=np.int64)
    training = seen.tolist()
    for n in (1, 2, 3):
        numbers = ngrams.find(other, n, numbers)
        known = [training[i : i + n] for i in range(len(training) - n + 1)]
        windows = [other[i : i + n].tolist() for i in range(len(other) - n + 1)]
        assert [number >= 0 for number in numbers] == [window in known for window in windows]
    assert ngrams.find(other[:2], 3, np.zeros(3, dtype=np.int64)).tolist() == []


def test_a_length_that_the_text_does_not_have_is_refused() -> None:
    for longest in (0, 4):
        with pytest.raises(InputError, match=f"length {longest} cannot be counted in a text of 3"):
            NGrams.of(torch.tensor([0, 1, 0]), symbols=2, longest=longest)

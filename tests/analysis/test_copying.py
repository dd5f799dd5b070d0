from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unrolled.analysis.copying import TrainingText
from unrolled.errors import InputError

FEW_LETTERS = st.text(alphabet="ab’", min_size=1, max_size=80)


@settings(max_examples=150, deadline=None)
@given(FEW_LETTERS)
@example("a" * 300)
@example("ab" * 200 + "b" + "ab" * 200)
@example("abcdefghijklmnopqrstuvwxyz😀" * 9)
def test_the_suffixes_are_in_order(text: str) -> None:
    assert TrainingText.of(text).order.tolist() == sorted(range(len(text)), key=lambda start: text[start:])


@settings(max_examples=150, deadline=None)
@given(FEW_LETTERS, st.text(alphabet="ab’z", max_size=40), st.integers(1, 9))
def test_a_comparison_agrees_with_looking_everywhere(text: str, sample: str, gram: int) -> None:
    copying = TrainingText.of(text).compare(sample, gram=gram)
    pieces = {sample[i:j] for i in range(len(sample)) for j in range(i, len(sample) + 1)}
    longest = max((len(piece) for piece in pieces if piece in text), default=0)
    assert len(copying.longest) == longest
    assert sample[copying.begins_at :].startswith(copying.longest)
    assert text[copying.found_at :].startswith(copying.longest)
    grams = [sample[i : i + gram] for i in range(len(sample) - gram + 1)]
    expected = sum(piece in text for piece in grams) / len(grams) if grams else None
    assert copying.seen_share == expected
    assert copying.gram == gram


def test_a_copied_line_is_found_whole() -> None:
    text = "There was once a king who had a fox. The fox could talk, and the king could not. " * 3
    copying = TrainingText.of(text).compare("zzz The fox could talk, and so")
    assert copying.longest == " The fox could talk, and "
    assert copying.begins_at == 3
    assert copying.seen_share == pytest.approx((len(copying.longest) - 7) / (30 - 7))


def test_nothing_in_common_and_nothing_to_ask() -> None:
    text = TrainingText.of("abc")
    assert text.compare("xyz").longest == ""
    assert text.compare("xyz").seen_share is None
    assert text.compare("").longest == ""
    with pytest.raises(InputError, match="1 or more; got 0"):
        text.compare("abc", gram=0)
    with pytest.raises(InputError, match="empty training text"):
        TrainingText.of("")

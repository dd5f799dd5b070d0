from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.data import Vocabulary
from unrolled.errors import TextError


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1))
def test_a_text_survives_its_codes(text: str) -> None:
    vocabulary = Vocabulary(text)
    codes = vocabulary.encode(text)
    assert list(vocabulary) == sorted(set(text))
    assert codes.dtype == torch.int64
    assert [vocabulary[code] for code in codes.tolist()] == list(text)
    assert vocabulary.decode(codes) == vocabulary.decode(codes.tolist()) == text


@pytest.mark.parametrize(
    ("character", "point"), [("é", "U[+]00E9"), ("a", "U[+]0061"), ("z", "U[+]007A"), ("😀", "U[+]1F600")]
)
def test_an_unknown_character_is_named_with_code_point_and_position(character: str, point: str) -> None:
    with pytest.raises(TextError, match=rf"'{character}' \({point}\) at position 3 .* 3 characters"):
        Vocabulary("bcd").encode("bcd" + character + "b" + character)


def test_an_unknown_code_is_named() -> None:
    for code in (-1, 3):
        with pytest.raises(TextError, match=f"code {code} is outside the vocabulary's 0 to 2"):
            Vocabulary("bcd").decode([0, code])


def test_entries_are_single_characters() -> None:
    with pytest.raises(TextError, match="got 'ab'"):
        Vocabulary(["ab", "c"])
    with pytest.raises(TextError, match="at least one character"):
        Vocabulary("")


def test_it_is_a_tuple_that_can_be_pickled() -> None:
    vocabulary = Vocabulary("hello")
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again == vocabulary == ("e", "h", "l", "o")
    assert isinstance(again, Vocabulary)
    assert vocabulary.encode("").tolist() == []

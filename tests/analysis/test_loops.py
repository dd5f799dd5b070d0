from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.analysis.loops import Loop, find_loop


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("", None),
        ("aa", None),
        ("and then...", None),
        ("a" * 19, None),
        ("a" * 20, Loop("a", 0, 20.0)),
        ("the end.", None),
        ("he said, and she said, and she said", None),
        ("abc the fox the fox the fox th", Loop(" the fox", 3, 27 / 8)),
        ("a tale " * 4 + "!", None),
    ],
)
def test_what_ends_in_a_loop(text: str, loop: Loop | None) -> None:
    assert find_loop(text) == loop


@settings(max_examples=100, deadline=None)
@given(st.text("ab", max_size=20), st.text("abc", min_size=1, max_size=6), st.integers(0, 3), st.data())
def test_a_repeated_unit_is_found_with_its_beginning(before: str, unit: str, more: int, data: st.DataObject) -> None:
    turns = max(3, -(-20 // len(unit))) + more
    text = before + unit * turns + unit[: data.draw(st.integers(0, len(unit) - 1))]
    loop = find_loop(text)
    assert loop is not None
    assert len(loop.unit) <= len(unit)
    assert loop.begins_at <= len(before)
    assert text[loop.begins_at :] == (loop.unit * len(text))[: len(text) - loop.begins_at]
    assert loop.turns >= 3

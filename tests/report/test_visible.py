"""What cannot be seen is shown, what could run is not."""

from __future__ import annotations

import re

import pytest

from unrolled.report.visible import visible


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("\n", "↵\n"),
        ("\t", "⇥"),
        ("\r", "␍"),
        ("\ufeff", "[BOM]"),
        ("\u00a0", "⍽"),
        ("\x07", "␇"),
        ("\u200b", "[ZERO WIDTH SPACE]"),
    ],
)
def test_every_unseen_character_has_a_sign(text: str, sign: str) -> None:
    html = str(visible(f"a{text}b"))
    assert re.sub(r"<[^>]*>", "", html).startswith(f"a{sign}")
    assert html.count('class="mark"') == 1


def test_plain_text_and_spaces_stay() -> None:
    assert visible("The king, ŷ – “yes” 1 2") == "The king, ŷ – “yes” 1 2"


def test_markup_is_escaped() -> None:
    assert "<b>" not in visible("<b>&</b>")

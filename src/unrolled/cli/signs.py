"""Control characters as signs, where a terminal would obey them."""

from __future__ import annotations

from typing import Final

__all__ = ["one_line", "with_signs"]

_SIGNS: Final = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def with_signs(text: str) -> str:
    """The text with a sign for every control character but tab and line feed: ␛ for ESC."""
    return text.translate(_SIGNS)


def one_line(message: object) -> str:
    """What a message says, on one line."""
    return with_signs(" ".join(str(message).split()))

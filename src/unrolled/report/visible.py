"""Text as a model wrote it, with the characters that one cannot see made visible."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

__all__ = ["visible"]

_SIGNS = {"\n": "↵\n", "\t": "⇥\t", "\r": "␍", "\ufeff": "[BOM]", "\u00a0": "⍽", "\u00ad": "[soft hyphen]"}


def visible(text: str) -> Markup:
    """HTML of ``text``: safe whatever it holds, non-printing characters as faint signs, all else as it is."""
    return Markup("").join(_one(character) for character in text)


def _one(character: str) -> Markup:
    if character == " " or character.isprintable():
        return escape(character)
    return Markup('<span class="mark">{}</span>').format(_sign(character))


def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return f"[{unicodedata.name(character, f'U+{code:04X}')}]"

"""Formulas in plain text, h_t and W_hh and 10^-3, shown with their indices low and their powers high."""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup, escape

__all__ = ["formula", "subscripts"]

_INDEX = re.compile(r"(?<![\w-])(\w)_(?:\{([^{}]*)\}|([A-Za-z0-9]{1,2})(?![A-Za-z0-9_-]))")
"""One letter, then an index: in braces, or one or two letters or digits."""

_POWER = re.compile(r"\^(?:\{([^{}]*)\}|(-?[\d.]*\d))")


def subscripts(text: str, show: Callable[[str, str], str]) -> str:
    """``text`` with every index replaced by ``show(letter, index)``."""
    return _INDEX.sub(lambda found: show(found[1], found[2] or found[3]), text)


def formula(text: str) -> Markup:
    """HTML of ``text``, safe whatever it holds, with indices as ``<sub>`` and powers as ``<sup>``."""
    low = subscripts(str(escape(text)), lambda base, index: f"{base}<sub>{index}</sub>")
    return Markup(_POWER.sub(lambda found: f"<sup>{(found[1] or found[2]).replace('-', '−')}</sup>", low))

r"""From characters to words: plain text, Unicode and the usual LaTeX come out as the same words.

LaTeX says how a thing looks and the language says what it is, so a table takes one to the other: `\odot` is ⊙,
`\hat{y}` is yhat, `^{\top}` is a transpose, `\mathrm{diag}` is diag; spacing and sizes are nothing. What is in neither
table is refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, cast

from unrolled.errors import FormulaError

__all__ = ["MOST_CHARACTERS", "Token", "tokens"]

MOST_CHARACTERS = 10_000

Kind = Literal["name", "number", "mark", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its kind, its text in the language, and where it stood (counted from 1)."""

    kind: Kind
    text: str
    place: int


_COMMANDS: dict[str, tuple[Kind, str]] = {
    "partial": ("mark", "∂"),
    **dict.fromkeys(("frac", "dfrac", "tfrac"), ("mark", "frac")),
    **dict.fromkeys(("cdot", "times", "ast"), ("mark", "*")),
    **dict.fromkeys(("odot", "circ", "bigodot"), ("mark", "⊙")),
    **dict.fromkeys(("top", "intercal"), ("mark", "⊤")),
    "otimes": ("mark", "⊗"),
    **{word: ("name", word) for word in ("sum", "prod", "tanh", "exp", "log", "delta", "sigma", "diag", "softmax")},
    "ln": ("name", "log"),
    "ell": ("name", "L"),
}
_NOTHING = {
    *("left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "quad", "qquad"),
    *("displaystyle", "limits", "nolimits", "mathrm", "mathbf", "mathit", "mathcal", "boldsymbol", "bm", "vec"),
    *("text", "operatorname", "mathsf", "mathbb", "rm", "bf"),
}
_FONTED = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathcal|mathbb|mathsf|boldsymbol|bm|vec|text|operatorname)\s*\{\s*(\\?\w+)\s*\}"
)
_ACCENTED = re.compile(r"\\(hat|widehat|tilde|widetilde|bar)\s*(?:\{\s*(\w+)\s*\}|(\w))")
_ACCENTS = {"hat": "hat", "widehat": "hat", "tilde": "tilde", "widetilde": "tilde", "bar": "bar"}
_WORD = re.compile(
    r"(?P<space>[ \t\r]+|\\[,;:!> ]|~|&)|(?P<comment>[#%][^\n]*)|(?P<end>\n|;|\\\\)"
    r"|(?P<command>\\[A-Za-z]+)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<mark>\.\.|\.\*|\.T\b|\*\*|[-+*/@^_=,:()\[\]{}'∂⊙⊗⊤])"
)
_CHARACTERS = str.maketrans(
    {
        "Σ": " sum ",
        "∑": " sum ",
        "Π": " prod ",
        "∏": " prod ",
        "δ": "delta",
        "σ": "sigma",
        "Δ": "delta",
        "·": "*",
        "×": "*",
        "∘": "⊙",
        "ᵀ": "⊤",
        "−": "-",
        "–": "-",
        "…": "..",
        "⋅": "*",
        "⨀": "⊙",
        "′": "'",
        "ŷ": "yhat",
        "Â": "Ahat",
        "Ŷ": "Yhat",
        "ã": "atilde",
        "\u00a0": " ",
    }
)
_LOW = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₖₜₙᵢⱼₕₚₓ", "0123456789+-ktnijhpx", strict=True))
_HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))


def tokens(text: str) -> list[Token]:
    """The words of a formula, an `end` after each statement.

    Raises:
        FormulaError: it is too long, or holds something that is no part of the language.
    """
    if len(text) > MOST_CHARACTERS:
        raise FormulaError(f"the formula has {len(text)} characters: give at most {MOST_CHARACTERS}")
    text = _plain(text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        word = _WORD.match(text, at)
        if word is None:
            raise FormulaError(f"{_shown(text, at)} is no part of a formula (character {at + 1}){_hint(text[at:])}")
        kind, written = word.lastgroup, word.group()
        if kind == "command":
            token = _command(written[1:], at)
            found += [] if token is None else [token]
        elif kind in ("end", "name", "number", "mark"):
            found.append(
                Token(cast("Kind", kind), {".T": "⊤", ".*": "⊙", "**": "^", "'": "'"}.get(written, written), at + 1)
            )
        at = word.end()
    return [*found, Token("end", "", len(text) + 1)]


def _plain(text: str) -> str:
    """Unicode letters, subscripts, accents and fonts as the plain words that they stand for."""
    text = unicodedata.normalize("NFC", text).replace("h\u0303", "htilde").translate(_CHARACTERS)
    text = re.sub(f"[{''.join(_LOW)}]+", lambda run: "_{" + "".join(_LOW[c] for c in run.group()) + "}", text)
    text = re.sub(f"[{''.join(_HIGH)}]+", lambda run: "^{" + "".join(_HIGH[c] for c in run.group()) + "}", text)
    text = re.sub(r"\\math(?:bb|bf)\s*\{\s*1\s*\}", " ones ", text)
    text = _FONTED.sub(lambda found: f" {found.group(1)} ", text)
    return _ACCENTED.sub(lambda found: f" {found.group(2) or found.group(3)}{_ACCENTS[found.group(1)]} ", text)


def _command(name: str, at: int) -> Token | None:
    if name in _NOTHING:
        return None
    if name not in _COMMANDS:
        raise FormulaError(f"\\{name[:30]} is not LaTeX that can be read here (character {at + 1})")
    kind, text = _COMMANDS[name]
    return Token(kind, text, at + 1)


def _shown(text: str, at: int) -> str:
    return repr(text[at : at + 12].split("\n")[0])


def _hint(rest: str) -> str:
    if rest.startswith("."):
        return ": there are no attributes; `.T` transposes, `.*` multiplies element by element, `1..T` is a range"
    return ""

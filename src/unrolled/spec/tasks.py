"""The section ``task``: which task, and how hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unrolled.spec.require import require

__all__ = [
    "BaumSweetSpec",
    "BinaryPalindromesSpec",
    "PalindromesSpec",
    "RandomCombinationsSpec",
    "TaskSpec",
    "TextSpec",
]


@dataclass(frozen=True, kw_only=True)
class PalindromesSpec:
    """Decimal palindromes: the first L - 1 digits in, the last digit out.

    Attributes:
        length: L, the palindrome's length in digits; the network reads L - 1 of them.
    """

    length: int = 10


@dataclass(frozen=True, kw_only=True)
class BinaryPalindromesSpec:
    """Binary palindromes (the course's 2020 task): all symbols but the last in, the last bit out.

    Attributes:
        length: T of the course, which draws ceil(T/2) integers; the network reads 4T + 1 symbols when T is even.
    """

    length: int = 10


@dataclass(frozen=True, kw_only=True)
class RandomCombinationsSpec:
    """Random combinations: N - 1 distinct numbers of 0..N-1 in, the missing one out.

    Attributes:
        size: N, how many numbers are permuted.
    """

    size: int = 10


@dataclass(frozen=True, kw_only=True)
class BaumSweetSpec:
    """Baum-Sweet: has the binary form of an integer no block of zeros of odd length?

    Attributes:
        digits: m, the integer is drawn from [10, 10^m]; the network reads 4m symbols.
    """

    digits: int = 4


@dataclass(frozen=True, kw_only=True)
class TextSpec:
    """The next character of a text.

    Attributes:
        source: a registered text (see `unrolled data list`), a text file, a folder (each file is a document), or -
            for standard input.
        window: T, characters per training window.
        state: windows (each is drawn at random and begins from a zero state, as in the course) or carried
            (contiguous streams, the state kept between windows and back at zero where a document begins).
        vocabulary: characters, or bytes (any text as its UTF-8, any file as it is).
        held_out: share of the body, at its end, that no training step sees.
        encoding: utf-8 or latin-1.
        keep_bom: keep a byte-order mark as a character of the text.
        keep_licence: keep Project Gutenberg's header and licence.
        text_sha256: hash of the text's body; written into every run's spec, checked where it is given.
    """

    source: str = "grimm"
    window: int = 30
    state: Literal["windows", "carried"] = "windows"
    vocabulary: Literal["characters", "bytes"] = "characters"
    held_out: float = 0.1
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    keep_bom: bool = False
    keep_licence: bool = False
    text_sha256: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.source), "source is empty: give a registered text, a file, a folder, or - for standard input")
        require(self.window >= 1, f"window is {self.window}: a window holds at least 1 character")
        require(0 < self.held_out < 1, f"held_out is {self.held_out}: a share between 0 and 1, such as 0.1")


TaskSpec = PalindromesSpec | BinaryPalindromesSpec | RandomCombinationsSpec | BaumSweetSpec | TextSpec

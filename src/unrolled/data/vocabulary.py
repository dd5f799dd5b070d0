"""The characters a model knows, in a fixed order, and the two ways between text and codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import TextError

__all__ = ["Vocabulary"]


@final
class Vocabulary(tuple[str, ...]):
    """Distinct single characters in ascending code point order; a character's place is its code.

    A tuple, so it can be measured, compared and written out as one: a model trained today reads its codes the
    same way tomorrow.

    >>> letters = Vocabulary("banana")
    >>> letters, letters.encode("nab").tolist(), letters.decode([1, 0])
    (Vocabulary('abn'), [2, 0, 1], 'ba')

    Args:
        characters: any characters, repeated and unordered as they come.

    Raises:
        TextError: no characters, or an entry that is not one character.
    """

    __slots__ = ()

    def __new__(cls, characters: Iterable[str]) -> Vocabulary:
        """Sort and check the characters."""
        distinct = sorted(set(characters))
        if not distinct:
            raise TextError("a vocabulary needs at least one character; got none")
        for entry in distinct:
            if len(entry) != 1:
                raise TextError(f"a vocabulary's entries are single characters; got {entry!r}")
        return super().__new__(cls, distinct)

    def __repr__(self) -> str:
        return f"Vocabulary({''.join(self)!r})"

    def __getnewargs__(self) -> tuple[str]:
        return ("".join(self),)

    def encode(self, text: str) -> Tensor:
        """The codes of a text, int64 ``[len(text)]``.

        Raises:
            TextError: a character outside the vocabulary, with its code point and position.
        """
        known = _code_points("".join(self))
        points = _code_points(text)
        codes = np.searchsorted(known, points).clip(max=len(known) - 1)
        unknown = np.flatnonzero(known[codes] != points)
        if len(unknown):
            position = int(unknown[0])
            character = text[position]
            raise TextError(
                f"character {character!r} (U+{ord(character):04X}) at position {position} is not among the "
                f"{len(self)} characters of the vocabulary: {''.join(self)!r}"
            )
        return torch.from_numpy(codes.astype(np.int64))

    def decode(self, codes: Tensor | Iterable[int]) -> str:
        """The text of codes, the inverse of `encode`.

        Raises:
            TextError: a code that is no place in the vocabulary.
        """
        numbers = codes.flatten().tolist() if isinstance(codes, Tensor) else list(codes)
        for code in numbers:
            if not 0 <= code < len(self):
                raise TextError(f"code {code} is outside the vocabulary's 0 to {len(self) - 1}")
        return "".join([self[code] for code in numbers])


def _code_points(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)

"""The symbols a model knows, in a fixed order, and the two ways between text and codes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unrolled.errors import TextError

__all__ = ["ByteVocabulary", "Vocabulary", "code_points"]

Points = npt.NDArray[np.uint32]


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
        known = code_points("".join(self))
        points = code_points(text)
        codes = np.searchsorted(known, points).clip(max=len(known) - 1)
        unknown = np.flatnonzero(known[codes] != points)
        if len(unknown):
            position = int(unknown[0])
            character = text[position]
            raise TextError(
                f"character {character!r} (U+{ord(character):04X}) at position {position} is not among the "
                f"{len(self)} characters of the vocabulary: {''.join(self[:200])!r}"
                f"{' …' if len(self) > 200 else ''}"
            )
        return torch.from_numpy(codes.astype(np.int64))

    def decode(self, codes: Tensor | Iterable[int]) -> str:
        """The text of codes, the inverse of `encode`.

        Raises:
            TextError: a code that is no place in the vocabulary.
        """
        return self.decode_whole(codes)[0]

    def decode_whole(self, codes: Tensor | Iterable[int]) -> tuple[str, int]:
        """The text of codes as far as its characters are whole, and how many codes it is the text of: all of them,
        but for bytes, of which up to three at the end may be the beginning of a character.
        """
        numbers = _checked(codes, len(self))
        return code_points("".join(self))[numbers].tobytes().decode("utf-32-le", "surrogatepass"), len(numbers)


@final
class ByteVocabulary(Vocabulary):
    """The 256 bytes: any text as its UTF-8, any file as it is; a byte's value is its code.

    As a tuple its entries are U+0000 … U+00FF, one for each byte; where several bytes make one character only
    `decode` makes it, and what is no UTF-8 becomes U+FFFD.

    >>> every = ByteVocabulary()
    >>> len(every), every.encode("né").tolist(), every.decode([195, 169]), every.decode([195])
    (256, [110, 195, 169], 'é', '�')
    """

    __slots__ = ()

    def __new__(cls) -> ByteVocabulary:
        """All of them."""
        return tuple.__new__(cls, map(chr, range(256)))

    def __repr__(self) -> str:
        return "ByteVocabulary()"

    def __getnewargs__(self) -> tuple[()]:  # type: ignore[override]
        return ()

    def encode(self, text: str) -> Tensor:
        """The bytes of a text's UTF-8, int64; no text is outside."""
        return torch.from_numpy(np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64))

    def decode(self, codes: Tensor | Iterable[int]) -> str:
        """The text whose UTF-8 the codes are, U+FFFD for what is none.

        Raises:
            TextError: a code that is no byte.
        """
        return _checked(codes, 256).astype(np.uint8).tobytes().decode("utf-8", "replace")

    def decode_whole(self, codes: Tensor | Iterable[int]) -> tuple[str, int]:
        """As `Vocabulary.decode_whole`.

        >>> ByteVocabulary().decode_whole([110, 195])
        ('n', 1)
        """
        return codecs.utf_8_decode(_checked(codes, 256).astype(np.uint8).tobytes(), "replace", False)


def code_points(text: str) -> Points:
    """The text as numbers, one a character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _checked(codes: Tensor | Iterable[int], size: int) -> npt.NDArray[np.int64]:
    numbers = codes.flatten().numpy() if isinstance(codes, Tensor) else np.array(list(codes), dtype=np.int64)
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < size:
        wrong = numbers[(numbers < 0) | (numbers >= size)][0]
        raise TextError(f"code {wrong} is outside the vocabulary's 0 to {size - 1}")
    return numbers

"""A text made ready for character models: its body, its vocabulary, and the part held out."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, final

import torch
from torch import Tensor

from unrolled.data.vocabulary import ByteVocabulary, Vocabulary
from unrolled.errors import TextError

__all__ = ["Corpus", "smallest_type", "split_at", "strip_licence"]

# Project Gutenberg's marks, old and new. The title between the stars may run over a few lines.
_START: Final = re.compile(
    r"^\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG .{0,400}?\*\*\*[^\n]*(?:\n|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_OLD_START: Final = re.compile(
    r"^\*END[ *]{1,2}THE SMALL PRINT!.{0,200}?\*END\*[^\n]*(?:\n|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_END: Final = re.compile(r"^\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG ", re.MULTILINE | re.IGNORECASE)
_OLD_END: Final = re.compile(r"^End of (?:the |this )?Project Gutenberg(?:'s|’s)? ", re.MULTILINE | re.IGNORECASE)


def strip_licence(text: str) -> str:
    """What lies between Project Gutenberg's START and END marks; a text without them comes back unchanged.

    The marks are whole lines and go with their line ends. With one mark only, the part on its other side
    stays.
    """
    start = _START.search(text) or _OLD_START.search(text)
    begin = start.end() if start else 0
    end = _END.search(text, begin) or (_OLD_END.search(text, begin) if start else None)
    return text[begin : end.start() if end else len(text)]


@final
@dataclass(frozen=True, eq=False)
class Corpus:
    """A body of text as codes, cut into a training part and, at its end, a held-out part.

    Two corpora with one `sha256` and one `split` are the same. The vocabulary is the whole body's, the
    held-out part included, so that no held-out character is unknown. The codes of a large text lie in a file
    that is mapped into memory (see `unrolled.data.shelf`), so nothing here that is asked of a large text should
    copy all of it: `body`, `training` and their like do.

    Attributes:
        vocabulary: its distinct characters, sorted; or the 256 bytes.
        codes: the body in the vocabulary's codes, in the smallest integer type that holds them, ``[N]``.
        split: where the held-out part begins.
        sha256: of the body in UTF-8 (of several files: and of where they begin in it).
        documents: where each document begins in the body, ``(0,)`` for a text in one piece.
    """

    vocabulary: Vocabulary
    codes: Tensor = field(repr=False)
    split: int
    sha256: str
    documents: tuple[int, ...] = field(repr=False)

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        held_out: float = 0.1,
        keep_bom: bool = False,
        keep_licence: bool = False,
        separator: str | None = None,
        as_bytes: bool = False,
    ) -> Corpus:
        """Strip, count, encode and cut a text.

        Args:
            text: any text.
            held_out: the share at the end of the body that is kept from training; 0 for none.
            keep_bom: leave a byte order mark at the beginning (U+FEFF) as a character.
            keep_licence: leave Project Gutenberg's header and licence in.
            separator: what stands between two documents; it stays in the body, at the end of the document
                before it.
            as_bytes: the symbols are the bytes of the text's UTF-8, not its characters.

        Raises:
            TextError: nothing left after stripping, or a share outside [0, 1).
        """
        body = text if keep_bom else text.removeprefix("\ufeff")
        body = body if keep_licence else strip_licence(body)
        if not body:
            raise TextError(f"the text is empty: {len(text)} characters were given and 0 are left to use")
        vocabulary = ByteVocabulary() if as_bytes else Vocabulary(body)
        codes = vocabulary.encode(body)
        documents = _document_starts(body, separator)
        if as_bytes:
            places = (len(body[before:start].encode()) for before, start in itertools.pairwise(documents))
            documents = (0, *itertools.accumulate(places))
        return cls(
            vocabulary=vocabulary,
            codes=codes.to(smallest_type(len(vocabulary))),
            split=split_at(len(codes), held_out),
            sha256=hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
            documents=documents,
        )

    @property
    def body(self) -> str:
        """The whole text as used."""
        return self.decode(self.codes)

    @property
    def training(self) -> Tensor:
        """The codes to train on, int64."""
        return self.codes[: self.split].to(torch.int64)

    @property
    def held_out(self) -> Tensor:
        """The codes kept from training, int64: what comes last in the body."""
        return self.codes[self.split :].to(torch.int64)

    @property
    def training_text(self) -> str:
        """The text to train on."""
        return self.decode(self.codes[: self.split])

    @property
    def held_out_text(self) -> str:
        """The text kept from training."""
        return self.decode(self.codes[self.split :])

    def counts(self) -> Tensor:
        """How often each symbol stands in the training part, int64 ``[V]``."""
        counts = torch.zeros(len(self.vocabulary), dtype=torch.int64)
        for begin in range(0, self.split, _AT_ONCE):
            part = self.codes[begin : min(begin + _AT_ONCE, self.split)]
            counts += torch.bincount(part, minlength=len(counts))
        return counts

    def encode(self, text: str) -> Tensor:
        """The codes of a text; see `Vocabulary.encode`."""
        return self.vocabulary.encode(text)

    def decode(self, codes: Tensor | Iterable[int]) -> str:
        """The text of codes; see `Vocabulary.decode`."""
        return self.vocabulary.decode(codes)


_AT_ONCE: Final = 2**22  # symbols that are counted at once: bounds the memory, not the result


def smallest_type(symbols: int) -> torch.dtype:
    """The smallest integer type that holds the codes of so many symbols."""
    if symbols <= 256:
        return torch.uint8
    return torch.int16 if symbols <= 2**15 else torch.int32


def split_at(length: int, held_out: float) -> int:
    """Where the held-out share of a body of that length begins.

    Raises:
        TextError: a share outside [0, 1).
    """
    if not 0 <= held_out < 1:
        raise TextError(f"the held-out share must be at least 0 and below 1; got {held_out}")
    return length - round(held_out * length)


def _document_starts(body: str, separator: str | None) -> tuple[int, ...]:
    if not separator:
        return (0,)
    ends = (match.end() for match in re.finditer(re.escape(separator), body))
    return (0, *(end for end in ends if end < len(body)))

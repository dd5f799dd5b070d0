"""A text made ready for character models: its body, its vocabulary, and the part held out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, final

import torch
from torch import Tensor

from unrolled.data.vocabulary import Vocabulary
from unrolled.errors import TextError

__all__ = ["Corpus", "strip_licence"]

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
    """A body of text with its codes, cut into a training part and, at its end, a held-out part.

    Two corpora with one `sha256` and one `split` are the same. The vocabulary is the whole body's, the
    held-out part included, so that no held-out character is unknown.

    Attributes:
        body: the text as used.
        vocabulary: its distinct characters, sorted.
        codes: the body in the vocabulary's codes, in the smallest integer type that holds them,
            ``[len(body)]``.
        split: where the held-out part begins.
        sha256: of the body in UTF-8.
        documents: where each document begins in the body, ``(0,)`` for a text in one piece.
    """

    body: str = field(repr=False)
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
    ) -> Corpus:
        """Strip, count, encode and cut a text.

        Args:
            text: any text.
            held_out: the share at the end of the body that is kept from training; 0 for none.
            keep_bom: leave a byte order mark at the beginning (U+FEFF) as a character.
            keep_licence: leave Project Gutenberg's header and licence in.
            separator: what stands between two documents; it stays in the body, at the end of the document
                before it.

        Raises:
            TextError: nothing left after stripping, or a share outside [0, 1).
        """
        if not 0 <= held_out < 1:
            raise TextError(f"the held-out share must be at least 0 and below 1; got {held_out}")
        body = text if keep_bom else text.removeprefix("\ufeff")
        body = body if keep_licence else strip_licence(body)
        if not body:
            raise TextError(f"the text is empty: {len(text)} characters were given and 0 are left to use")
        vocabulary = Vocabulary(body)
        return cls(
            body=body,
            vocabulary=vocabulary,
            codes=vocabulary.encode(body).to(_smallest_type(len(vocabulary))),
            split=len(body) - round(held_out * len(body)),
            sha256=hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
            documents=_document_starts(body, separator),
        )

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
        return self.body[: self.split]

    @property
    def held_out_text(self) -> str:
        """The text kept from training."""
        return self.body[self.split :]

    def encode(self, text: str) -> Tensor:
        """The codes of a text; see `Vocabulary.encode`."""
        return self.vocabulary.encode(text)

    def decode(self, codes: Tensor | Iterable[int]) -> str:
        """The text of codes; see `Vocabulary.decode`."""
        return self.vocabulary.decode(codes)


def _smallest_type(symbols: int) -> torch.dtype:
    if symbols <= 256:
        return torch.uint8
    return torch.int16 if symbols <= 2**15 else torch.int32


def _document_starts(body: str, separator: str | None) -> tuple[int, ...]:
    if not separator:
        return (0,)
    ends = (match.end() for match in re.finditer(re.escape(separator), body))
    return (0, *(end for end in ends if end < len(body)))

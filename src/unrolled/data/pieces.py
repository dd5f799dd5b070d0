"""Text files, folders and standard input as documents in pieces, decoded on the way."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, final

from unrolled.data.corpus import strip_licence
from unrolled.errors import TextError

__all__ = ["BOOK_BYTES", "Reader", "decode_text"]

BOOK_BYTES: Final = 2**24
"""A document up to this size is looked through as a whole for Project Gutenberg's marks; no book is longer."""

_AT_ONCE: Final = 2**20


@final
@dataclass(frozen=True, kw_only=True)
class Reader:
    """How bytes become the pieces of a document.

    Line ends become single line feeds, save where the symbols are bytes, which come as they are.

    Attributes:
        encoding: utf-8 or latin-1.
        as_bytes: yield bytes, and ask for no encoding.
        keep_bom: leave a byte order mark at a document's beginning.
        keep_licence: leave Project Gutenberg's header and licence in.
    """

    encoding: str = "utf-8"
    as_bytes: bool = False
    keep_bom: bool = False
    keep_licence: bool = False

    def file(self, path: Path) -> Iterator[str | bytes]:
        """The pieces of one file.

        Raises:
            TextError: it cannot be read, or is not in the encoding.
        """
        try:
            with path.open("rb") as file:
                yield from self._pieces(file, f"text file {str(path)!r}")
        except OSError as error:
            raise TextError(f"text file {str(path)!r} cannot be read: {error.strerror or error}") from error

    def folder(self, path: Path) -> Iterator[Iterator[str | bytes]]:
        """Every file under a folder, by path, a document each; hidden ones are passed over.

        Raises:
            TextError: there is none, or a part of the folder cannot be looked into.
        """
        try:
            found = sorted(_files(path))
            is_empty = not any(entry.stat().st_size for entry in found)
        except OSError as error:
            told = f"{error.strerror or error}: {str(error.filename)!r}"
            raise TextError(f"the folder {str(path)!r} cannot be read as a whole: {told}") from error
        if is_empty:
            raise TextError(f"the folder {str(path)!r} holds no text; every file in it would be a document")
        return map(self.file, found)

    def standard_input(self) -> Iterator[str | bytes]:
        """The pieces of what comes down the pipe.

        Raises:
            TextError: there is no standard input, or it is not in the encoding.
        """
        if sys.stdin is None or sys.stdin.closed:
            raise TextError("source is '-', but standard input is closed: pipe a text in, or give a file")
        try:
            yield from self._pieces(sys.stdin.buffer, "standard input")
        except OSError as error:
            raise TextError(f"standard input cannot be read: {error.strerror or error}") from error

    def _pieces(self, file: BinaryIO, name: str) -> Iterator[str | bytes]:
        begin = _read(file, BOOK_BYTES + 1)
        if len(begin) <= BOOK_BYTES:
            yield self._book(begin, name)
            return
        if self.as_bytes:
            yield begin if self.keep_bom else begin.removeprefix(codecs.BOM_UTF8)
            while more := _read(file, _AT_ONCE):
                yield more
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        _refuse_utf16(begin, name)
        offset, first, content = 0, True, begin
        del begin
        while content:
            for start in range(0, len(content), _AT_ONCE):
                some = content[start : start + _AT_ONCE]
                waiting = len(decoder.getstate()[0])
                try:
                    text = line_ends.decode(decoder.decode(some))
                except UnicodeDecodeError as error:
                    raise _not_utf8(name, error.object[error.start], offset - waiting + error.start) from error
                offset += len(some)
                yield text.removeprefix("\ufeff") if first and not self.keep_bom else text
                first = first and not text
            content = _read(file, _AT_ONCE)
        waiting = len(decoder.getstate()[0])
        try:
            yield line_ends.decode(decoder.decode(b"", final=True), final=True)
        except UnicodeDecodeError as error:
            raise _not_utf8(name, error.object[error.start], offset - waiting) from error

    def _book(self, content: bytes, name: str) -> str | bytes:
        """A document as a whole."""
        if self.as_bytes:
            content = content if self.keep_bom else content.removeprefix(codecs.BOM_UTF8)
            return content if self.keep_licence else strip_licence(content.decode("latin-1")).encode("latin-1")
        text = decode_text(content, self.encoding, name)
        text = text if self.keep_bom else text.removeprefix("\ufeff")
        return text if self.keep_licence else strip_licence(text)


def decode_text(content: bytes, encoding: str, name: str) -> str:
    """Bytes as text, every line end a single line feed.

    Args:
        content: the whole of it.
        encoding: utf-8 or latin-1.
        name: what it is, for the error.

    Raises:
        TextError: they are not in that encoding.
    """
    _refuse_utf16(content, name)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_utf8(name, content[error.start], error.start) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _files(folder: Path) -> Iterator[Path]:
    """Every file under a folder that is not hidden, nor in a hidden folder.

    Raises:
        OSError: of the first place that cannot be looked into.
    """
    for place, inner, names in os.walk(folder, onerror=_refuse):
        inner[:] = [name for name in inner if not name.startswith(".")]
        files = (Path(place, name) for name in names if not name.startswith("."))
        yield from (file for file in files if file.is_file())


def _refuse(error: OSError) -> None:
    raise error


def _read(file: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only at the end (a pipe gives what it has)."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _refuse_utf16(content: bytes, name: str) -> None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TextError(f"{name} is UTF-16; convert it to UTF-8")


def _not_utf8(name: str, byte: int, offset: int) -> TextError:
    return TextError(
        f"{name} is not UTF-8: byte 0x{byte:02X} at offset {offset}; "
        "convert it, read it as Latin-1 (encoding latin-1), or read its bytes (vocabulary bytes)"
    )

"""Beginnings of texts as they come from outside: words of the command line, files, standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from unrolled.errors import TextError

__all__ = ["read_beginning", "require_utf8"]


def read_beginning(file: str) -> str:
    """A beginning from a file or, where it is -, standard input, without the last line's end.

    Raises:
        TextError: it cannot be read, or is not UTF-8.
    """
    if file == "-" and sys.stdin is None:
        raise TextError("the prompt file is '-', but standard input is closed: pipe a beginning in, or give a file")
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise TextError(f"the prompt file {file!r} cannot be read: {error.strerror or error}") from None
    where = "the prompt in standard input" if file == "-" else f"the prompt in {file!r}"
    text = require_utf8(content.decode("utf-8", "surrogateescape"), where)
    return text.removesuffix("\n").removesuffix("\r")


def require_utf8(text: str, what: str) -> str:
    """The text, unless Python had to put surrogates into it for bytes that are not UTF-8.

    Raises:
        TextError: naming the first such byte.
    """
    for place, character in enumerate(text):
        if 0xDC80 <= ord(character) <= 0xDCFF:
            before = len(text[:place].encode("utf-8", "surrogateescape"))
            raise TextError(f"{what} is not UTF-8: byte {before} is {ord(character) - 0xDC00:#04x}")
    return text

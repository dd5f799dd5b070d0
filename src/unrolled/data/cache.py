"""Where fetched files are kept, how one gets there whole or not at all, and whether fetching is allowed."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path

from unrolled.errors import SourceError, StorageError

__all__ = ["cache_directory", "is_offline", "is_sound", "require_fetching", "write_whole"]


def cache_directory(cache: Path | str | None = None) -> Path:
    r"""The cache's folder, which need not exist yet.

    The first that is given: ``cache``, the environment's ``UNROLLED_CACHE``, the platform's place:
    ``~/.cache/unrolled`` (or ``$XDG_CACHE_HOME/unrolled``), macOS ``~/Library/Caches/unrolled``, Windows
    ``%LOCALAPPDATA%\unrolled\cache``.
    """
    chosen = cache or os.environ.get("UNROLLED_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "unrolled" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "unrolled"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "unrolled"


def is_offline() -> bool:
    """Whether ``UNROLLED_OFFLINE`` forbids to fetch."""
    return os.environ.get("UNROLLED_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")


def require_fetching(what: str, folder: Path, offline: bool) -> None:
    """Refuse, where fetching is switched off, what is not in the cache.

    Args:
        what: in the plural: "the citation graphs".
        folder: of the cache, where they would be.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.

    Raises:
        SourceError: fetching is switched off.
    """
    if offline or is_offline():
        raise SourceError(
            f"{what} are not in the cache ({folder}) and fetching is switched off; "
            "fetch them once with a network, or copy the cache from a machine that has them"
        )


def is_sound(path: Path, sha256: str) -> bool:
    """Whether a file can be read and has that hash."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that any reader sees all of it or none, however many processes write it at once.

    Raises:
        StorageError: the folder cannot be made or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; "
            "make room there, or choose another folder with UNROLLED_CACHE"
        ) from error

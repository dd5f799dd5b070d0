"""Texts by any way in are the same text; and a large one costs no memory of its size."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from unrolled.data import Corpus, pieces, read_corpus, shelf
from unrolled.data.pieces import Reader
from unrolled.errors import TextError
from unrolled.spec import default_spec
from unrolled.training import train

TALES = ["Once upon a time…\r\nthere was a fox.\n", "\ufeffAn owl 😀\n", "The end"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document is large, and comes a few bytes at a time, so that pieces end inside characters."""
    monkeypatch.setattr(pieces, "BOOK_BYTES", 0)
    monkeypatch.setattr(pieces, "_AT_ONCE", 3)
    monkeypatch.setattr(shelf, "_AT_ONCE", 5)


def folder(path: Path) -> Path:
    for number, tale in enumerate(TALES):
        (path / "tales" / str(number)).mkdir(parents=True)
        (path / "tales" / str(number) / "tale.txt").write_bytes(tale.encode())
    (path / "tales" / ".hidden").write_bytes(b"\xff")
    return path / "tales"


def same(left: Corpus, right: Corpus) -> bool:
    return (left.vocabulary, left.split, left.sha256, left.documents) == (
        right.vocabulary,
        right.split,
        right.sha256,
        right.documents,
    ) and torch.equal(left.codes, right.codes)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_large_file_is_the_text_that_a_small_one_is(
    encoding: str, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tale.txt"
    path.write_bytes("\ufeffÄ fox\r\nand\rän owl\n\r\n".encode(encoding, "ignore"))
    with monkeypatch.context() as usual:
        usual.setattr("unrolled.data.sources.BOOK_BYTES", 10**9)
        small = read_corpus(path, encoding)
    monkeypatch.setattr("unrolled.data.sources.BOOK_BYTES", 0)
    large = read_corpus(path, encoding)
    assert same(small, large)
    again = read_corpus(tmp_path / "gone.txt", sha256=large.sha256)
    assert same(large, again)


def test_a_folder_is_its_files_each_a_document(tmp_path: Path, small_pieces: None) -> None:
    corpus = read_corpus(folder(tmp_path))
    texts = [tale.removeprefix("\ufeff").replace("\r\n", "\n") for tale in TALES]
    assert corpus.body == "".join(texts)
    assert corpus.documents == (0, len(texts[0]), len(texts[0]) + len(texts[1]))
    # where the documents begin is part of what the text is
    (tmp_path / "tales" / "0" / "tale.txt").write_text(texts[0] + texts[1])
    (tmp_path / "tales" / "1" / "tale.txt").unlink()
    other = read_corpus(tmp_path / "tales")
    assert other.body == corpus.body
    assert other.sha256 != corpus.sha256


def test_standard_input_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a fox\r\nand an owl")))
    piped = read_corpus("-")
    assert piped.body == "a fox\nand an owl"
    assert piped.sha256 == hashlib.sha256(b"a fox\nand an owl").hexdigest()
    assert same(piped, read_corpus("-", sha256=piped.sha256))
    with pytest.raises(TextError, match=r"came from standard input and is no longer in .*pipe it in again"):
        read_corpus("-", sha256="0" * 64)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TextError, match="standard input is closed"):
        read_corpus("-")


def test_bytes_are_any_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(range(256)) + b"\r\n")
    corpus = read_corpus(path, as_bytes=True)
    assert corpus.codes.tolist() == [*range(256), 13, 10]
    assert len(corpus.vocabulary) == 256
    assert same(corpus, read_corpus(path, as_bytes=True, sha256=corpus.sha256))
    text = "\ufeffé\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nlicence"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_corpus(path, as_bytes=True).body == "é\n"
    assert same(read_corpus(path, as_bytes=True), Corpus.from_text(text, as_bytes=True))
    assert Corpus.from_text("é|a|b", separator="|", as_bytes=True).documents == (0, 3, 5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"abc\xff", "byte 0xFF at offset 3"),
        (b"abcdefg\xc3", "byte 0xC3 at offset 7"),
        ("ab…".encode()[:-1], "byte 0xE2 at offset 2"),
    ],
)
def test_what_is_not_utf8_is_named_wherever_the_pieces_end(
    content: bytes, words: str, tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tales"
    path.mkdir()
    (path / "b.txt").write_bytes(content)
    with pytest.raises(TextError, match=words) as error:
        read_corpus(path)
    assert "b.txt" in str(error.value)


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """As somebody to whom the modes of root's files apply."""
    user = os.geteuid()
    if user != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except PermissionError:
        pytest.skip("root must become somebody else, which is not allowed here")
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(os.name != "posix", reason="needs a user's rights to a folder")
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_folder_with_a_part_that_cannot_be_looked_into(mode: int) -> None:
    with tempfile.TemporaryDirectory() as place:  # which others may enter, other than pytest's
        path = Path(place)
        path.chmod(0o755)
        tales, part = folder(path), path / "tales" / "1"
        (tales / ".part").mkdir(mode=0)  # is passed over
        part.chmod(mode)
        with not_root():
            for source in (tales, part):
                with pytest.raises(TextError, match=r"cannot be read as a whole: Permission denied: '.*tales/1"):
                    Reader().folder(source)
        part.chmod(0o755)
        with not_root():
            assert len(list(Reader().folder(tales))) == 3


def test_a_folder_without_texts(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").write_text("x")
    (tmp_path / "empty" / "nothing.txt").touch()
    with pytest.raises(TextError, match=r"empty' holds no text"):
        read_corpus(tmp_path / "empty")


def test_a_damaged_shelf_is_not_believed(tmp_path: Path) -> None:
    path = folder(tmp_path)
    corpus = read_corpus(path)
    (codes,) = (tmp_path / "cache" / "texts").glob("*.codes")
    damaged = bytearray(codes.read_bytes())
    damaged[3] ^= 1
    del corpus
    codes.write_bytes(bytes(damaged))
    assert shelf.find(codes.name.split("-")[0], as_bytes=False, held_out=0.1) is None
    assert read_corpus(path).body.startswith("Once upon")


def test_4500_symbols(tmp_path: Path) -> None:
    signs = "".join(chr(0x4E00 + number) for number in range(4500))
    path = tmp_path / "signs"
    path.mkdir()
    (path / "a.txt").write_text(signs * 2, encoding="utf-8")
    corpus = read_corpus(path)
    assert len(corpus.vocabulary) == 4500
    assert corpus.codes.dtype == torch.int16
    assert corpus.body == signs * 2
    spec = default_spec("text", source=str(path), hidden=4, layers=1, batch=2, window=5, steps=2, sample_every=0)
    *_, last = train(spec)
    assert last.model is not None
    assert sum(buffer.numel() for buffer in last.model.buffers()) < 4500  # no identity of 4500 × 4500


MEASURE = """
import resource, sys
import torch
from unrolled.spec import default_spec
from unrolled.training import train
torch.set_num_threads(1)
spec = default_spec("text", source=sys.argv[1], state=sys.argv[2], steps=20, hidden=8, layers=1, batch=8,
                    evaluate_every=10, sample_every=0)
for progress in train(spec):
    pass
print(progress.evaluation.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_mib(path: Path, state: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), state], capture_output=True, text=True, check=True, timeout=600
    )
    return int(done.stdout.split()[1])


def lines(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"line {number:09} of a text that is larger than what the memory should hold of it at once\n"


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize("state", ["windows", "carried"])
def test_a_text_of_100_mb_is_trained_on_in_bounded_memory(state: str, tmp_path: Path) -> None:
    large, small = tmp_path / "large.txt", tmp_path / "small.txt"
    with large.open("w", encoding="utf-8") as file:
        file.writelines(lines(1_180_000))
    with small.open("w", encoding="utf-8") as file:
        file.writelines(lines(1000))
    assert large.stat().st_size > 100e6
    # The map itself is counted, 100 MB read once for its hash, and the system may take it back; held as Python's text
    # and 64-bit codes the same would be 900 MB and more.
    assert peak_mib(large, state) - peak_mib(small, state) < 260

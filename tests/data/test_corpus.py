from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from unrolled.data import Corpus, read_corpus
from unrolled.data.corpus import strip_licence
from unrolled.errors import TextError

BODY = "\n\nOnce upon a time\nthere was a fox.\n\n"
HEADER = "\ufeffThe Project Gutenberg eBook of Tales\n\nThis eBook is for the use of anyone.\n\n"
LICENCE = "\nThis file should be named 2591-0.txt\n*** START: FULL LICENSE ***\nTHE FULL LICENSE\n"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK TALES ***",
            "*** END OF THE PROJECT GUTENBERG EBOOK TALES ***",
        ),
        (
            "*** START OF THIS PROJECT GUTENBERG EBOOK TALES ***",
            "*** END OF THIS PROJECT GUTENBERG EBOOK TALES ***",
        ),
        (
            "***START OF THE PROJECT GUTENBERG EBOOK TALES***",
            "***END OF THE PROJECT GUTENBERG EBOOK TALES***",
        ),
        (
            "*** START OF THE PROJECT GUTENBERG ETEXT, TALES\nAND MORE ***",
            "*** END OF THE PROJECT GUTENBERG ETEXT X",
        ),
        (
            "*** Start of this Project Gutenberg Ebook Tales ***",
            "*** End of this Project Gutenberg Ebook Tales ***",
        ),
        (
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
            "End of Project Gutenberg's Tales",
        ),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_header_and_licence_go_in_every_known_form(start: str, end: str, line_end: str) -> None:
    text = (HEADER + start + "\n" + BODY + end + "\n" + LICENCE).replace("\n", line_end)
    body = BODY.replace("\n", line_end)
    corpus = Corpus.from_text(text)
    assert corpus.body == body
    assert corpus.sha256 == hashlib.sha256(body.encode()).hexdigest()
    kept = Corpus.from_text(text, keep_licence=True)
    assert kept.body == text.removeprefix("\ufeff")
    assert Corpus.from_text(text, keep_licence=True, keep_bom=True).body == text


def test_a_text_without_marks_is_left_alone() -> None:
    for text in (BODY, "*** a star line ***\n" + BODY, "End of Project Gutenberg's day.\n" + BODY):
        assert strip_licence(text) == text
    assert strip_licence("x" + HEADER + "*** START OF THE PROJECT GUTENBERG EBOOK T ***\nbody") == "body"
    assert strip_licence("body\n*** END OF THE PROJECT GUTENBERG EBOOK T ***\nlicence") == "body\n"


def test_a_byte_order_mark_is_kept_on_request() -> None:
    assert Corpus.from_text("\ufeffabc").body == "abc"
    assert Corpus.from_text("\ufeffabc", keep_bom=True).vocabulary == ("a", "b", "c", "\ufeff")


@pytest.mark.parametrize(
    ("length", "share", "held_out"), [(1000, 0.1, 100), (1005, 0.1, 100), (10, 0.25, 2), (7, 0, 0)]
)
def test_what_is_held_out_comes_last(length: int, share: float, held_out: int) -> None:
    text = ("abcdefg" * length)[:length]
    corpus = Corpus.from_text(text, held_out=share)
    assert len(corpus.held_out) == len(corpus.held_out_text) == held_out
    assert corpus.training_text + corpus.held_out_text == text
    assert corpus.decode(corpus.training) == corpus.training_text
    assert corpus.decode(corpus.held_out) == corpus.held_out_text
    assert corpus.training.dtype == corpus.held_out.dtype == torch.int64
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("symbols", "dtype"), [(256, torch.uint8), (257, torch.int16), (40_000, torch.int32)])
def test_codes_take_the_smallest_type_that_holds_them(symbols: int, dtype: torch.dtype) -> None:
    text = "".join(chr(0x10000 + i) for i in range(symbols)) * 2
    corpus = Corpus.from_text(text, held_out=0)
    assert corpus.codes.dtype == dtype
    assert corpus.decode(corpus.training) == text


def test_documents_begin_after_each_separator() -> None:
    corpus = Corpus.from_text("one\n\ntwo\n\nthree\n\n", separator="\n\n")
    assert corpus.documents == (0, 5, 10)
    assert Corpus.from_text("one\n\ntwo").documents == (0,)


@pytest.mark.parametrize("text", ["", "\ufeff", HEADER + "*** START OF THE PROJECT GUTENBERG EBOOK T ***\n"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(TextError, match=f"{len(text)} characters were given and 0 are left"):
        Corpus.from_text(text)


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(TextError, match=f"got {share}"):
        Corpus.from_text(BODY, held_out=share)


def test_the_courses_file_has_its_known_numbers(shared_dir: Path) -> None:
    path = shared_dir / "data" / "grimm.txt"
    corpus = read_corpus(path)
    assert (len(corpus.body), len(corpus.vocabulary)) == (520_873, 80)
    whole = read_corpus(path, keep_bom=True, keep_licence=True)
    assert (len(whole.body), len(whole.vocabulary)) == (540_241, 87)
    assert whole.sha256 == "e6439bd511820742e842e21b75e89b394d3809eec82ca56b506c39ff39d4a7d6"

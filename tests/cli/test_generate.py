"""`unrolled generate`: characters as they come."""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unrolled import load
from unrolled.cli import written
from unrolled.generation import Choice, Stream


def test_a_seed_gives_one_text(cli: Any, novel: Path) -> None:
    first = cli("generate", novel, "--length", "50", "--seed", "3", "--temperature", "1")
    assert first.code == 0
    assert len(first.out) == 50 + 2  # and the first character, which was drawn, and the end of the line
    by_name = cli("generate", "novel", "--runs", novel.parent, "--length", "50", "--seed", "3", "--temperature", "1")
    assert by_name == first
    assert cli("generate", novel, "--length", "50", "--seed", "4", "--temperature", "1").out != first.out


def test_it_goes_on_from_the_prompt(cli: Any, novel: Path) -> None:
    answer = cli("generate", novel, "--prompt", "the lazy", "--length", "5")
    assert answer.out.startswith("the lazy")
    assert len(answer.out) == len("the lazy") + 5 + 1


def test_greedy_has_three_names(cli: Any, novel: Path) -> None:
    texts = {
        cli("generate", novel, "--prompt", "q", "--length", "30", "--seed", seed, *words).out
        for seed, *words in (("1", "--greedy"), ("2", "--temperature", "0"), ("3", "--greedy"))
    }
    assert len(texts) == 1


def test_tau_is_one_over_t(cli: Any, novel: Path) -> None:
    by_tau = cli("generate", novel, "--tau", "2", "--seed", "1")
    assert by_tau == cli("generate", novel, "--temperature", "0.5", "--seed", "1")
    assert by_tau == cli("generate", novel, "--seed", "1")  # the default


@pytest.mark.parametrize("words", [("--tau", "0"), ("--temperature", "-1"), ("--length", "-1"), ("--seed", "-1")])
def test_numbers_that_cannot_be(cli: Any, novel: Path, words: tuple[str, str]) -> None:
    assert words[0].removeprefix("--") in cli("generate", novel, *words).mistake


def test_text_is_seen_as_it_comes(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def flush(self) -> None:
            self.seen.append(len(self.getvalue()))

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    cli("generate", novel, "--prompt", "the", "--length", "6")
    assert screen.seen[:4] == [3, 4, 6, 9]  # the prompt, then pieces of 1, 2 and up to 4


def test_without_a_run_the_packaged_model_writes(cli: Any) -> None:
    answer = cli("generate", "--prompt", "Sleeping beauty is", "--length", "30")
    assert answer.code == 0
    assert answer.out.startswith("Sleeping beauty is")
    assert len(answer.out) == 18 + 30 + 1
    assert answer.err == "grimm: temperature 0.5 (tau 2), seed 0\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--tau", "4"), "temperature 0.25 (tau 4), seed 0"),
        (("--greedy",), "greedy, seed 0"),
        (
            ("--temperature", "2", "--top-k", "3", "--top-p", "0.9", "--seed", "8"),
            "temperature 2 (tau 0.5), top-k 3, top-p 0.9, seed 8",
        ),
    ],
)
def test_how_it_is_chosen_is_said(cli: Any, novel: Path, words: tuple[str, ...], line: str) -> None:
    assert cli("generate", novel, *words).err == f"novel: {line}\n"


def test_several_samples_at_once_are_those_alone(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("generate", novel, "--prompt", "the", "--length", "20", "--temperature", "1")
    together = cli(*words, "--samples", "3").out
    assert together.count("──") == 6
    assert cli(*words).out in together
    monkeypatch.setattr("unrolled.cli.written._TOGETHER", 30)  # too many to keep: one after another
    assert cli(*words, "--samples", "3").out == together


def test_many_samples_are_written_some_at_a_time(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("generate", novel, "--prompt", "the", "--length", "9", "--temperature", "1", "--samples", "5")
    together = cli(*words).out
    opened: list[int] = []
    open_texts = written.open_texts

    def watched(model: Any, start: str, rows: int, first: int, options: dict[str, Any]) -> Stream:
        opened.append(rows)
        return open_texts(model, start, rows, first, options)

    monkeypatch.setattr(written, "open_texts", watched)
    monkeypatch.setattr(written, "_ROWS", 2)
    assert cli(*words).out == together
    lines = [json.loads(line) for line in cli(*words, "--json").out.splitlines()]
    assert together == "".join(f"── {line['sample'] + 1} ──\nthe{line['text']}\n" for line in lines)
    assert opened == [2, 2, 1] * 2


def test_samples_without_number_begin_at_once(novel: Path) -> None:
    command = [sys.executable, "-m", "unrolled.cli", "generate", str(novel), "--samples", "9" * 20, "--length", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "── 1 ──\n"
        process.stdout.close()
        assert process.stderr.read() == "novel: temperature 0.5 (tau 2), seed 0\n"
    assert process.returncode == 141


def test_json_lines_hold_every_likelihood(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("generate", novel, "--prompt", "the", "--length", "40", "--samples", "2", "--json")
    lines = [json.loads(line) for line in cli(*words).out.splitlines()]
    assert [line["sample"] for line in lines] == [0, 1]
    model = load(novel)
    for line in lines:
        assert (line["start"], line["at"], len(line["text"])) == ("the", 0, 40)
        bits = model.score("the" + line["text"]).bits[2:]
        assert line["log_probabilities"] == pytest.approx((-bits * math.log(2)).tolist(), abs=2e-5)
    monkeypatch.setattr("unrolled.cli.written._OBJECT", 8)
    parts = [json.loads(line) for line in cli(*words).out.splitlines()]
    for line in lines:
        mine = [part for part in parts if part["sample"] == line["sample"]]
        assert "".join(part["text"] for part in mine) == line["text"]
        assert [part["at"] for part in mine] == [0, *itertools.accumulate(len(part["text"]) for part in mine)][:-1]


def test_the_likeliest_text(cli: Any, novel: Path) -> None:
    words = ("generate", novel, "--prompt", "the", "--length", "12", "--beam", "4")
    (best,) = load(novel).beam("the", 12, beams=4)[:1]
    assert cli(*words).out == f"the{best.text}\n"
    two = [json.loads(line) for line in cli(*words, "--samples", "2", "--json").out.splitlines()]
    assert two[0]["text"] == best.text
    assert two[0]["log_probability"] >= two[1]["log_probability"]


def test_how_a_beam_ends_and_compares(cli: Any, novel: Path) -> None:
    words = ("generate", novel, "--prompt", "the", "--length", "12", "--beam", "6", "--samples", "6", "--json")
    found = {}
    for until, alpha in (("", 1.0), ("e", 1.0), ("e", 0.0)):
        given = [*(("--until", until) if until else ()), *(("--length-penalty", alpha) if alpha != 1 else ())]
        lines = [json.loads(line) for line in cli(*words, *given).out.splitlines()]
        found[until, alpha] = [line["text"] for line in lines]
        by_hand = load(novel).beam("the", 12, beams=6, until=until, length_penalty=alpha)
        assert found[until, alpha] == [hypothesis.text for hypothesis in by_hand]
    assert len(set(map(tuple, found.values()))) == 3


def test_a_conversation(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO("the\n\nÄ\n".encode() + b"fox \xff\nlazy"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    answer = cli("generate", novel, "--interactive", "--length", "5", "--temperature", "1")
    assert answer.code == 0
    lines = answer.out.rstrip("\n")
    whole = cli("generate", novel, "--prompt", "the", "--length", "10", "--temperature", "1").out.rstrip("\n")
    assert lines.startswith(whole[:8])
    assert whole[8:13] in lines  # the empty line went on
    assert "lazy" in lines
    assert "error: character 'Ä' (U+00C4)" in answer.err
    assert "error: the beginning is not UTF-8: byte 4 is 0xff\n" in answer.err


def test_a_conversation_changes_its_manner(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        *("the", ":temperature 2", ":top-k 3", ":top-p 0.5", ":length 9", "", ":tau 4", ":greedy", ":top-k none"),
        *(":tau 0", ":temperature x", ":length", ":lenth 3", ":help", "the"),
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    answer = cli("generate", novel, "--interactive", "--length", "5")
    said = answer.err.splitlines()
    assert [line.removeprefix("novel: ") for line in said[1:11]] == [
        "temperature 2 (tau 0.5), seed 0",
        "temperature 2 (tau 0.5), top-k 3, seed 0",
        "temperature 2 (tau 0.5), top-k 3, top-p 0.5, seed 0",
        "9 characters at a time",
        "temperature 0.25 (tau 4), top-k 3, top-p 0.5, seed 0",
        "greedy, top-k 3, top-p 0.5, seed 0",
        "greedy, top-p 0.5, seed 0",
        "error: tau is 0: a finite number above 0, it is 1/T",
        "error: temperature is 'x': not a number",
        "error: length needs a whole number",
    ]
    assert "did you mean 'length'?" in said[11]
    model = load(novel)
    stream = Stream(model.model, model.vocabulary, ["the"], choice=Choice(temperature=0.5), seed=0)
    first = "".join(stream.texts(piece)[0] for piece in stream.pieces(5))
    stream.choice = Choice(temperature=2, top_k=3, top_p=0.5)
    then = "".join(stream.texts(piece)[0] for piece in stream.pieces(9))
    last = model.generate("the", 9, temperature=None)
    assert answer.out == f"the{first}\n{then}\nthe{last}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_line_is_edited_and_comes_back(novel: Path) -> None:
    """In a terminal: a deleted character, then the earlier line by the arrow key."""
    import pty

    pytest.importorskip("readline")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "unrolled.cli", "generate", str(novel), "--interactive", "--length", "3"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "vt100"})
    os.close(theirs)
    shown = b""

    def until(sign: bytes) -> bytes:
        nonlocal shown
        while sign not in shown:
            shown += os.read(ours, 4096)
        before, _, shown = shown.partition(sign)
        return before

    until(b"Ctrl-D ends")
    for typed in (b"thw\x7fe\n", b"\x1b[A\n"):
        until(b"> ")
        os.write(ours, typed)
        until(b"\r\nthe")
    until(b"> ")
    os.write(ours, b"\x04")
    assert process.wait(60) == 0
    os.close(ours)


def test_a_prompt_from_a_file_or_standard_input(
    cli: Any, novel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("the lazy\n", encoding="utf-8")
    by_file = cli("generate", novel, "--prompt-file", file)
    assert by_file == cli("generate", novel, "--prompt", "the lazy")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the lazy\n")))
    assert cli("generate", novel, "--prompt-file", "-") == by_file


HOSTILE = {
    "unknown": ("Ω".encode(), "character 'Ω' (U+03A9) at position 0"),
    "control": (b"the\x1b[31m", r"character '\x1b' (U+001B) at position 3"),
    "right to left": ("שלום".encode(), "character 'ש' (U+05E9) at position 0"),
    "no UTF-8": (b"the \xff\xfe", "not UTF-8: byte 4 is 0xff"),
    "zero": (b"the\x00", r"character '\x00' (U+0000) at position 3"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_prompt_is_one_line(cli: Any, novel: Path, tmp_path: Path, name: str) -> None:
    content, sentence = HOSTILE[name]
    file = tmp_path / "prompt"
    file.write_bytes(content)
    assert sentence in cli("generate", novel, "--prompt-file", file).mistake


@pytest.mark.parametrize(
    "words", [("--prompt", "the \udcff"), ("--prompt", "the", "--beam", "2", "--until", "é\udcfe")]
)
def test_words_that_are_not_utf8(cli: Any, novel: Path, words: tuple[str, ...]) -> None:
    byte = "byte 4 is 0xff" if len(words) == 2 else "byte 2 is 0xfe"
    assert cli("generate", novel, *words).mistake == f"{words[-2]} is not UTF-8: {byte}"


def test_a_prompt_may_be_empty_or_a_megabyte(cli: Any, novel: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompt"
    file.write_bytes(b"")
    assert len(cli("generate", novel, "--prompt-file", file, "--length", "4").out) == 1 + 4 + 1
    file.write_bytes(b"the lazy dog " * 80_000)
    assert len(cli("generate", novel, "--prompt-file", file, "--length", "4").out) == 13 * 80_000 + 4 + 1


def test_a_terminal_is_not_told_to_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    written.put("a\x1b[31m\x7f\x9b\n\tb")
    assert sys.stdout.getvalue() == "a␛[31m␡\ufffd\n\tb"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--samples", "0"), "samples is 0"),
        (("--temperature", "-1"), "temperature is -1.0: a finite number above 0, or greedy"),
        (("--tau", "inf"), "tau is inf: a finite number above 0, it is 1/T"),
        (("--beam", "0"), "beam is 0: at least 1"),
        (("--top-k", "0"), "top_k is 0"),
        (("--top-p", "2"), "top_p is 2.0"),
        (("--beam", "2", "--top-k", "3"), "--beam and --top-k are given together"),
        (("--beam", "2"), "needs a prompt"),
        (("--beam", "2", "--prompt", "a", "--samples", "3"), "--samples 3 are more texts than --beam 2"),
        (("--until", "."), "--until is an option of --beam"),
        (("--interactive", "--json"), "--interactive and --json"),
        (("--prompt", "a", "--prompt-file", "b"), "--prompt and --prompt-file"),
        (("--prompt-file", "nowhere"), "'nowhere' cannot be read"),
    ],
)
def test_what_does_not_go_together(cli: Any, novel: Path, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in cli("generate", novel, *words).mistake


def test_nobody_reads_and_ctrl_c(novel: Path) -> None:
    command = [sys.executable, "-m", "unrolled.cli", "generate", str(novel), "--length", "1000000000"]
    for signalled in (False, True):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None and process.stderr is not None
        assert len(process.stdout.read(1000)) == 1000
        if signalled:
            process.send_signal(signal.SIGINT)
        process.stdout.close() if not signalled else process.stdout.read()
        said = process.stderr.read().decode()
        assert process.wait(120) == (130 if signalled else 141)
        assert "Traceback" not in said
        assert said.count("\n") == (2 if signalled else 1)  # how it is chosen, and "interrupted"


MEASURE = """
import resource, sys
from unrolled.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize(
    ("long", "words"),
    [
        (10_000_000, ()),
        (2_000_000, ("--json",)),
        (1_000_000, ("--samples", "2", "--json")),
        (300_000, ("--beam", "2", "--json", "--prompt", "the")),
    ],
)
def test_memory_does_not_grow_with_the_text(novel: Path, long: int, words: tuple[str, ...], tmp_path: Path) -> None:
    def peak_mib(length: int) -> int:
        command = [sys.executable, "-c", MEASURE, "generate", str(novel), "--length", str(length), *words]
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=True, timeout=600)
        assert (tmp_path / "out").stat().st_size > length
        return int(done.stderr.splitlines()[-1])

    assert peak_mib(long) - peak_mib(long // 100) < 40

"""`unrolled generate`: characters as they come."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest


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


def test_characters_are_seen_as_they_come(cli: Any, novel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def flush(self) -> None:
            self.seen.append(len(self.getvalue()))

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    cli("generate", novel, "--prompt", "the", "--length", "4")
    assert screen.seen[:4] == [4, 5, 6, 7]

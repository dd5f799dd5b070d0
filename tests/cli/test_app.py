"""The root: help that teaches, and a table of commands that all exist."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from unrolled.cli.app import COMMANDS, app


def test_no_arguments_give_help_with_examples(cli: Any) -> None:
    answer = cli()
    assert answer.code == 0
    assert answer == cli("--help")
    assert "unrolled train palindromes\n" in answer.out
    for line in COMMANDS.values():
        assert line in answer.out


def test_help_fits_eighty_columns(cli: Any) -> None:
    for words in ((), *([name, "--help"] for name in COMMANDS), ("train", "palindromes", "--help")):
        assert max(map(len, cli(*words).out.splitlines())) <= 80


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS], ["train", "nodes"]])
def test_no_line_of_the_examples_is_broken(cli: Any, command: list[str]) -> None:
    asked = app
    for name in command:
        asked = asked[name]
    shown = cli(*command, "--help").out.splitlines()
    for line in re.findall("^  unrolled .*", str(asked.help_epilogue or ""), flags=re.MULTILINE):
        assert line in [one.rstrip() for one in shown], line


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS], ["train", "text"]])
def test_every_example_in_the_help_is_a_command(cli: Any, command: list[str]) -> None:
    shown = re.sub(r" \\\n +", " ", cli(*command, "--help").out)  # an example may go on in the next line
    examples = re.findall(r"^  (unrolled .+?)(?:  .*)?$", shown, flags=re.MULTILINE)
    assert examples or command in (["runs"], ["info"], ["data"])
    for example in examples:
        app.parse_args(shlex.split(example)[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_options(shell: Any) -> None:
    script = app.generate_completion(shell=shell)
    for word in (*COMMANDS, "palindromes", "forget-bias", "temperature"):
        assert word in script

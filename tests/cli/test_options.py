"""Every field of every spec is an option, with its help and its default."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from unrolled.cli.options import sections, spec_mapping, spec_parameters
from unrolled.spec import TASKS, parse


@pytest.mark.parametrize("task", TASKS)
def test_every_field_is_an_option_with_help(cli: Any, task: str) -> None:
    shown = cli("train", task, "--help").out
    for section in sections(task).values():
        for field in dataclasses.fields(section):
            option = f"--{field.name.replace('_', '-')} "
            assert (option in shown) is not field.name.endswith("_sha256"), option
    for parameter in spec_parameters(task):
        (about,) = parameter.annotation.__metadata__
        assert about.help, parameter.name


def test_the_defaults_shown_are_the_tasks_own(cli: Any) -> None:
    def default(task: str, option: str) -> str:
        flat = " ".join(cli("train", task, "--help").out.replace("│", " ").split())
        return flat.split(f"{option} ", 1)[1].split("[default: ", 1)[1].split("]", 1)[0]

    assert default("palindromes", "--hidden") == "128"
    assert default("binary-palindromes", "--hidden") == "256"
    assert default("palindromes", "--steps") == "10000"
    assert default("baum-sweet", "--steps") == "3000"
    assert default("text", "--layers") == "2"
    assert default("text", "--clip") == "5.0"


def test_help_lists_choices_once(cli: Any) -> None:
    shown = " ".join(cli("train", "palindromes", "--help").out.replace("│", " ").split())
    assert "[choices: two, one, none]" not in shown
    assert "[choices: torch, xavier, kaiming, orthogonal, normal]" in shown


def test_options_find_their_sections() -> None:
    given = {"length": 7, "cell": "gru", "seed": 3}
    mapping = spec_mapping("palindromes", given)
    assert mapping == {"task": {"length": 7}, "model": {"cell": "gru"}, "training": {"seed": 3}}
    assert parse(mapping, task="palindromes").training.seed == 3

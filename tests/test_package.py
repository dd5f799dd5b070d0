"""The package as its readers meet it: public names, the README's code and commands, links, examples, pins."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

import unrolled

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

PUBLIC = [
    "CELLS",
    "ModelSpec",
    "Progress",
    "Run",
    "RunSpec",
    "TASKS",
    "TextModel",
    "TrainingSpec",
    "UnrolledError",
    "__version__",
    "analysis",
    "build_model",
    "build_task",
    "catalogue",
    "data",
    "default_spec",
    "errors",
    "experiments",
    "find_run",
    "generate",
    "generation",
    "list_runs",
    "load",
    "load_model",
    "nn",
    "onnx",
    "open_run",
    "record",
    "report",
    "spec",
    "train",
    "training",
]
"""Whoever changes this list changes what users import: it belongs into the changelog."""

PUBLIC_NN = [
    "CELL_LAYERS",
    "CharacterModel",
    "FullPeepholeLSTM",
    "GRU",
    "LSTM",
    "Observation",
    "ParameterCount",
    "PeepholeLSTM",
    "RNN",
    "Recurrent",
    "SequenceClassifier",
    "convert",
    "count_parameters",
    "single_bias",
]
"""What the README and the docs promise of `unrolled.nn`."""


def test_public_names() -> None:
    assert sorted(unrolled.__all__) == sorted(PUBLIC)
    assert dir(unrolled) == sorted(unrolled.__all__)
    for name in PUBLIC:
        assert getattr(unrolled, name) is not None
    assert set(PUBLIC_NN) <= set(unrolled.nn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lstm'"):
        _ = unrolled.lstm


@pytest.mark.parametrize(
    "room", ["nn", "data", "spec", "record", "training", "generation", "experiments", "report", "errors", "cli", "onnx"]
)
def test_every_public_name_of_a_room_exists(room: str) -> None:
    module = importlib.import_module(f"unrolled.{room}")
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        assert hasattr(module, name), f"unrolled.{room}.{name}"


def test_import_needs_no_torch() -> None:
    asked = "import sys, unrolled; print('torch' in sys.modules); unrolled.nn; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "True"]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


PYTHON = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(_blocks(page, "python"))
]


@pytest.mark.parametrize("block", PYTHON)
def test_the_code_in_the_docs_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "a block of the docs", "exec"), {"__name__": "docs"})
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_the_readme_is_the_file_and_learns(capsys: pytest.CaptureFixture[str]) -> None:
    source = (ROOT / "examples" / "own_loop.py").read_text(encoding="utf-8")
    body = source.split('"""', 2)[2].strip()
    assert body in {block.strip() for block in _blocks(ROOT / "README.md", "python")}
    exec(compile(source, "own_loop.py", "exec"), {"__name__": "example"})
    last = capsys.readouterr().out.splitlines()[-1]
    assert float(last.rsplit(" ", 1)[1]) > 0.95


def test_the_examples_cell_keeps_the_protocol() -> None:
    cell = f"{ROOT / 'examples' / 'minimal_gated_unit.py'}:MinimalGatedUnit"
    spec = unrolled.default_spec("palindromes", cell=cell, hidden=6)
    model = unrolled.build_model(spec.model, unrolled.build_task(spec))
    x = torch.randn(5, 2, 10)
    seen = model.layer.observe(x).layers[0][0]
    assert set(seen) == {"forget_gate", "candidate", "hidden"}
    before = torch.cat([torch.zeros(1, 2, 6), seen["hidden"][:-1]])
    by_hand = (1 - seen["forget_gate"]) * before + seen["forget_gate"] * seen["candidate"]
    torch.testing.assert_close(seen["hidden"], by_hand)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_in_the_docs_exist(page: Path) -> None:
    from unrolled.cli.app import app

    text = page.read_text(encoding="utf-8")
    blocks = [block.replace("\\\n", " ") for block in _blocks(page, "(?:sh|console)")]
    lines = [line for block in blocks for line in block.splitlines()]
    commands = [line.removeprefix("$ ") for line in lines] + re.findall(r"`(unrolled [^`…\[]+)`", text)
    for command in commands:
        words = shlex.split(command, comments=True)
        if words[:1] == ["unrolled"] and not {"TASK", "RUN...", "NAME"} & set(words):
            app.parse_args(words[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"""(?:\]\(|src=")([^)"#]+)""", page.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_every_cell_and_task_is_in_the_docs() -> None:
    cells = (ROOT / "docs" / "cells.md").read_text(encoding="utf-8") + (ROOT / "README.md").read_text(encoding="utf-8")
    for cell in unrolled.CELLS:
        assert f"`{cell}`" in cells
    tasks = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    for task in unrolled.TASKS:
        assert f"`{task} " in tasks
    claims = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for claim in unrolled.experiments.CLAIMS:
        assert f"`{claim}`" in claims


def test_what_is_required_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    wanted = [
        *project["dependencies"],
        *(need for extra in project["optional-dependencies"].values() for need in extra),
    ]
    for need in wanted:
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", need)[0]).lower()
        assert name == "unrolled" or name in pinned, need


def test_only_the_command_line_prints() -> None:
    printing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert all(path.startswith("src/unrolled/cli/") for path in printing), printing

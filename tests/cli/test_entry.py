"""The command as a process: quick answers, exit codes, a pipe that nobody reads, Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import unrolled
from unrolled.record import open_run

COMMAND = [sys.executable, "-m", "unrolled.cli"]


def test_version_is_known_without_torch() -> None:
    asked = "import sys; from unrolled.cli import main; main(['--version']); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout == f"unrolled {unrolled.__version__}\nFalse\n"


@pytest.mark.parametrize("words", ["", "--help", "generate --help", "runs --help", "info --help", "reproduce --help"])
def test_help_is_shown_without_torch(words: str) -> None:
    asked = f"import sys; from unrolled.cli import main; main({words.split()!r}); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("False\n")
    assert "Usage: unrolled" in answer.stdout


def test_a_mistake_as_a_process() -> None:
    answer = subprocess.run([*COMMAND, "trian"], capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: no command 'trian'")
    assert answer.stderr.count("\n") == 1


def test_nobody_reads_any_more() -> None:
    process = subprocess.Popen([*COMMAND, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert errors == ""
    assert process.returncode == 141


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a shell does")
@pytest.mark.parametrize(
    ("words", "closed", "code", "length", "err"),
    [
        ("generate --length 6 --greedy --prompt Once", ">&-", 0, 0, "grimm: greedy, seed 0\n"),
        ("generate --length 6 --greedy --prompt Once", "2>&-", 0, 11, ""),
        ("generate --length 6 --greedy --prompt Once", ">&- 2>&-", 0, 0, ""),
        ("train palindromes --hidden 4 --steps 1", ">&-", 0, 0, ""),
        ("trian", "2>&-", 2, 0, ""),
        ("generate --prompt-file -", "<&-", 2, 0, "error: the prompt file is '-', but standard input is closed: "),
        ("generate --interactive", "<&-", 2, 0, "error: --interactive asks for beginnings, but standard input is"),
    ],
)
def test_streams_that_are_closed(tmp_path: Path, words: str, closed: str, code: int, length: int, err: str) -> None:
    line = f"{shlex.join(COMMAND)} {words} {closed}"
    answer = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == code
    assert len(answer.stdout) == length
    assert answer.stderr.startswith(err)
    assert answer.stderr.count("\n") == (1 if err else 0)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_a_run_that_can_go_on(tmp_path: Path) -> None:
    words = ["train", "palindromes", "--hidden", "8", "--batch", "4", "--steps", "100000", "--name", "mine"]
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # the evaluation at step 0
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    said = errors.splitlines()[-1]
    assert said.startswith("stopped at step ")
    assert said.endswith("go on with: unrolled train palindromes --name mine --resume")
    run = open_run(tmp_path / "runs" / "mine")
    assert run.status == "unfinished"
    assert (run.path / "state.safetensors").is_file()

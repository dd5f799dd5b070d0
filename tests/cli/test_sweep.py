"""``unrolled sweep``: from a line or a file, once each, failures kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unrolled.catalogue import read_results
from unrolled.record import list_runs
from unrolled.spec import expand

TINY = ("--hidden", "4", "--batch", "4", "--steps", "3", "--evaluate-every", "3", "--workers", "1")
BROKEN = """
import torch
class Cell(torch.nn.RNNCell):
    def forward(self, x, state):
        raise RuntimeError("not today")
"""


def test_a_line_of_lists_trains_every_combination_once(cli: Any) -> None:
    words = ("sweep", "palindromes", "--cell", "rnn,lstm", "--length", "3:5:2", "--seed", "0", *TINY)
    first = cli(*words)
    assert first.code == 0, first
    assert "1/4  palindromes-rnn-3-seed0" in first.out and "4 of 4 runs done" in first.out
    runs = list_runs("runs")
    assert len(runs) == 4 and all(run.status == "done" for run in runs)
    again = cli(*words)
    assert again.code == 0 and again.out.count("(was there)") == 4
    more = cli(*words[:5], "3:7:2", *words[6:])
    assert more.out.count("(was there)") == 4 and "6 of 6 runs done" in more.out
    assert len(list_runs("runs")) == 6


def test_rows_of_a_file_of_results_count_as_done(cli: Any) -> None:
    words = ("sweep", "palindromes", "--length", "3", "--seed", "0:1", *TINY, "--results", "kept.parquet")
    assert cli(*words).code == 0
    kept = read_results("kept.parquet")
    assert {row.identity for row in kept} == {run.spec.identity() for run in list_runs("runs")}
    more = cli(*words[:5], "0:2", *words[6:], "--runs", "elsewhere")
    assert more.code == 0 and more.out.count("(was there)") == 2 and "3 of 3 runs done" in more.out, more
    assert [run.spec.training.seed for run in list_runs("elsewhere")] == [2]
    assert len(read_results("kept.parquet")) == 3
    Path("kept.parquet").write_bytes(b"PAR1")
    assert "'kept.parquet' is damaged" in cli(*words).mistake


def test_the_accuracy_is_the_median_of_the_seeds(cli: Any) -> None:
    answer = cli("sweep", "nodes", "--graph", "karate", "--seed", "0:1", "--steps", "5", "--workers", "1")
    assert answer.code == 0, answer
    seen = [run.result["evaluation"]["accuracy"] for run in list_runs("runs") if run.result]
    assert len(set(seen)) == 2, "the seeds must differ, or the median says nothing"
    assert f"{sum(seen) / 2:.3f}" in answer.out.split("accuracy\n")[-1]
    assert "solved" not in answer.out  # that is no question to the nodes of a graph


def test_numbers_are_read_as_train_reads_them(cli: Any) -> None:
    words = ("sweep", "palindromes", "--learning-rate", "1e-3,2e-3", "--clip", "none,1", "--length", "3", *TINY)
    assert cli(*words).code == 0
    trained = [run.spec.training for run in list_runs("runs")]
    assert sorted(spec.learning_rate for spec in trained) == [1e-3, 1e-3, 2e-3, 2e-3]
    assert {spec.clip for spec in trained} == {None, 1.0}


def test_an_option_whose_value_is_a_list_is_parted_otherwise(cli: Any) -> None:
    words = ("sweep", "sensors", "--horizons", "3,6;12", "--seasons", "52", "--hidden", "4,8", "--dry-run")
    answer = cli(*words, "--readings", "none.csv")
    assert "none.csv" in answer.mistake and "horizons" not in answer.err  # so far it was understood
    given = expand({"task": {"name": "sensors", "horizons": ["3,6", "12"], "seasons": "52"}})
    assert [spec.task.horizons for spec in given.specs] == ["3,6", "12"]


def test_a_file_and_what_it_would_cost(cli: Any) -> None:
    Path("many.yaml").write_text(
        "task: {name: palindromes, length: [3, 5]}\nmodel: {hidden: 4}\ntraining: {seed: 0:2, steps: 40, batch: 4}\n"
    )
    answer = cli("sweep", "many.yaml", "--dry-run")
    assert answer.code == 0, answer
    assert "palindromes-lstm-3-seed0  length 3  seed 0" in answer.out
    assert "6 runs: at most 0:0" in answer.out and "MB on disk" in answer.out
    assert list_runs("runs") == []


def test_a_dry_run_leaves_out_what_is_there(cli: Any) -> None:
    words = ("sweep", "palindromes", "--length", "3", "--seed", "0:1", *TINY)
    assert cli(*words, "--results", "kept.parquet").code == 0
    more = (*words[:5], "0:2", *words[6:])
    for place in (("--runs", "runs"), ("--runs", "elsewhere", "--results", "kept.parquet")):
        answer = cli(*more, *place, "--dry-run")
        assert "2 of 3 runs are there already, done or failed" in answer.out
        assert answer.out.count("palindromes-lstm-3-seed") == answer.out.count("palindromes-lstm-3-seed2") == 1
        assert "1 run: at most" in answer.out
        whole = cli(*words, *place, "--dry-run")
        assert whole.out == "2 of 2 runs are there already, done or failed\n"
    assert not Path("elsewhere").exists()


def test_a_disk_that_takes_nothing_costs_one_line(cli: Any, tiny_disk: Path, read_only_disk: Path) -> None:
    words = ("sweep", "palindromes", "--length", "3", "--seed", "0:2", *TINY[2:], "--hidden", "128")
    assert "the disk is full" in cli(*words, "--runs", tiny_disk).mistake
    assert "read-only" in cli(*words, "--runs", read_only_disk).mistake
    assert "read-only" in cli(*words, "--results", read_only_disk / "kept.parquet").mistake


def test_a_failure_s_reason_is_one_line_that_a_terminal_does_not_obey(cli: Any) -> None:
    Path("cell.py").write_text(BROKEN.replace("not today", r"not\ntoday: \x1b]0;mine\x07 \x9b31m"))
    answer = cli("sweep", "palindromes", "--cell", "cell.py:Cell", "--length", "3", *TINY)
    (line,) = [line for line in answer.out.splitlines() if "failed:" in line]
    assert line.endswith("RuntimeError: not today: ␛]0;mine␇ \ufffd31m")
    assert "\x1b" not in answer.out and "\x9b" not in answer.out


def test_a_failed_run_is_kept_with_its_reason_and_tried_again_on_request(cli: Any) -> None:
    Path("mine.py").write_text(BROKEN)
    words = ("sweep", "palindromes", "--cell", "rnn,mine.py:Cell", "--length", "3", *TINY)
    answer = cli(*words)
    assert answer.code == 1, answer
    assert "not today" in answer.out and "1 of 2 runs done, 1 failed (again with --retry)" in answer.out
    (row,) = [line for line in answer.out.splitlines() if line.startswith("mine.py:Cell")]
    assert "0 of 1, 1 failed" in row  # a seed that failed has not solved anything
    (failed,) = [run for run in list_runs("runs") if run.failure is not None]
    assert failed.status == "unfinished" and "not today" in (failed.failure or "")
    noted = failed.path.joinpath("failure.json").read_bytes()
    assert cli(*words).code == 1  # not tried again, so that the note stays as it was
    assert failed.path.joinpath("failure.json").read_bytes() == noted
    assert "failed" in cli("runs").out
    retried = cli(*words, "--retry")
    assert retried.code == 1 and "not today" in retried.out


def test_brackets_in_an_option_are_part_of_it(cli: Any) -> None:
    Path("[b]mine.py").write_text(BROKEN)
    answer = cli("sweep", "palindromes", "--cell", "rnn,[b]mine.py:Cell", "--length", "3", *TINY)
    assert "[b]mine.py:Cell" in [line.split()[0] for line in answer.out.splitlines()], answer


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sweep", "palindrome"], "did you mean 'palindromes'?"),
        (["sweep", "nowhere.yaml"], "no file 'nowhere.yaml'"),
        (["sweep", "palindromes", "--cell="], "--cell is '': there is an empty value in it; give at least one"),
        (["sweep", "palindromes", "--cell", "rnn,lstn"], "did you mean 'lstm'?"),
        (["sweep", "palindromes", "--length", "9:3"], "the range '9:3' is empty"),
        (
            ["sweep", "palindromes", "--length", "5:10:-1"],
            "the range '5:10:-1' goes in steps of -1: a step is 1 or more",
        ),
        (
            ["sweep", "palindromes", "--length", "3,5:10:0"],
            "the range '5:10:0' goes in steps of 0: a step is 1 or more",
        ),
        (
            ["sweep", "palindromes", "--length", "1:1000000000000", "--dry-run"],
            "has 1000000000000 values, at most 1000000",
        ),
        (
            ["sweep", "palindromes", "--cell", "rnn,,lstm"],
            "--cell is 'rnn,,lstm': there is an empty value in it; did you mean 'rnn,lstm'?",
        ),
        (
            ["sweep", "palindromes", "--learning-rate", " ,"],
            "--learning-rate is ' ,': there is an empty value in it; give at least one",
        ),
        (["sweep", "palindromes", "--length", "ten,9"], "task.length is 'ten'"),
        (["sweep", "palindromes", "--lenght", "9"], "--lenght"),
        (["sweep", "palindromes", "--workers", "0"], "workers is 0: at least 1"),
        (["sweep", "palindromes", "--length", "3,4,5", "--seed", "1,2", "--combine", "zip"], "task.length has 3"),
    ],
)
def test_mistakes_cost_one_line(cli: Any, words: list[str], expected: str) -> None:
    assert expected in cli(*words).mistake

"""`unrolled train`: names, files of options, going on, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unrolled import training
from unrolled.cli import engines
from unrolled.record import open_run
from unrolled.spec import TASKS, RunSpec, default_spec

CELL = Path(__file__).parents[2] / "examples" / "minimal_gated_unit.py"


@pytest.mark.parametrize("task", [task for task in TASKS if task not in ("text", "nodes", "protein", "sensors")])
def test_every_task_trains_with_its_own_defaults(cli: Any, quick: tuple[str, ...], task: str) -> None:
    answer = cli("train", task, *quick, "--name", "one")
    assert answer.code == 0
    assert answer.err == ""
    spec = open_run("runs/one").spec
    assert spec == default_spec(task, hidden=4, batch=4, steps=3, evaluate_every=3)


def test_what_a_run_says(cli: Any, quick: tuple[str, ...]) -> None:
    lines = cli("train", "palindromes", *quick, "--seed", "5").out.splitlines()
    assert lines[-3].startswith("step 3/3  loss ")
    assert "unseen 0." in lines[-3]
    assert "of 2000 unseen sequences right (chance 10.0%, best constant answer 10.0%) after 3 steps" in lines[-2]
    place = Path("runs/palindromes-lstm-10-seed5")
    assert lines[-1] == f"{place}  look at it: unrolled report {place} --out report.html"


def test_a_second_run_of_the_default_name_gets_a_number(cli: Any, quick: tuple[str, ...]) -> None:
    for _ in range(3):
        assert cli("train", "palindromes", *quick).code == 0
    names = sorted(path.name for path in Path("runs").iterdir())
    assert names == [f"palindromes-lstm-10-seed0{end}" for end in ("", "-2", "-3")]
    weights = {Path("runs", name, "weights.safetensors").read_bytes() for name in names}
    assert len(weights) == 1


def test_a_saved_spec_runs_again_unchanged(cli: Any, quick: tuple[str, ...], text_file: Path) -> None:
    assert (
        cli(
            "train",
            "text",
            "--source",
            text_file,
            "--clip",
            "none",
            "--sample-every",
            "0",
            *quick,
            "--name",
            "one",
        ).code
        == 0
    )
    assert cli("train", "text", "--config", "runs/one/spec.yaml", "--name", "two").code == 0
    assert cli("train", "--config", "runs/one/spec.yaml", "--name", "three").code == 0
    one, two, three = (Path("runs", name) for name in ("one", "two", "three"))
    assert open_run(one).spec.training.clip is None
    for other in (two, three):
        assert (one / "spec.yaml").read_bytes() == (other / "spec.yaml").read_bytes()
        assert (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


def test_options_win_over_the_file(cli: Any, quick: tuple[str, ...]) -> None:
    Path("some.yaml").write_text("{task: {length: 4}, model: {cell: gru, hidden: 7}, training: {learning_rate: 1e-2}}")
    answer = cli("train", "palindromes", "--config", "some.yaml", *quick, "--cell", "rnn", "--name", "one")
    assert answer.code == 0
    spec = open_run("runs/one").spec
    assert (spec.task.length, spec.model.cell, spec.model.hidden) == (4, "rnn", 4)
    assert spec.training.learning_rate == 0.01


def test_another_text_makes_the_saved_hash_void(cli: Any, quick: tuple[str, ...], text_file: Path) -> None:
    assert cli("train", "text", "--source", text_file, "--sample-every", "0", *quick, "--name", "one").code == 0
    Path("other.txt").write_text("another text altogether, and a longer one. " * 40)
    again = cli("train", "text", "--config", "runs/one/spec.yaml", "--source", "other.txt", "--name", "two")
    assert again.code == 0
    text_file.write_text("changed. " * 400)
    assert "has hash" in cli("train", "text", "--config", "runs/one/spec.yaml", "--name", "three").mistake


def test_ones_own_cell(cli: Any, quick: tuple[str, ...]) -> None:
    cell = f"{CELL}:MinimalGatedUnit"
    assert cli("train", "palindromes", "--cell", cell, *quick).code == 0
    run = Path("runs/palindromes-minimalgatedunit-10-seed0")
    assert open_run(run).spec.model.cell == cell
    assert "give --cell" in cli("train", "palindromes", "--name", run.name, "--resume").mistake
    assert cli("train", "palindromes", "--name", run.name, "--resume", "--cell", cell).code == 0
    Path("tale.txt").write_text("once upon a time " * 40)
    *_, last = cli("train", "text", "--source", "tale.txt", "--cell", cell, *quick, "--name", "tale").out.splitlines()
    assert cli(*last.split("unrolled ")[-1].split()).code == 0


def test_a_diverged_run_says_so(cli: Any, quick: tuple[str, ...]) -> None:
    wild = ("--optimiser", "sgd", "--learning-rate", "1e38", "--clip", "none")
    assert "diverged" in cli("train", "palindromes", *quick, *wild, "--name", "wild").mistake
    assert open_run("runs/wild").status == "diverged"


OPTIONS = ("--length", "4", "--hidden", "4", "--batch", "4", "--steps", "60", "--evaluate-every", "10")


def test_ctrl_c_says_how_to_go_on(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _stop_early(patch)
        answer = cli("train", "palindromes", *OPTIONS, "--name", "mine", "--runs", "some where")
    assert answer.code == 130
    assert answer.err == (
        "stopped at step 20 of 60; go on with: unrolled train palindromes --name mine --resume --runs 'some where'\n"
    )
    assert open_run("some where/mine").status == "unfinished"


def test_ctrl_c_before_the_first_step_says_where_the_run_stands(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(*_: Any, **__: Any) -> Iterator[training.Progress]:
        raise KeyboardInterrupt
        yield

    go_on = "go on with: unrolled train palindromes --name mine --resume\n"
    again = ("train", "palindromes", "--name", "mine", "--resume")
    with monkeypatch.context() as patch:
        _stop_early(patch)
        assert cli("train", "palindromes", *OPTIONS, "--name", "mine").code == 130
    with monkeypatch.context() as patch:
        patch.setattr(engines, "train", at_once)
        assert cli(*again).err == f"stopped at step 20 of 60; {go_on}"
        state = Path("runs/mine/state.safetensors")
        kept = state.read_bytes()
        state.write_bytes(kept[:100])
        assert cli(*again).err == f"stopped; {go_on}"
        state.write_bytes(kept)
    assert cli(*again).code == 0
    monkeypatch.setattr(engines, "train", at_once)
    assert cli(*again).err == f"stopped: {Path('runs/mine')} is finished, and nothing is left to train\n"


def test_ctrl_c_says_where_it_was_trained(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def together(spec: RunSpec, *, processes: int, address: str, **options: Any) -> Iterator[training.Progress]:
        assert (processes, address) == (2, "auto")
        return training.train(spec, **options)

    monkeypatch.setattr(engines, "train_together", together)
    _stop_early(monkeypatch)
    ray = ("--engine", "ray", "--processes", "2", "--address", "auto")
    answer = cli("train", "palindromes", *OPTIONS, "--name", "mine", *ray)
    assert answer.err.endswith("unrolled train palindromes --name mine --resume " + " ".join(ray) + "\n")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "leave out torchrun" in cli("train", "palindromes", *OPTIONS, *ray).mistake


def test_resume_takes_the_runs_own_spec(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _stop_early(patch)
        assert cli("train", "palindromes", *OPTIONS, "--name", "mine").code == 130
    assert cli("train", "palindromes", "--name", "mine", "--resume").code == 0
    assert cli("train", "palindromes", *OPTIONS, "--name", "whole").code == 0
    mine, whole = (Path("runs", name, "weights.safetensors").read_bytes() for name in ("mine", "whole"))
    assert mine == whole


def test_resume_without_a_name_finds_the_run(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("train", "palindromes", *OPTIONS, "--momentum", "0.5").code == 0  # another spec of this name
    assert cli("train", "palindromes", *OPTIONS).code == 0  # -2: the same spec, and done
    with monkeypatch.context() as patch:
        _stop_early(patch)
        assert cli("train", "palindromes", *OPTIONS).code == 130
    unfinished = Path("runs/palindromes-lstm-4-seed0-3")
    assert open_run(unfinished).status == "unfinished"
    assert cli("train", "palindromes", *OPTIONS, "--resume").code == 0
    assert open_run(unfinished).status == "done"
    assert cli("train", "palindromes", *OPTIONS, "--resume").code == 0  # nothing is left to do
    assert len(list(Path("runs").iterdir())) == 3


def test_resume_of_a_finished_run_and_of_none(cli: Any, quick: tuple[str, ...]) -> None:
    first = cli("train", "palindromes", *quick, "--name", "mine", "--resume")
    assert first.code == 0
    written = Path("runs/mine/result.json").read_bytes()
    again = cli("train", "palindromes", *quick, "--name", "mine", "--resume")
    assert again.code == 0
    assert again.out.splitlines()[-2:] == first.out.splitlines()[-2:]
    assert Path("runs/mine/result.json").read_bytes() == written


def _stop_early(patch: pytest.MonkeyPatch) -> None:
    from unrolled.cli.progress import Display

    def show(display: Display, progress: training.Progress) -> None:
        if progress.step >= 20:
            raise KeyboardInterrupt

    patch.setattr(Display, "show", show)

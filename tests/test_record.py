"""The record: what is read back is what was written, and what is damaged or foreign is said to be."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from unrolled.errors import RecordError, StorageError, UnknownName, UserCodeError
from unrolled.record import (
    RESULT,
    SPEC,
    STATE,
    WEIGHTS,
    find_run,
    list_runs,
    load_model,
    open_run,
    read_tensors,
    storing,
    tensor_bytes,
    write_whole,
)
from unrolled.spec import RunSpec, build_model, build_task, default_spec, dump_yaml, resolve


def spec(**changes: Any) -> RunSpec:
    return default_spec("palindromes", **{"hidden": 4, "length": 5, "steps": 2, **changes})


def write_run(path: Path, given: RunSpec | None = None, **result: Any) -> Path:
    """A finished run as training leaves it."""
    given = spec() if given is None else given
    path.mkdir(parents=True)
    write_whole(path / SPEC, dump_yaml(given))
    model = build_model(given.model, build_task(given))
    write_whole(path / WEIGHTS, tensor_bytes(model.state_dict(), {"identity": given.identity()}))
    lines = [{"step": 50, "kind": "train", "loss_nats": 1.5}, {"step": 50, "kind": "evaluation", "accuracy": 0.25}]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    content = {"format": 1, "identity": given.identity(), "stopped": "steps", "steps": 2, **result}
    write_whole(path / RESULT, json.dumps(content))
    return path


# ── tensors ──────────────────────────────────────────────────────────────────────────────────────────────────────


def odd_tensors() -> dict[str, torch.Tensor]:
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return {
        "transposed": base.T,
        "tied": base,
        "half": base.to(torch.bfloat16),
        "scalar": torch.tensor(7, dtype=torch.int64),
        "empty": torch.zeros(0, 3, dtype=torch.float64),
        "flags": torch.tensor([True, False]),
        "strange": torch.tensor([float("nan"), float("inf"), -0.0]),
        "bytes": torch.arange(256).to(torch.uint8),
        "learned": torch.nn.Parameter(torch.ones(2)),
    }


def test_tensors_there_and_back(tmp_path: Path) -> None:
    content = {"step": 3, "loss": 0.1, "who": "Grüße"}
    write_whole(tmp_path / "t.safetensors", tensor_bytes(odd_tensors(), content))
    tensors, read = read_tensors(tmp_path / "t.safetensors")
    assert read == content
    assert tensors.keys() == odd_tensors().keys()
    for key, value in odd_tensors().items():
        assert tensors[key].dtype == value.dtype
        assert torch.equal(tensors[key].nan_to_num(5), value.nan_to_num(5)), key
        assert not tensors[key].requires_grad


def test_equal_tensors_give_equal_bytes() -> None:
    tensors = odd_tensors()
    backwards = dict(reversed(list(tensors.items())))
    content = {"a": 1, "b": {"d": 2, "c": 3}}
    assert tensor_bytes(tensors, content) == tensor_bytes(backwards, {"b": {"c": 3, "d": 2}, "a": 1})
    assert tensor_bytes(tensors) != tensor_bytes(tensors, content)


def test_other_people_can_read_our_tensors(tmp_path: Path) -> None:
    (tmp_path / "t.safetensors").write_bytes(tensor_bytes({"w": torch.ones(3)}))
    assert torch.equal(safetensors.torch.load_file(tmp_path / "t.safetensors")["w"], torch.ones(3))


def test_a_tensor_file_cut_anywhere_is_damaged(tmp_path: Path) -> None:
    whole = tensor_bytes({"a": torch.randn(9, 5), "b": torch.randn(7)}, {"step": 1})
    header = 8 + int.from_bytes(whole[:8], "little")
    places = {0, 1, 7, 8, 9, header - 1, header, header + 1, len(whole) - 1, *range(10, len(whole), 37)}
    for place in places:
        (tmp_path / "t").write_bytes(whole[:place])
        with pytest.raises(RecordError, match="damaged"):
            read_tensors(tmp_path / "t")


def test_a_tensor_file_changed_anywhere_is_damaged(tmp_path: Path) -> None:
    whole = tensor_bytes({"a": torch.randn(9, 5)}, {"step": 1})
    draw = random.Random(1)
    for place in sorted({*range(40), *(draw.randrange(len(whole)) for _ in range(150))}):
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        (tmp_path / "t").write_bytes(changed)
        with pytest.raises(RecordError):
            # A changed header may still be a header, of other names or shapes: then the checksum does not hold.
            read_tensors(tmp_path / "t")


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 a zip archive, perhaps torch.save's",
        b"{}",
        bytes(64),
        b"\xff" * 64,
        safetensors.torch.save({"w": torch.ones(2)}),
        safetensors.torch.save({"w": torch.ones(2)}, metadata={"format": "pt"}),
        safetensors.torch.save({"w": torch.ones(2)}, metadata={"unrolled": "yes"}),
        safetensors.torch.save({"w": torch.ones(2)}, metadata={"unrolled": "[1]"}),
        safetensors.torch.save(
            {"w": torch.ones(2)}, metadata={"unrolled": '{"format": 2, "sha256": "", "content": "{}"}'}
        ),
    ],
)
def test_tensor_files_of_others(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(RecordError, match=r"'.*t' "):
        read_tensors(tmp_path / "t")


def test_a_folder_is_no_tensor_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        read_tensors(tmp_path)
    with pytest.raises(RecordError, match="no file"):
        read_tensors(tmp_path / "none")


# ── writing whole ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, "old – ü")
    assert path.read_text(encoding="utf-8") == "old – ü"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for broken in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, broken, full)
            with pytest.raises(StorageError, match=r"cannot write '.*file': the disk is full"):
                write_whole(path, "newer")
        assert path.read_bytes() == b"new"
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "there is no permission"),
        (errno.ENOENT, "the folder does not exist"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_refusals_in_words(number: int, words: str) -> None:
    with pytest.raises(StorageError, match=f"cannot write 'some.place': {words}"), storing(Path("some/place")):
        raise OSError(number, os.strerror(number))


def test_writing_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the folder does not exist"):
        write_whole(tmp_path / "none" / "file", "x")
    for folder in (tmp_path, Path()):
        with pytest.raises(StorageError, match="directory"):
            write_whole(folder, "x")


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_read(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path / "first"))
    assert (run.name, run.status, run.spec) == ("first", "done", spec())
    assert [line["kind"] for line in run.metrics()] == ["train", "evaluation"]
    assert run.metrics("evaluation") == [{"step": 50, "kind": "evaluation", "accuracy": 0.25}]
    assert run.samples() == []
    model, task = load_model(run)
    assert not model.training
    assert task == build_task(spec())
    assert all(torch.equal(value, run.weights()[key]) for key, value in model.state_dict().items())


def test_statuses(tmp_path: Path) -> None:
    assert open_run(write_run(tmp_path / "wild", stopped="diverged")).status == "diverged"
    (write_run(tmp_path / "begun") / RESULT).unlink()
    run = open_run(tmp_path / "begun")
    assert (run.status, run.result) == ("unfinished", None)
    with pytest.raises(RecordError, match="no weights yet"):
        run.weights()
    assert (run.position(), run.weights_of_step()) == ({}, 0)
    state = {f"model.{key}": value for key, value in read_tensors(run.path / WEIGHTS)[0].items()}
    write_whole(run.path / STATE, tensor_bytes({**state, "draws": torch.ones(3)}))
    assert run.weights().keys() == read_tensors(run.path / WEIGHTS)[0].keys()
    assert load_model(run)
    write_whole(run.path / STATE, tensor_bytes(state, {"position": {"step": 7}}))
    assert run.weights_of_step() == 7


def test_metrics_that_are_being_written(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path / "run"))
    whole = (run.path / "metrics.jsonl").read_bytes()
    first = whole.index(b"\n") + 1
    for place in range(len(whole) + 1):
        (run.path / "metrics.jsonl").write_bytes(whole[:place])
        assert len(run.metrics()) == (place >= first) + (place == len(whole))


NO_OBJECTS = [b"{half\n", b"[1]\n", b"\n", b"\xff\xfe\n", b'"text"\n', b"[" * 100_000 + b"\n"]
NO_METRICS = [b"{}\n", b'{"kind": "train"}\n', b'{"kind": "train", "step": "2"}\n', b'{"step": 2}\n']


@pytest.mark.parametrize(
    ("line", "words"),
    [(line, "line 3 is no JSON object") for line in NO_OBJECTS]
    + [(line, "a line has no step, or no kind") for line in NO_METRICS],
)
def test_metrics_that_are_damaged(line: bytes, words: str, tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path / "run"))
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(line)
    with pytest.raises(RecordError, match=words):
        run.metrics()


def test_a_result_cut_anywhere(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run") / RESULT
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place])
        with pytest.raises(RecordError, match=r"result.json' is damaged"):
            open_run(path.parent)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "no result of a run"),
        ("{}", "no result of a run"),
        ('{"format": 9, "identity": "", "stopped": "steps", "steps": 1}', "this version reads format 1"),
        ('{"format": 1, "identity": "", "stopped": "steps", "steps": 1}', "does not belong to the spec.yaml beside it"),
        ('{"format": 1, "identity": "", "stopped": "steps", "steps": "x"}', "no result of a run"),
        ('{"format": 1, "identity": "", "stopped": [1], "steps": 1}', "no result of a run"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_results_of_others(content: str, words: str, tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    (path / RESULT).write_text(content)
    with pytest.raises(RecordError, match=words):
        open_run(path)


def test_a_spec_cut_anywhere_is_never_a_traceback(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    (path / RESULT).unlink()
    whole = (path / SPEC).read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        (path / SPEC).write_bytes(whole[:place])
        try:
            open_run(path)
        except RecordError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"task: [", b"- 1", b"task: {name: dance}", b"", b"\x00", b"a: &a [*a]"]
)
def test_specs_of_others(content: bytes, tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    (path / SPEC).write_bytes(content)
    with pytest.raises(RecordError, match="is damaged"):
        open_run(path)


def test_weights_of_another_network(tmp_path: Path) -> None:
    small, large = write_run(tmp_path / "small"), write_run(tmp_path / "large", spec(hidden=6))
    shutil.copy(write_run(tmp_path / "alike", spec(seed=1)) / WEIGHTS, small / WEIGHTS)
    with pytest.raises(RecordError, match=r"has the weights of another run than spec\.yaml"):
        open_run(small).weights()
    write_whole(small / WEIGHTS, tensor_bytes(open_run(large).weights()))  # as earlier versions wrote it
    with pytest.raises(RecordError, match="the weights of run 'small' are not of its spec's network: size mismatch"):
        load_model(open_run(small))
    (small / WEIGHTS).unlink()
    with pytest.raises(RecordError, match="no file"):
        load_model(open_run(small))


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no run at"):
        open_run(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match=r"is no run: it has no spec.yaml"):
        open_run(tmp_path / "empty")


def test_runs_are_listed_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("beta", "alpha"):
        write_run(tmp_path / "runs" / name)
    (tmp_path / "runs" / "claims").mkdir()
    (tmp_path / "runs" / "note.txt").write_text("x")
    (write_run(tmp_path / "runs" / "torn") / SPEC).write_text("task: [")
    assert [run.name for run in list_runs(tmp_path / "runs")] == ["alpha", "beta"]
    assert list_runs(tmp_path / "nowhere") == []
    assert find_run("alpha", tmp_path / "runs").name == "alpha"
    assert find_run(tmp_path / "runs" / "beta", tmp_path / "elsewhere").name == "beta"
    monkeypatch.chdir(tmp_path)
    assert find_run("runs/beta", "elsewhere").name == "beta"
    with pytest.raises(UnknownName, match=r"no run 'alpa'; did you mean 'alpha'\? runs: alpha, beta"):
        find_run("alpa", "runs")
    with pytest.raises(UnknownName, match="no run ''"):
        find_run("", "runs")
    with pytest.raises(RecordError, match="is damaged"):
        find_run("torn", "runs")


CELL = """
import torch
print("this file was run")
class Mine(torch.nn.RNNCell):
    pass
"""


def test_a_users_code_is_run_only_where_it_is_named_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CELL)
    given = resolve(spec(cell=f"{file}:Mine"))
    run = open_run(write_run(tmp_path / "run", given))
    capsys.readouterr()
    with pytest.raises(UserCodeError, match=r"name it again \(--cell\)"):
        load_model(run)
    assert capsys.readouterr().out == ""
    model, _ = load_model(run, cell=f"{file}:Mine")
    assert all(torch.equal(value, run.weights()[key]) for key, value in model.state_dict().items())
    file.write_text(CELL + "\n# another\n")
    with pytest.raises(UserCodeError, match="has changed since the run was made"):
        load_model(run, cell=f"{file}:Mine")
    with pytest.raises(UserCodeError, match="made with the cell 'lstm', not with"):
        load_model(open_run(write_run(tmp_path / "plain")), cell=f"{file}:Mine")


def test_a_given_module_is_not_the_specs(tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="build that module"):
        load_model(open_run(write_run(tmp_path / "run", given_model=True)))


def test_float64_runs_load_in_float64(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path / "run", spec(precision="float64")))
    doubled = {key: value.double() / 3 for key, value in run.weights().items()}
    write_whole(run.path / WEIGHTS, tensor_bytes(doubled))
    model, _ = load_model(run)
    assert all(torch.equal(value, doubled[key]) for key, value in model.state_dict().items())

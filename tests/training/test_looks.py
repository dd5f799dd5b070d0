"""The microscope along training: it sees, it changes nothing, and it goes on where it was stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from unrolled.analysis.gradients import state_gradients
from unrolled.errors import SpecError, UserCodeError
from unrolled.nn import LSTM, SequenceClassifier
from unrolled.record import LOOKS, WEIGHTS, load_model, open_run
from unrolled.spec import RunSpec, default_spec
from unrolled.training import Progress, train
from unrolled.training.looks import SEQUENCES, look_at
from unrolled.training.streams import stream

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]


def test_a_run_that_is_looked_at_ends_as_one_that_is_not(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    for name, every in (("watched", 25), ("alone", 0)):
        finish(tiny(cell="lstm", look_every=every, dropout=0.2, layers=2), name=name, runs=tmp_path)
    watched, alone = (open_run(tmp_path / name).weights() for name in ("watched", "alone"))
    assert watched.keys() == alone.keys()
    assert all(torch.equal(watched[name], weight) for name, weight in alone.items())
    assert open_run(tmp_path / "alone").looks() == []
    assert [look["step"] for look in open_run(tmp_path / "watched").looks()] == [0, 25, 50, 60]


def test_the_last_look_is_what_the_microscope_sees_of_the_run(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(cell="rnn", look_every=60)
    finish(spec, name="run", runs=tmp_path)
    run = open_run(tmp_path / "run")
    model, task = load_model(run)
    drawn = task.sample(SEQUENCES, stream(spec.training.seed, "looks"))
    seen = state_gradients(model, drawn.inputs, drawn.targets)
    last = run.looks()[-1]
    (layer,) = last["layers"]
    assert layer["norms"]["hidden"] == pytest.approx(seen.norms["hidden"], rel=1e-12)
    assert last["loss_nats"] == pytest.approx(seen.loss_nats)
    assert layer["largest_singular_value"] == pytest.approx(seen.largest_singular_value)
    assert 0 <= layer["saturated"]["hidden"] <= 1


def test_a_run_stopped_on_the_way_and_resumed_has_the_same_looks(
    tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None
) -> None:
    spec = tiny(cell="gru", look_every=7)
    finish(spec, name="whole", runs=tmp_path)
    steps = train(spec, name="cut", runs=tmp_path)
    for progress in steps:
        if progress.step == 33:
            break
    steps.close()
    finish(spec, name="cut", runs=tmp_path, resume=True)
    for file in (LOOKS, WEIGHTS):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "cut" / file).read_bytes()


def test_text_is_looked_at_too(tiny: Tiny, finish: Finish, tale: Path, tmp_path: Path) -> None:
    spec = tiny("text", source=str(tale), window=10, steps=4, layers=2, look_every=2, sample_every=0)
    finish(spec, name="text", runs=tmp_path)
    looks = open_run(tmp_path / "text").looks()
    assert [len(look["layers"]) for look in looks] == [2, 2, 2]
    assert len(looks[0]["layers"][0]["norms"]["hidden"]) == 10


def test_a_look_leaves_the_model_alone_and_writes_no_infinity(tiny: Tiny) -> None:
    from unrolled.data import DecimalPalindromes

    model = SequenceClassifier(LSTM(10, 4), symbols=10, classes=10)
    with torch.no_grad():
        model.output.weight.fill_(math.inf)
    line = look_at(model, DecimalPalindromes(length=5), seed=0, step=3)
    assert line["loss_nats"] is None
    assert model.training
    assert model.output.weight.dtype == torch.float32
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_cannot_be_looked_at(tiny: Tiny) -> None:
    theirs = SequenceClassifier(torch.nn.LSTM(10, 8), symbols=10, classes=10)
    with pytest.raises(UserCodeError, match="cannot be seen on the way: give a SequenceClassifier"):
        list(train(tiny(look_every=5), model=theirs))
    with pytest.raises(SpecError, match="look_every is for sequences"):
        default_spec("nodes", look_every=5)
    with pytest.raises(SpecError, match="look_every is -1: 0 or more"):
        default_spec("palindromes", look_every=-1)

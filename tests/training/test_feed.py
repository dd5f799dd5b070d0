"""The state that is carried on: the losses of a loop written out by hand, and a run that goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from unrolled import nn
from unrolled.data import IGNORED, NextCharacter
from unrolled.record import WEIGHTS, open_run
from unrolled.spec import CELLS, RunSpec, build_model, build_task
from unrolled.training import Progress, train
from unrolled.training.feed import build_feed
from unrolled.training.optimisers import clip_gradient
from unrolled.training.processes import join_processes
from unrolled.training.streams import stream

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]
CPU = torch.device("cpu")


@pytest.fixture
def tales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three documents, the last as long as the others together."""
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tales"
    folder.mkdir()
    for name, count in (("a", 3), ("b", 5), ("c", 8)):
        (folder / f"{name}.txt").write_text(f"the tale of the {name} and the owl, " * count)
    return folder


@pytest.mark.parametrize("cell", ["lstm", "gru", "full-peephole"])
def test_training_is_truncated_back_propagation_written_out(
    cell: str, tales: Path, tiny: Tiny, finish: Finish, tmp_path: Path
) -> None:
    spec = tiny(
        "text",
        source=str(tales),
        state="carried",
        cell=cell,
        window=7,
        batch=3,
        steps=50,
        layers=2,
        evaluate_every=50,
        optimiser="sgd",
        learning_rate=0.5,
        schedule="constant",
        sample_every=0,
    )
    finish(spec, name="run", runs=tmp_path)
    task = build_task(spec)
    assert isinstance(task, NextCharacter)
    model = build_model(spec.model, task, stream(spec.training.seed, "weights"))
    feed = build_feed(spec, task, join_processes(CPU, 3))
    losses = []
    state: list[tuple[torch.Tensor, ...] | None] = [None] * 3
    for _ in range(50):
        batch = feed.next()
        assert batch.fresh is not None
        total, asked = torch.zeros(()), int((batch.targets != IGNORED).sum())
        for b in range(3):  # a row at a time, so that none can learn another's state
            before = None if batch.fresh[b] else state[b]
            logits, after = model(batch.inputs[:, b : b + 1], before)
            parts = after if isinstance(after, tuple) else (after,)
            kept = tuple(part.detach() for part in parts)
            state[b] = kept if isinstance(after, tuple) else kept[0]  # type: ignore[assignment]
            total = total + cross_entropy(logits[:, 0], batch.targets[:, b], ignore_index=IGNORED, reduction="sum")
        model.zero_grad()
        (total / asked).backward()
        clip_gradient(list(model.parameters()), spec.training.clip)
        with torch.no_grad():
            for weight in model.parameters():
                weight -= 0.5 * weight.grad
        losses.append(float(total.detach()) / asked)
    (line,) = open_run(tmp_path / "run").metrics("train")
    assert line["loss_nats"] == pytest.approx(sum(losses) / 50, rel=1e-5)
    for name, weight in open_run(tmp_path / "run").weights().items():
        torch.testing.assert_close(weight, model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_every_pass_reads_everything_and_cuts_elsewhere(tales: Path, tiny: Tiny) -> None:
    spec = tiny("text", source=str(tales), state="carried", window=7, batch=3)
    task = build_task(spec)
    assert isinstance(task, NextCharacter)
    feed = build_feed(spec, task, join_processes(CPU, 3))
    passes: dict[int, list[int]] = {}
    for _ in range(200):
        batch = feed.next()
        passes.setdefault(feed.position()["pass"], []).append(int((batch.targets != IGNORED).sum()))
    whole = [sum(counts) for counts in list(passes.values())[:-1]]
    assert len(whole) > 3
    assert set(whole) == {task.corpus.split - 1}
    assert len({tuple(counts) for counts in passes.values()}) > 3


@pytest.mark.parametrize("state", ["windows", "carried"])
def test_a_run_goes_on_bit_for_bit(state: str, tales: Path, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(
        "text",
        source=str(tales),
        state=state,
        window=7,
        batch=3,
        steps=40,
        layers=2,
        dropout=0.2,
        recurrent_dropout=0.2,
        output_dropout=0.1,
        input="embedding",
        tied=True,
        optimiser="adamw",
        schedule="cosine",
        sample_every=10,
    )
    finish(spec, name="whole", runs=tmp_path)
    for progress in train(spec, name="cut", runs=tmp_path):
        if progress.step >= 25:
            break
    assert open_run(tmp_path / "cut").status == "unfinished"
    finish(spec, name="cut", runs=tmp_path, resume=True)
    for name in (WEIGHTS, "samples.jsonl", "summaries.txt"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


OWN = """
import torch

class Mine(torch.nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.read = torch.nn.Linear(input_size, hidden_size)
        self.turn = torch.nn.Linear(hidden_size, hidden_size)

    def forward(self, x, h):
        return torch.tanh(self.read(x) + self.turn(h))
"""


@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
@pytest.mark.parametrize("cell", [*CELLS, "own"])
def test_any_cell_carries_its_state(
    cell: str, precision: str, tales: Path, tiny: Tiny, finish: Finish, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    spec = tiny(
        "text",
        source=str(tales),
        state="carried",
        cell=f"{tmp_path / 'own.py'}:Mine" if cell == "own" else cell,
        precision=precision,
        window=6,
        layers=2,
        dropout=0.1,
        output_dropout=0.1,
        steps=25,
        evaluate_every=25,
        learning_rate=1e-2,
        sample_every=0,
    )
    before, *_, after = train(spec)
    assert before.evaluation is not None
    assert after.evaluation is not None
    assert after.evaluation.carried_loss_nats is not None
    assert before.evaluation.carried_loss_nats is not None
    assert after.evaluation.carried_loss_nats < 0.95 * before.evaluation.carried_loss_nats


def test_a_network_of_ones_own_carries_what_it_keeps(tales: Path, tiny: Tiny, finish: Finish) -> None:
    """torch.nn.LSTM gives the losses of the house's LSTM with its weights."""
    spec = tiny("text", source=str(tales), state="carried", window=6, steps=20, sample_every=0)
    ours = finish(spec)
    task = build_task(spec)
    model = build_model(spec.model, task, stream(spec.training.seed, "weights"))
    theirs = nn.CharacterModel(torch.nn.LSTM(task.symbols, 8, 2), symbols=task.symbols)
    theirs.load_state_dict(model.state_dict())
    other = finish(spec, model=theirs)
    assert other.loss_nats == pytest.approx(ours.loss_nats, rel=1e-4)
    assert other.evaluation is not None
    assert ours.evaluation is not None
    assert other.evaluation.carried_loss_nats == pytest.approx(ours.evaluation.carried_loss_nats, rel=1e-3)

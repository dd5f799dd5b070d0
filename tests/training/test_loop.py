"""The loop: a run learns, is written, stops as asked, resumes bit for bit, and ends in words when it cannot go on."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from unrolled import nn
from unrolled.errors import DivergedError, RecordError, SpecError, TextError, UserCodeError
from unrolled.record import find_run, load_model, open_run
from unrolled.spec import RunSpec, default_spec
from unrolled.training import Progress, train
from unrolled.training.job import LINE_EVERY
from unrolled.training.stopping import Plateau, ReportA

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]


def files(run: Path) -> dict[str, bytes]:
    """What must be equal of two runs of one spec: everything but times, versions and names."""
    kept = {name: (run / name).read_bytes() for name in ("weights.safetensors", "spec.yaml", "samples.jsonl")}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept["metrics"] = json.dumps([{**line, "seconds": 0} for line in lines]).encode()
    result = json.loads((run / "result.json").read_text())
    kept["result"] = json.dumps({**result, "seconds": 0, "steps_per_second": 0}).encode()
    return kept


def train_until(spec: RunSpec, step: int, **options: Any) -> None:
    """Train, and close the generator after ``step`` steps."""
    steps = train(spec, **options)
    for progress in steps:
        if progress.step == step:
            break
    steps.close()


# ── learning ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_network_learns_short_palindromes(finish: Finish) -> None:
    final = finish(default_spec("palindromes", length=4, cell="rnn", hidden=32, batch=64, steps=250, seed=1))
    assert final.evaluation is not None
    assert final.evaluation.solved
    assert final.loss_nats < 0.2
    assert final.accuracy > 0.97


@pytest.mark.parametrize("task", ["binary-palindromes", "random-combinations", "baum-sweet", "copying", "adding"])
def test_every_sampled_task_trains(task: str, tiny: Tiny, finish: Finish) -> None:
    final = finish(tiny(task, steps=2))
    assert (final.step, final.stopped) == (2, "steps")
    assert math.isfinite(final.loss_nats)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("copying", {"delay": 1, "steps": 200, "learning_rate": 1e-2, "hidden": 32, "batch": 32}),
        ("adding", {"length": 4, "steps": 300, "learning_rate": 3e-3, "hidden": 32, "batch": 64}),
    ],
)
def test_several_answers_and_numbers_are_learnt(
    task: str, options: dict[str, Any], tiny: Tiny, finish: Finish, tmp_path: Path
) -> None:
    spec = tiny(task, **options)
    final = finish(spec, name="run", runs=tmp_path)
    model, asked = load_model(open_run(tmp_path / "run"))
    batch = asked.sample(500, torch.Generator().manual_seed(9))
    with torch.no_grad():
        said = model(batch.inputs)
    if task == "adding":
        wrong = (said.squeeze(-1) - batch.targets).abs()
        right, loss = float((wrong <= 0.08).float().mean()), float((wrong**2).mean())
        assert loss < 0.02
    else:
        right = float((said.argmax(-1) == batch.targets).float().mean())
        loss = -float(said.log_softmax(-1).gather(-1, batch.targets.unsqueeze(-1)).mean())
        assert loss < 1.9
    assert final.evaluation is not None
    assert final.evaluation.count == 2000 * asked.answers
    assert final.evaluation.accuracy == pytest.approx(right, abs=0.06)
    assert final.evaluation.loss_nats == pytest.approx(loss, rel=0.2)
    assert final.evaluation.accuracy > asked.majority + 0.1


def test_a_text_trains_and_is_sampled(tale: Path, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny("text", source=str(tale), window=10, steps=6, sample_every=2, layers=1)
    final = finish(spec, name="tale", runs=tmp_path / "runs")
    assert final.run is not None
    assert final.run.spec.task.text_sha256 is not None  # type: ignore[union-attr]
    samples = final.run.samples()
    progress = [sample for sample in samples if sample["kind"] == "progress"]
    assert [sample["step"] for sample in progress] == [0, 2, 4, 6]
    assert all(len(sample["text"]) == 30 and len(sample["start"]) == 1 for sample in progress)
    thirds = [sample for sample in samples if sample["kind"] == "third"]
    assert [sample["step"] for sample in thirds] == [2] * 60 + [4] * 60 + [6] * 60
    assert {(sample["length"], sample["temperature"]) for sample in thirds} == {
        (length, temperature) for length in (30, 40, 60) for temperature in (None, 0.5, 1.0, 2.0)
    }
    assert final.sample == progress[-1]["start"] + progress[-1]["text"]
    evaluation = final.run.metrics("evaluation")[-1]
    assert {"accuracy", "loss_nats", "carried_accuracy", "carried_loss_nats"} <= evaluation.keys()


def test_sampling_does_not_change_what_is_learned(tale: Path, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    specs = [tiny("text", source=str(tale), window=10, steps=9, sample_every=every) for every in (0, 1)]
    for number, spec in enumerate(specs):
        finish(spec, name=str(number), runs=tmp_path)
    first, second = (open_run(tmp_path / name).weights() for name in "01")
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("evaluate_every", "checkpoint_every"), [(7, 500), (500, 3)])
def test_looking_does_not_change_what_is_learned(
    evaluate_every: int, checkpoint_every: int, tiny: Tiny, finish: Finish
) -> None:
    options = {"layers": 2, "dropout": 0.5, "steps": 25}
    plain = finish(tiny(**options)).model
    looked = finish(tiny(**options, evaluate_every=evaluate_every, checkpoint_every=checkpoint_every)).model
    assert plain is not None
    assert looked is not None
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), looked.parameters(), strict=True))


def test_nobody_outside_changes_what_is_learned(tiny: Tiny, finish: Finish, every_step: None) -> None:
    spec = tiny(layers=2, dropout=0.5, steps=12)
    quiet = finish(spec).model
    seen = []
    for progress in train(spec):
        seen.append(progress)
        torch.rand(3)  # somebody who watches draws random numbers of his own
    final = seen[-1]
    assert quiet is not None
    assert final.model is not None
    assert all(torch.equal(a, b) for a, b in zip(quiet.parameters(), final.model.parameters(), strict=True))


def test_training_leaves_the_callers_random_numbers_alone(tiny: Tiny, finish: Finish) -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    finish(tiny(layers=2, dropout=0.5, steps=3))
    assert torch.equal(torch.rand(4), expected)


def test_seeds_differ(tiny: Tiny, finish: Finish) -> None:
    one, two = (finish(tiny(steps=3, seed=seed)) for seed in (1, 2))
    assert one.loss_nats != two.loss_nats


def rates(final: Progress) -> list[float]:
    assert final.run is not None
    return [line["learning_rate"] for line in final.run.metrics("train")]


def test_the_schedule_is_followed(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    options = {"steps": 90, "optimiser": "sgd", "learning_rate": 0.5, "clip": None}
    plain = finish(tiny(**options), name="plain", runs=tmp_path)
    falling = finish(tiny(**options, schedule="cosine"), name="falling", runs=tmp_path)
    assert rates(plain) == [0.5] * 4
    expected = [0.25 * (1 + math.cos(math.pi * (step - 1) / 90)) for step in (30, 50, 60, 90)]
    assert rates(falling) == pytest.approx(expected)
    assert plain.run is not None
    assert falling.run is not None
    moved = [run.weights()["output.weight"] for run in (plain.run, falling.run)]
    assert not torch.equal(*moved)


def test_clipping_acts_on_the_steps(tiny: Tiny, finish: Finish) -> None:
    short, long = (
        finish(tiny(steps=1, optimiser="sgd", learning_rate=1.0, clip=clip)).model for clip in (0.001, 1000.0)
    )
    start = finish(tiny(steps=0)).model
    assert short is not None
    assert long is not None
    assert start is not None

    def distance(model: torch.nn.Module) -> float:
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        return math.sqrt(sum(float((a - b).detach().square().sum()) for a, b in pairs))

    assert distance(short) == pytest.approx(0.001, rel=1e-2)
    assert distance(long) > 0.01


def test_every_evaluation_is_on_fresh_samples(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(optimiser="sgd", learning_rate=1e-30)  # nothing is learned, so only the samples differ
    run = finish(spec, name="still", runs=tmp_path).run
    assert run is not None
    losses = [line["loss_nats"] for line in run.metrics("evaluation")]
    assert len(set(losses)) == 3
    assert max(losses) - min(losses) < 0.1


@pytest.mark.parametrize(("precision", "dtype"), [("float64", torch.float64), ("bf16", torch.float32)])
def test_precisions(precision: str, dtype: torch.dtype, tiny: Tiny, finish: Finish) -> None:
    final = finish(tiny(precision=precision, steps=4))
    plain = finish(tiny(steps=4))
    assert final.model is not None
    assert {weight.dtype for weight in final.model.parameters()} == {dtype}
    assert final.loss_nats == pytest.approx(plain.loss_nats, rel=2e-2)
    assert final.loss_nats != plain.loss_nats


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────


def test_two_runs_of_one_spec_are_byte_equal(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(layers=2, dropout=0.2)
    for name in ("first", "second"):
        finish(spec, name=name, runs=tmp_path)
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_what_a_run_holds(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=120, evaluate_every=75, clip=0.3)
    final = finish(spec, name="whole", runs=tmp_path)
    run = open_run(tmp_path / "whole")
    assert final.run == run
    assert (run.status, run.name) == ("done", "whole")
    assert run.spec == spec
    assert [line["step"] for line in run.metrics("train")] == [LINE_EVERY, 75, 2 * LINE_EVERY, 120]
    assert [line["batches"] for line in run.metrics("train")] == [50, 25, 25, 20]
    assert [line["step"] for line in run.metrics("evaluation")] == [0, 75, 120]
    assert {"loss_nats", "accuracy", "gradient_norm", "clipped_share", "learning_rate", "seconds"} <= run.metrics(
        "train"
    )[0].keys()
    result = run.result
    assert result is not None
    assert (result["stopped"], result["steps"], result["identity"]) == ("steps", 120, spec.identity())
    assert result["evaluation"]["count"] == 2000
    assert result["threads"] == torch.get_num_threads()
    assert result["earlier_surroundings"] == []
    assert result["versions"]["torch"] == torch.__version__
    assert 0 < result["clipped_share"] <= 1
    shares = [line["clipped_share"] * line["batches"] for line in run.metrics("train")]
    assert result["clipped_share"] == pytest.approx(sum(shares) / 120)
    model, task = load_model(run)
    assert task.steps == 9
    assert all(torch.equal(value, run.weights()[key]) for key, value in model.state_dict().items())


def test_nothing_is_written_without_a_name(
    tiny: Tiny, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    final = finish(tiny(steps=3))
    assert list(tmp_path.iterdir()) == []
    assert final.run is None
    assert isinstance(final.model, nn.SequenceClassifier)


def test_no_steps_at_all(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    final = finish(tiny(steps=0), name="untrained", runs=tmp_path)
    assert (final.step, final.stopped) == (0, "steps")
    assert math.isnan(final.loss_nats)
    run = open_run(tmp_path / "untrained")
    assert run.result is not None
    assert run.result["loss_nats"] is None
    assert [line["kind"] for line in run.metrics()] == ["evaluation"]


# ── the end before the last step ─────────────────────────────────────────────────────────────────────────────────


def test_solved_stops_at_the_first_solved_evaluation(finish: Finish, tmp_path: Path) -> None:
    spec = default_spec(
        "palindromes", length=3, cell="rnn", hidden=32, batch=64, steps=2000, stop="solved", evaluate_every=20
    )
    final = finish(spec, name="solved", runs=tmp_path)
    assert final.stopped == "solved"
    assert 0 < final.step < 2000
    accuracies = [line["accuracy"] for line in find_run("solved", tmp_path).metrics("evaluation")]
    assert all(accuracy < 0.99 for accuracy in accuracies[:-1])
    assert accuracies[-1] >= 0.99


def test_perfect_stops_after_perfect_batches(finish: Finish, every_step: None) -> None:
    spec = default_spec(
        "palindromes", length=3, cell="rnn", hidden=32, batch=64, steps=2000, stop="perfect", patience=15
    )
    final = finish(spec)
    assert final.stopped == "perfect"
    assert final.evaluation is not None  # the run is evaluated where it ends
    assert 15 < final.step < 2000


def test_divergence_ends_in_words_and_keeps_the_last_good_weights(tiny: Tiny, tmp_path: Path) -> None:
    spec = tiny(optimiser="sgd", learning_rate=1e38, clip=None, steps=100, checkpoint_every=10)
    seen: list[Progress] = []
    with pytest.raises(DivergedError, match=r"diverged at step \d+: .*; the weights of step \d+ are kept"):
        seen.extend(train(spec, name="wild", runs=tmp_path))
    final = seen[-1]
    assert final.stopped == "diverged"
    run = open_run(tmp_path / "wild")
    assert run.status == "diverged"
    assert run.result is not None
    assert run.result["stopped"] == "diverged"
    weights = run.weights()
    assert all(bool(value.isfinite().all()) for value in weights.values())
    assert final.model is not None
    assert all(torch.equal(value, weights[key]) for key, value in final.model.state_dict().items())
    with pytest.raises(DivergedError, match="diverged at step"):
        list(train(spec, name="wild", runs=tmp_path, resume=True))


class Poisoned(torch.nn.Module):
    """Answers well until a call, and then with nan."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(10))
        self.calls = calls

    def forward(self, tokens: torch.Tensor, lengths: Any = None) -> torch.Tensor:
        logits = self.weight.expand(tokens.shape[1], 10)
        if self.training:
            self.calls -= 1
            return logits * math.nan if self.calls < 0 else logits
        return logits


def test_the_step_that_diverged_is_named_and_the_checkpoint_before_it_kept(tiny: Tiny, tmp_path: Path) -> None:
    spec = tiny(steps=100, checkpoint_every=25, evaluate_every=40)
    with pytest.raises(DivergedError, match=r"diverged at step 63: loss nan.*weights of step 50"):
        list(train(spec, model=Poisoned(62), name="poisoned", runs=tmp_path))
    run = open_run(tmp_path / "poisoned")
    assert run.result is not None
    assert (run.result["steps"], run.result["weights_of_step"]) == (63, 50)


class Runaway(torch.nn.Module):
    """Its first gradient is finite and its first step is not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(10))

    def forward(self, tokens: torch.Tensor, lengths: Any = None) -> torch.Tensor:
        return 1000 * self.weight.expand(tokens.shape[1], 10)


@pytest.mark.parametrize("due", [{"checkpoint_every": 1}, {"evaluate_every": 1}, {}])
def test_weights_that_are_not_finite_are_never_kept(due: dict[str, int], tiny: Tiny, tmp_path: Path) -> None:
    spec = tiny(**{"optimiser": "sgd", "learning_rate": 1e38, "clip": None, "evaluate_every": 500, **due})
    with pytest.raises(DivergedError, match=r"diverged at step [12]: .*; the weights of step 0 are kept"):
        list(train(spec, model=Runaway(), name="runaway", runs=tmp_path))
    assert torch.equal(open_run(tmp_path / "runaway").weights()["weight"], torch.zeros(10))


# ── resuming ─────────────────────────────────────────────────────────────────────────────────────────────────────

VARIANTS: list[dict[str, Any]] = [
    {"optimiser": "sgd", "schedule": "cosine"},
    {"optimiser": "momentum", "learning_rate": 0.1, "stop": "report-a"},
    {"optimiser": "rmsprop", "layers": 2, "dropout": 0.4},
    {"optimiser": "adam", "stop": "plateau", "patience": 1, "weight_decay": 0.01},
    {"optimiser": "adamw", "cell": "gru", "weight_decay": 0.1, "stop": "solved", "clip": 0.5},
    {"optimiser": "adam", "cell": "rnn", "precision": "bf16", "stop": "perfect"},
    {"optimiser": "rmsprop", "cell": "peephole", "precision": "float64", "bidirectional": True},
    {"optimiser": "rmsprop", "cell": "full-peephole", "bias": "one", "input": "embedding"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(str(value) for value in v.values()))
def test_an_interrupted_run_ends_as_if_never_stopped(
    variant: dict[str, Any], tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None
) -> None:
    spec = tiny(**{"steps": 60, "checkpoint_every": 25, **variant})
    finish(spec, name="whole", runs=tmp_path)
    for step in (0, 1, 26, 50):  # one run, interrupted again and again
        train_until(spec, step, name="broken", runs=tmp_path, resume=True)
        assert open_run(tmp_path / "broken").status == "unfinished"
    finish(spec, name="broken", runs=tmp_path, resume=True)
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


@pytest.mark.parametrize(("stop", "patience"), [("perfect", 15), ("plateau", 3), ("report-a", 1)])
def test_an_interrupted_run_stops_where_it_would_have(
    stop: str, patience: int, finish: Finish, tmp_path: Path, every_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReportA, "tolerance", 0.02)
    monkeypatch.setattr(Plateau, "tolerance_nats", 0.1)
    sizes = {"length": 3, "cell": "rnn", "hidden": 32, "batch": 32, "steps": 3000}
    spec = default_spec("palindromes", **sizes, stop=stop, patience=patience, evaluate_every=20)
    whole = finish(spec, name="whole", runs=tmp_path)
    assert whole.stopped == stop
    train_until(spec, whole.step - 5, name="broken", runs=tmp_path)
    broken = finish(spec, name="broken", runs=tmp_path, resume=True)
    assert (broken.stopped, broken.step) == (stop, whole.step)
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


def test_a_run_resumed_elsewhere_says_so(tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None) -> None:
    train_until(tiny(), 5, name="moved", runs=tmp_path)
    torch.set_num_threads(2)
    train_until(tiny(), 9, name="moved", runs=tmp_path, resume=True)
    run = finish(tiny(), name="moved", runs=tmp_path, resume=True).run
    assert run is not None
    assert run.result is not None
    assert run.result["threads"] == 2
    assert [other["threads"] for other in run.result["earlier_surroundings"]] == [1]


def test_an_interrupted_text_run_ends_as_if_never_stopped(
    tale: Path, tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None
) -> None:
    spec = tiny("text", source=str(tale), window=10, steps=12, sample_every=4, checkpoint_every=5, dropout=0.3)
    runs = tmp_path / "runs"
    finish(spec, name="whole", runs=runs)
    for step in (0, 3, 9):
        train_until(spec, step, name="broken", runs=runs, resume=True)
    finish(spec, name="broken", runs=runs, resume=True)
    assert files(runs / "whole") == files(runs / "broken")


def test_what_was_written_after_the_last_checkpoint_is_written_once(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=120, checkpoint_every=40, evaluate_every=30)
    finish(spec, name="whole", runs=tmp_path)
    broken = tmp_path / "broken"
    train_until(spec, 30, name="broken", runs=tmp_path)
    with (broken / "metrics.jsonl").open("ab") as file:  # as a kill leaves it: lines and half a line too many
        file.write(b'{"step": 50, "kind": "train"}\n' * 1000 + b'{"step": 6')
    (broken / ".state.safetensors.1.tmp").write_bytes(b"half")
    finish(spec, name="broken", runs=tmp_path, resume=True)
    assert files(tmp_path / "whole") == files(broken)
    assert not (broken / ".state.safetensors.1.tmp").exists()


def test_resume_of_a_run_that_is_not_there_begins_it(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    assert finish(tiny(steps=2), name="new", runs=tmp_path, resume=True).stopped == "steps"


def test_resume_of_a_finished_run_tells_how_it_ended(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=55)
    first = finish(spec, name="done", runs=tmp_path)
    before = files(tmp_path / "done")
    (again,) = train(spec, name="done", runs=tmp_path, resume=True)
    assert files(tmp_path / "done") == before
    for key in ("step", "steps", "loss_nats", "accuracy", "evaluation", "gradient_norm", "learning_rate", "stopped"):
        assert getattr(again, key) == getattr(first, key), key
    assert again.run == first.run


def test_a_name_that_is_taken(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    finish(tiny(steps=2), name="taken", runs=tmp_path)
    with pytest.raises(RecordError, match=r"'taken' is there already: resume it \(--resume\) or give another name"):
        finish(tiny(steps=2), name="taken", runs=tmp_path)
    with pytest.raises(RecordError, match=r"another spec: model.hidden 8, now 9; training.seed 3, now 4"):
        finish(tiny(steps=2, hidden=9, seed=4), name="taken", runs=tmp_path, resume=True)


def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(
    tiny: Tiny, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny(layers=2, dropout=0.3)
    finish(spec, name="whole", runs=tmp_path)
    step = torch.optim.RMSprop.step
    calls = []

    def interrupted(self: torch.optim.RMSprop, *args: Any) -> Any:
        calls.append(0)
        if len(calls) == 33:
            signal.raise_signal(signal.SIGINT)
        return step(self, *args)

    monkeypatch.setattr(torch.optim.RMSprop, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(spec, name="broken", runs=tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finish(spec, name="broken", runs=tmp_path, resume=True)
    assert files(tmp_path / "whole") == files(tmp_path / "broken")


# ── a network of the user's ──────────────────────────────────────────────────────────────────────────────────────


class Bag(torch.nn.Module):
    """A classifier of one's own: forgets the order, ties nothing, follows the protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 6)
        self.readout = torch.nn.Linear(6, 10)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, tokens: torch.Tensor, lengths: Any = None) -> torch.Tensor:
        if self.training:
            self.seen += tokens.shape[1]
        return self.readout(self.embedding(tokens).mean(0))  # type: ignore[no-any-return]


def bag() -> Bag:
    torch.manual_seed(4)
    return Bag()


def test_a_given_module_trains_and_resumes(tiny: Tiny, finish: Finish, tmp_path: Path, every_step: None) -> None:
    spec = tiny(steps=50)
    module = bag()
    final = finish(spec, model=module, name="whole", runs=tmp_path)
    assert final.model is module
    assert int(module.seen) == 50 * 8
    train_until(spec, 23, model=bag(), name="broken", runs=tmp_path)
    with pytest.raises(RecordError, match="resume it that way"):
        finish(spec, name="broken", runs=tmp_path, resume=True)
    finish(spec, model=bag(), name="broken", runs=tmp_path, resume=True)
    assert files(tmp_path / "whole") == files(tmp_path / "broken")
    with pytest.raises(UserCodeError, match=r"build that module and load run.weights\(\)"):
        load_model(open_run(tmp_path / "whole"))


def test_a_given_module_must_be_able_to_write_where_samples_are_asked_for(
    tale: Path, tiny: Tiny, finish: Finish
) -> None:
    with pytest.raises(UserCodeError, match=r"Bag has no step and no symbols.*set sample_every to 0"):
        finish(tiny("text", source=str(tale), window=5), model=bag())


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "../up", "-x", ".hidden", "a\nb", "x" * 300, "q?"])
def test_names_that_are_no_folders(name: str, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="name is"):
        finish(tiny(steps=1), name=name, runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["cuba", "cuda:99", "cpu:1", "mps" if torch.cuda.is_available() else "cuda"])
def test_devices_that_are_not_there(device: str, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="device is"):
        finish(tiny(steps=1, device=device), name="x", runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_text_too_short_to_hold_anything_out(tale: Path, tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(TextError, match="held-out"):
        finish(tiny("text", source=str(tale), window=1500), name="x", runs=runs)
    assert not runs.exists()

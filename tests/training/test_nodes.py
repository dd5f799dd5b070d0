"""Node classification in the loop: it learns, resumes bit for bit, keeps the best, and the test steers nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from unrolled import data
from unrolled.analysis.node_evaluation import evaluate_nodes
from unrolled.errors import InputError
from unrolled.record import load_model, load_node_model, open_run
from unrolled.spec import LAYERS, RunSpec, build_network, build_task, default_spec
from unrolled.training import Progress, lesson, loop, train
from unrolled.training.optimisers import build_optimiser


def spec_of(**changes: Any) -> RunSpec:
    return default_spec("nodes", **{"graph": "planted:240:3:8", "steps": 30, "labelled": 10, "seed": 2, **changes})


def last(spec: RunSpec, **options: Any) -> Progress:
    return list(train(spec, **options))[-1]


BATCHES: list[dict[str, Any]] = [
    {"batching": "full"},
    {"batching": "neighbours", "fanouts": "4,3", "batch": 7},
    {"batching": "clusters", "parts": 6, "batch": 2},
    {"batching": "neighbours", "fanouts": "4,3", "batch": 7, "setting": "inductive"},
]


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_learns_planted_classes(layer: str) -> None:
    final = last(spec_of(layer=layer, steps=60, dropout=0.2))
    assert final.test is not None
    assert final.evaluation is not None
    assert final.test.count + final.evaluation.count == 240 - 30
    assert final.test.accuracy > 0.55 > 1.5 / 3  # chance is 1/3
    assert final.loss_nats < 0.7


@pytest.mark.parametrize("layer", LAYERS)
def test_bf16_trains_as_float32_does(layer: str) -> None:
    full, half = (last(spec_of(layer=layer, dropout=0.0, precision=precision)) for precision in ("float32", "bf16"))
    assert full.test is not None
    assert half.test is not None
    assert full.loss_nats != half.loss_nats
    assert half.loss_nats == pytest.approx(full.loss_nats, rel=0.1)  # 8 bits of mantissa, 30 steps of Adam
    assert half.test.accuracy == pytest.approx(full.test.accuracy, abs=0.06)


@pytest.mark.parametrize("batches", BATCHES, ids=lambda each: "-".join(map(str, each.values())))
def test_a_resumed_run_ends_as_the_whole_one(
    batches: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(**batches, keep="best", stop="validation", patience=25, checkpoint_every=7)
    whole = last(spec, name="whole", runs=tmp_path)
    monkeypatch.setattr(loop, "SHOW_EVERY_SECONDS", 0.0)
    for stop in (5, 11, 23):
        steps = train(spec, name="cut", runs=tmp_path, resume=True)
        for progress in steps:
            if progress.step >= stop:
                break
        steps.close()
    cut = last(spec, name="cut", runs=tmp_path, resume=True)
    assert (cut.step, cut.weights_of_step, cut.test) == (whole.step, whole.weights_of_step, whole.test)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]
    first, second = (open_run(tmp_path / name).metrics("evaluation") for name in ("whole", "cut"))
    assert [{**line, "seconds": 0} for line in first] == [{**line, "seconds": 0} for line in second]


def test_the_record_answers_as_the_run_did(tmp_path: Path) -> None:
    final = last(spec_of(layer="gat", steps=8), name="one", runs=tmp_path)
    run = open_run(tmp_path / "one")
    model, task = load_node_model(run)
    assert evaluate_nodes(model, task, "test") == final.test
    assert run.result is not None
    assert run.result["test"] == final.test.to_mapping()  # type: ignore[union-attr]
    assert Progress.of(run).test == final.test
    with pytest.raises(InputError, match="no network of cells"):
        load_model(run)


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    spec = spec_of(keep="best", learning_rate=0.05, weight_decay=0.0, dropout=0.0, labelled=2, steps=60)
    final = last(spec, name="one", runs=tmp_path)
    lines = open_run(tmp_path / "one").metrics("evaluation")
    best = min(lines, key=lambda line: line["loss_nats"])
    assert final.weights_of_step == best["step"] < 60
    assert final.evaluation is not None
    assert final.evaluation.loss_nats == best["loss_nats"]
    model, task = load_node_model(open_run(tmp_path / "one"))
    assert evaluate_nodes(model, task, "validation").loss_nats == pytest.approx(best["loss_nats"])


def test_the_best_before_a_stop_is_still_known_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(keep="best", learning_rate=0.05, weight_decay=0.0, dropout=0.0, labelled=2, steps=60)
    whole = last(spec)
    assert whole.weights_of_step < 50
    monkeypatch.setattr(loop, "SHOW_EVERY_SECONDS", 0.0)
    steps = train(spec, name="cut", runs=tmp_path)
    for progress in steps:
        if progress.step >= 50:
            break
    steps.close()
    cut = last(spec, name="cut", runs=tmp_path, resume=True)
    assert (cut.weights_of_step, cut.evaluation, cut.test) == (whole.weights_of_step, whole.evaluation, whole.test)


def test_test_labels_change_nothing_but_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(stop="validation", patience=5, keep="best", steps=40)
    plain = last(spec)

    def scrambled(asked: RunSpec) -> data.Question:
        task = build_task(asked)
        assert isinstance(task, data.NodeClassification)
        task.labels = task.labels.clone()
        task.labels[task.nodes["test"]] = 0
        return task

    monkeypatch.setattr(loop, "build_task", scrambled)
    other = last(spec)
    assert (other.step, other.weights_of_step) == (plain.step, plain.weights_of_step)
    assert other.evaluation == plain.evaluation
    assert other.test != plain.test
    assert plain.model is not None
    assert other.model is not None
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), other.model.parameters(), strict=True))


def test_the_test_nodes_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    evaluate = lesson.evaluate_batch

    def counting(model: torch.nn.Module, batch: data.NodeBatch) -> Any:
        asked.append(len(batch.asked))
        return evaluate(model, batch)

    monkeypatch.setattr(lesson, "evaluate_batch", counting)
    final = last(spec_of(steps=6))
    assert final.test is not None
    assert asked.count(final.test.count) == 1
    assert asked[-1] == final.test.count


def test_only_the_first_layer_decays() -> None:
    spec = spec_of(weight_decay=0.5, optimiser="sgd", learning_rate=0.1)
    model = build_network(spec, build_task(spec), torch.Generator().manual_seed(0))
    layers: Any = model.layers
    undecayed = list(layers[1].parameters())
    optimiser = build_optimiser(list(model.parameters()), spec.training, undecayed)
    before = [weight.detach().clone() for weight in model.parameters()]
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    first = {id(weight) for weight in layers[0].parameters()}
    for weight, old in zip(model.parameters(), before, strict=True):
        assert torch.allclose(weight, old * (0.95 if id(weight) in first else 1.0))


def test_the_same_seed_draws_the_same_weights_and_leaves_other_draws_alone() -> None:
    spec = spec_of(layer="gat")
    task = build_task(spec)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = build_network(spec, task, torch.Generator().manual_seed(1))
    assert torch.equal(torch.rand(3), expected)
    second = build_network(spec, task, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_changed_graph_is_not_continued_on(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "e.csv", tmp_path / "n.csv"
    edges.write_text("source,target\n" + "".join(f"{n},{(n * 3 + 1) % 20}\n" for n in range(20)))
    nodes.write_text("node,label\n" + "".join(f"{n},{n % 2}\n" for n in range(20)))
    spec = spec_of(graph=str(edges), nodes=str(nodes), labelled=3, steps=2)
    run = last(spec, name="one", runs=tmp_path).run
    assert run is not None
    nodes.write_text(nodes.read_text().replace("19,1", "19,0"))
    with pytest.raises(InputError, match="has hash"):
        last(run.spec)


def test_float64_and_a_network_of_ones_own() -> None:
    final = last(spec_of(precision="float64", steps=2))
    assert final.model is not None
    assert {weight.dtype for weight in final.model.parameters()} == {torch.float64}

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = torch.nn.Linear(32, 3)

        def forward(self, x: torch.Tensor, graph: Any) -> torch.Tensor:
            return self.lin(graph.operator("random-walk", self_loops="add") @ x)

    spec = spec_of(steps=30)
    own = last(dataclasses.replace(spec, training=dataclasses.replace(spec.training, decay="all")), model=Own())
    assert own.test is not None
    assert own.test.accuracy > 0.5
    with pytest.raises(InputError, match="has no layers"):
        last(spec, model=Own())

"""The page of a run over a text, from a run that was trained."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from unrolled.record import open_run
from unrolled.report.runs import view_run
from unrolled.report.text import view_text
from unrolled.spec import default_spec
from unrolled.training import train

WORDS = "the king said to his daughter that the frog was in the well and she wept for her golden ball. "


def test_of_a_run_that_keeps_the_best_weights_all_figures_are_theirs(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(WORDS * 15 + "zyx" * 70)  # what is learnt makes the held-out end unlikely
    spec = default_spec(
        "text",
        source=str(tmp_path / "tale.txt"),
        window=8,
        hidden=8,
        layers=1,
        batch=4,
        steps=30,
        evaluate_every=10,
        sample_every=30,
        keep="best",
        learning_rate=0.02,
    )
    for _ in train(spec, name="tale", runs=tmp_path):
        pass
    run = open_run(tmp_path / "tale")
    assert run.result is not None
    best, last = run.result["evaluation"], run.metrics("evaluation")[-1]
    kept = run.weights_of_step()
    assert (kept, last["step"]) == (0, 30)
    assert best["loss_nats"] < last["loss_nats"]
    view = view_run(run)
    orders, copies, loops = view.tables
    assert orders.title == f"Held out: tables and the network after {kept} steps"
    assert orders.rows[-2][2] == f"{best['loss_nats'] / math.log(2):.3f}"
    assert view.outcome.endswith(f"on held-out text, with the weights of step {kept}.")
    assert view.evaluation is not None
    assert view.evaluation.title == f"Evaluation of the weights of step {kept}"
    assert copies.caption == f"Of the samples of step 30. The run ended with the weights of step {kept}."
    assert loops.caption == f"With the weights of step {kept}."
    assert view.figures[-1].caption.endswith(f"With the weights of step {kept}.")


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_tables_places_copies_and_loops(vocabulary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tale.txt").write_text("Sleeping beauty is asleep. " + WORDS * 30)
    spec = default_spec(
        "text",
        source=str(tmp_path / "tale.txt"),
        vocabulary=vocabulary,
        state="carried",
        window=8,
        hidden=8,
        layers=1,
        batch=4,
        steps=3,
        sample_every=3,
    )
    for _ in train(spec, name="tale", runs=tmp_path):
        pass
    run = open_run(tmp_path / "tale")
    view = view_text(run)
    assert view.note == ""
    orders, copies, loops = view.tables
    assert [row[0] for row in orders.rows] == [
        *(f"order {k}" for k in range(10)),
        "network, zero state",
        "network, state carried on",
    ]
    assert run.result is not None
    last = run.result["evaluation"]
    assert [row[1:] for row in orders.rows[-2:]] == [
        (f"{last[f'{which}accuracy']:.3f}", f"{last[f'{which}loss_nats'] / math.log(2):.3f}")
        for which in ("", "carried_")
    ]
    assert orders.rows[-2][1:] != orders.rows[-1][1:]
    assert ("byte" in orders.header[2]) == (vocabulary == "bytes")
    evaluation = view_run(run).evaluation
    assert evaluation is not None
    assert evaluation.rows[-1][0] == f"bits per {'byte' if vocabulary == 'bytes' else 'character'}, state carried on"
    assert [row[0] for row in copies.rows] == [f"{t}, 15 samples" for t in ("greedy", "T = 0.5", "T = 1", "T = 2")]
    assert len(loops.rows) == 5
    (places,) = view.figures
    assert len(places.curves[0].x) == 8
    assert len(view.samples) == 3 * 4
    accuracy, _, gradient, *_ = view_run(run).figures
    assert gradient.caption == f"Clipped above 5 at {run.result['clipped_share']:.1%} of the steps."
    assert gradient.levels == ()
    assert [curve.label for curve in accuracy.curves[-2:]] == ["held-out text", "held-out text, state carried on"]
    assert accuracy.curves[-1].y[-1] == last["carried_accuracy"]
    # the text is gone
    (tmp_path / "tale.txt").write_text("another text " * 90)
    view = view_text(run)
    gone = view.note.startswith("The text cannot be read again: the text ")
    assert gone == (vocabulary == "characters")  # bytes were put on the shelf
    assert len(view.samples) == 12

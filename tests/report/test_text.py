"""The page of a run over a text, from a run that was trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from unrolled.record import open_run
from unrolled.report.text import view_text
from unrolled.spec import default_spec
from unrolled.training import train

WORDS = "the king said to his daughter that the frog was in the well and she wept for her golden ball. "


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
    assert ("byte" in orders.header[2]) == (vocabulary == "bytes")
    assert [row[0] for row in copies.rows] == [f"{t}, 15 samples" for t in ("greedy", "T = 0.5", "T = 1", "T = 2")]
    assert len(loops.rows) == 5
    (places,) = view.figures
    assert len(places.curves[0].x) == 8
    assert len(view.samples) == 3 * 4
    # the text is gone
    (tmp_path / "tale.txt").write_text("another text " * 90)
    view = view_text(run)
    gone = view.note.startswith("The text cannot be read again: the text ")
    assert gone == (vocabulary == "characters")  # bytes were put on the shelf
    assert len(view.samples) == 12

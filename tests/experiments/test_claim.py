"""Values that go to JSON and come back the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from unrolled.errors import RecordError, StorageError
from unrolled.experiments import (
    ClaimResult,
    Curve,
    Figure,
    Heat,
    Row,
    Table,
    Text,
    read_result,
    result_path,
    seed_curves,
    write_result,
)

RESULT = ClaimResult(
    claim="memory",
    budget="quick",
    title="Memory",
    question="How long?",
    command="unrolled reproduce memory",
    answer="Ten.",
    rows=(Row("a", "b", "c", "reproduced", "d"), Row("e", "", "f", "measured")),
    figures=(
        Figure(
            "t",
            "x",
            "y",
            (Curve("RNN", (1.0, 2.0), (0.1, 1e-30), "thin dashed", 2),),
            levels=((0.1, "chance"),),
            x_ticks=((1.0, "one"),),
            heat=Heat(((0.0, 1.0),), 0, 1, "f"),
            contours=(Curve("", (0.0,), (1.0,)),),
            sources=("r",),
        ),
    ),
    tables=(Table("T", ("h",), (("1",),)),),
    texts=(Text("s", ("a\n\ufeff\x07", "")),),
    runs=("r",),
    identities=("0123",),
    cells=("mine.py:My",),
    shortened=("steps",),
    failed=("one",),
    seconds=1.5,
)


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write_result(tmp_path, RESULT)
    assert path == result_path(tmp_path, "memory", "quick") == tmp_path / "claims" / "memory-quick.json"
    assert read_result(path) == RESULT


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"claim": 3}', b"\xff\xfe", b'{"claim":"a","budget":"huge"}'])
def test_what_is_no_result_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"x\.json"):
        read_result(path)


def test_a_missing_result(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="nothing"):
        read_result(tmp_path / "nothing.json")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("a file in the way")
    with pytest.raises(StorageError, match="claims"):
        write_result(tmp_path, RESULT)


def test_verdicts_are_counted() -> None:
    assert [RESULT.count(verdict) for verdict in ("reproduced", "differs", "not reached", "measured")] == [1, 0, 0, 1]


def test_a_curve_has_as_many_x_as_y() -> None:
    with pytest.raises(ValueError, match="2 x and 1 y"):
        Curve("c", (1.0, 2.0), (1.0,))


def test_the_median_holds_a_run_that_ended_early_at_its_last_value() -> None:
    seeds = [((1, 2, 3, 4), (0.1, 0.2, 0.3, 0.4)), ((1, 2), (0.5, 1.0)), ((1, 2, 3, 4), (0.0, 0.0, 0.35, 0.9))]
    *thin, bold = seed_curves("RNN", seeds, tone=3)
    assert [curve.style for curve in thin] == ["thin"] * 3
    assert [len(curve.x) for curve in thin] == [4, 2, 4]
    assert (bold.style, bold.label, bold.tone) == ("line", "RNN", 3)
    assert bold.x == (1, 2, 3, 4)
    assert bold.y == (0.1, 0.2, 0.35, 0.9)


def test_one_seed_is_its_own_median_and_none_is_no_curve() -> None:
    (only,) = seed_curves("RNN", [((1, 2), (0.1, 0.2))], tone=0, dashed=True)
    assert (only.style, only.y) == ("dashed", (0.1, 0.2))
    assert seed_curves("RNN", [((), ())], tone=0) == ()

"""Files of results: what is read back is what was written, and what is damaged or foreign is said to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from unrolled.catalogue import ResultRow, ResultsFile, read_results, write_results
from unrolled.errors import RecordError, StorageError
from unrolled.record import open_run
from unrolled.spec import default_spec
from unrolled.training import train


def row(task: str = "palindromes", *, result: dict[str, Any] | None = None, **changes: Any) -> ResultRow:
    """A finished run that nobody trained."""
    spec = default_spec(task, **changes)
    said = {
        "format": 1,
        "identity": spec.identity(),
        "stopped": "solved",
        "steps": 7,
        "solved": True,
        "evaluation": {"accuracy": 0.995, "loss_nats": 0.1 + 0.2, "count": 2000},
        "seconds": 1.25,
        "threads": 1,
        "versions": {"unrolled": "0.1", "torch": "2.13.0"},
    }
    return ResultRow(spec, {**said, **(result or {})})


ROWS = (
    row(length=5, seed=1),
    row(length=5, seed=2, cell="rnn", clip=None, result={"stopped": "steps", "solved": False, "note": "ä ≠ 'a'\n"}),
    row("nodes", graph="karate", result={"test": {"accuracy": 0.5}}),
    row("text", source="it's [a] tale?.txt", result={"stopped": "diverged", "evaluation": None, "vocabulary": '\n"é'}),
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "it's a [file]*.parquet"
    write_results(path, (*ROWS, ROWS[0]))
    read = read_results(path)
    assert {each.identity: each for each in read} == {each.identity: each for each in ROWS}
    assert len(read) == len(ROWS)
    write_results(tmp_path / "none.parquet", ())
    assert read_results(tmp_path / "none.parquet") == ()


def test_the_flat_columns_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_results(path, ROWS)
    query = "SELECT task, network, length, seed, clip, steps, asked_steps, solved_step, accuracy, test_accuracy, status"
    found = duckdb.sql(f"{query} FROM '{path}' ORDER BY ALL").fetchall()
    assert found == [
        ("nodes", "gcn", None, 0, None, 7, 200, 7, 0.995, 0.5, "done"),
        ("palindromes", "lstm", 5, 1, 10.0, 7, 10_000, 7, 0.995, None, "done"),
        ("palindromes", "rnn", 5, 2, None, 7, 10_000, None, 0.995, None, "done"),
        (
            "text",
            "lstm",
            None,
            0,
            ROWS[3].spec.training.clip,
            7,
            ROWS[3].spec.training.steps,
            None,
            None,
            None,
            "diverged",
        ),
    ]


def test_a_row_of_a_run(tmp_path: Path) -> None:
    spec = default_spec("palindromes", hidden=4, batch=4, steps=3)
    run = list(train(spec, name="run", runs=tmp_path))[-1].run
    assert run is not None
    assert run.result is not None
    kept = ResultRow.of(run)
    write_results(tmp_path / "kept.parquet", [kept])
    assert read_results(tmp_path / "kept.parquet") == (ResultRow(run.spec, run.result),)
    told = (kept.status, kept.steps, kept.solved, kept.solved_step, kept.accuracy, kept.threads, kept.version)
    result = run.result
    seen = (result["evaluation"]["accuracy"], result["threads"], result["versions"]["unrolled"])
    assert told == ("done", 3, False, None, *seen)
    (run.path / "result.json").unlink()
    with pytest.raises(RecordError, match="is not done"):
        ResultRow.of(open_run(run.path))


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_damage_is_one_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows.parquet"
    write_results(path, ROWS)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RecordError) as caught:
        read_results(path)
    assert "rows.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_foreign_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    with pytest.raises(RecordError, match="no file of results at"):
        read_results(path)
    duckdb.sql(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    with pytest.raises(RecordError, match="was not written by unrolled"):
        read_results(path)
    duckdb.sql(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet, KV_METADATA {{unrolled_results: '2'}})")
    with pytest.raises(RecordError, match="has format 2; this version reads format 1"):
        read_results(path)
    exchanged = ResultRow(ROWS[0].spec, ROWS[1].result)
    write_results(path, [exchanged])
    with pytest.raises(RecordError, match="is beside another spec"):
        read_results(path)


def test_a_file_that_grows_from_two_sides(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with ResultsFile(path) as one, ResultsFile(path) as other:
        one.add(ROWS[0])
        other.add(ROWS[1])
        one.add(ROWS[2])
        other.add(ROWS[0])
    assert {each.identity for each in read_results(path)} == {each.identity for each in ROWS[:3]}
    untouched = path.stat()
    with ResultsFile(path) as again:
        again.add(ROWS[0])
    assert path.stat().st_mtime_ns == untouched.st_mtime_ns
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]
    with pytest.raises(StorageError, match="does not exist"):
        ResultsFile(tmp_path / "nowhere" / "rows.parquet")


def test_duckdb_is_imported_when_it_is_asked() -> None:
    rooms = "import sys, unrolled, unrolled.catalogue, unrolled.cli.sweep, unrolled.cli.runs"
    script = f"{rooms}; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

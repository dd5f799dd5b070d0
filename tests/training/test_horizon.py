"""The search with real runs: it finds an end, trains nothing twice, and says where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from unrolled.analysis.horizon import Horizon, Search
from unrolled.catalogue import ResultRow, read_results
from unrolled.record import list_runs
from unrolled.spec import RunSpec
from unrolled.training import Progress, find_horizon

Tiny = Callable[..., RunSpec]


@pytest.mark.conformance
def test_the_end_of_a_short_training(tiny: Tiny, tmp_path: Path) -> None:
    def specs(size: int) -> Sequence[RunSpec]:
        options = {"cell": "rnn", "hidden": 24, "batch": 64, "steps": 30, "evaluate_every": 30, "learning_rate": 4e-3}
        return [tiny(length=size, seed=seed, stop="solved", **options) for seed in range(1)]

    search = Search(first=2, least=2, most=30, need=1, precision=0.9)

    def found() -> tuple[list[Horizon], list[tuple[RunSpec, object]]]:
        told = list(find_horizon(search, specs, runs=tmp_path / "runs", results=tmp_path / "kept.parquet", workers=1))
        return [each for each in told if isinstance(each, Horizon)], [e for e in told if not isinstance(e, Horizon)]

    horizons, news = found()
    end = horizons[-1]
    assert horizons[0].tried == ()
    assert end.next_size is None
    assert end.below is not None and end.above is not None
    assert 2 <= end.below.size < end.above.size <= 30
    assert (end.below.solved, end.above.solved) == (1, 0)
    assert len([told for _, told in news if isinstance(told, ResultRow)]) == len(end.tried)
    assert len(read_results(tmp_path / "kept.parquet")) == len(list_runs(tmp_path / "runs")) == len(end.tried)

    again, told = found()
    assert again[-1] == end
    assert not any(isinstance(each, Progress) for _, each in told), "nothing is trained twice"

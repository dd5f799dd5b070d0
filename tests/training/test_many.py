"""Many runs at once: each once, the same as alone, and one that fails takes no other with it."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from unrolled.errors import UnrolledError, UserCodeError
from unrolled.record import Run, list_runs
from unrolled.spec import RunSpec
from unrolled.training import Failure, Progress, default_workers, run_all, train
from unrolled.training.engines.engine import Ended, Engine, Order, carry_out
from unrolled.training.many import run_name

Tiny = Callable[..., RunSpec]
Finish = Callable[..., Progress]

CELL = """
import {module}
import torch
class Cell(torch.nn.RNNCell):
    def forward(self, x, state):
        {act}
        return super().forward(x, state)
"""


def test_each_run_is_made_once_and_a_death_takes_nobody_with_it(
    tiny: Tiny, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    handler, pool = signal.getsignal(signal.SIGINT), tmp_path / "pool"
    deadly = tmp_path / "deadly.py"
    deadly.write_text(CELL.format(module="os, signal", act="os.kill(os.getpid(), signal.SIGKILL)"))
    done, begun, twice = tiny(seed=1), tiny(seed=2), tiny(seed=3)
    wild = tiny(optimiser="sgd", learning_rate=1e38, clip=None)
    specs = [done, tiny(cell=f"{deadly}:Cell"), begun, twice, twice, wild]
    finish(done, name="by-hand", runs=pool)
    steps = train(begun, name=run_name(begun), runs=pool)
    next(steps)
    next(steps)
    steps.close()

    ends = [(spec, told) for spec, told in run_all(specs, runs=pool) if not isinstance(told, Progress)]

    assert sorted(specs.index(spec) for spec, _ in ends) == [0, 1, 2, 3, 3, 5]
    told = {specs.index(spec): end for spec, end in ends}
    death = told.pop(1)
    assert isinstance(death, Failure)
    assert "2 workers" in str(death.error)
    assert "died, the last with exit code -9" in str(death.error)
    assert death.run is not None
    assert death.run.status == "unfinished"
    runs = {index: end for index, end in told.items() if isinstance(end, Run)}
    assert {index: run.status for index, run in runs.items()} == {0: "done", 2: "done", 3: "done", 5: "diverged"}
    assert runs[0].name == "by-hand"
    for index in (2, 3):
        finish(specs[index], name=str(index), runs=tmp_path / "alone")
        alone = (tmp_path / "alone" / str(index) / "weights.safetensors").read_bytes()
        assert (runs[index].path / "weights.safetensors").read_bytes() == alone
    assert runs[2].result is not None
    assert runs[2].result["threads"] == 1
    assert "OMP_NUM_THREADS" not in os.environ
    assert signal.getsignal(signal.SIGINT) is handler
    again = list(run_all([done, begun, twice, wild], runs=pool))  # nothing is left to do, so no worker is hired
    assert {id(spec): end for spec, end in again} == {
        id(spec): runs[index] for spec, index in ((done, 0), (begun, 2), (twice, 3), (wild, 5))
    }


class Silent(Engine):
    """Trains here, and says nothing but that it has ended."""

    workers = 1

    def train(self, orders: Sequence[Order]) -> Generator[tuple[Order, Progress | Ended], None, None]:
        for order in orders:
            for _ in carry_out(order):
                pass
            yield order, Ended()


def test_a_run_that_was_over_before_anybody_looked_was_trained_all_the_same(tiny: Tiny, tmp_path: Path) -> None:
    specs = [tiny(steps=1), tiny(steps=1, seed=9)]
    kinds = [(spec, type(told)) for spec, told in run_all(specs, runs=tmp_path, engine=Silent())]
    assert kinds == [(spec, kind) for spec in specs for kind in (Progress, Run)]
    again = [type(told) for _, told in run_all(specs, runs=tmp_path, engine=Silent())]
    assert again == [Run, Run]  # these were there


def test_any_error_in_a_run_becomes_one_of_ours(tiny: Tiny, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.py"
    faulty.write_text(CELL.format(module="math", act="raise LookupError('no luck')"))
    with pytest.raises(StopIteration) as end:
        next(carry_out(Order(tiny(cell=f"{faulty}:Cell"), "run", tmp_path / "runs")))
    ended = end.value.value
    assert isinstance(ended, Ended)
    error = ended.error
    assert isinstance(error, UnrolledError)
    assert "no luck" in str(error)
    pickle.loads(pickle.dumps(error))


def test_what_cannot_be_resolved_is_said_at_once(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError):
        next(run_all([tiny(cell="nowhere.py:Cell")], runs=tmp_path))


def test_closing_leaves_runs_that_resume(tiny: Tiny, finish: Finish, tmp_path: Path) -> None:
    spec = tiny(steps=100_000, checkpoint_every=100_000)
    told = run_all([spec, tiny(steps=100_000, seed=9)], runs=tmp_path, workers=1)
    for _, progress in told:
        assert isinstance(progress, Progress)
        if progress.step > 0:
            break
    began = time.monotonic()
    told.close()
    assert time.monotonic() - began < 25
    (run,) = list_runs(tmp_path)
    assert run.status == "unfinished"
    assert run.weights()  # of the checkpoint that the worker made when it was told to stop


def test_processors_are_counted() -> None:
    assert 1 <= default_workers() <= min(8, os.cpu_count() or 1)

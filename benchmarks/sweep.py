"""What does a sweep cost beside its runs, how long do 1000 trivial runs take, and how long a look at 10 000?

    python benchmarks/sweep.py                      all three
    python benchmarks/sweep.py overhead trivial records
    options: --workers 2  --rounds 3  --check  --write

*Overhead*: the same runs by a sweep, and by hand: as many plain Python processes of one thread as the sweep has
workers, each training its share one after another with `unrolled.train`.  Both begin with nothing started, in turns;
the time is from the start to the last result, a sweep's over the hand's.  *Trivial*: a thousand runs of five steps.
*Records*: ten thousand finished runs (a real one, copied under other seeds) listed and asked in SQL.  ``--write`` keeps
the table in benchmarks/results/sweep.md, ``--check`` ends with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import unrolled
from unrolled.catalogue import ask
from unrolled.record import list_runs, write_whole
from unrolled.spec import RunSpec, default_spec, dump_yaml, parse, read_yaml
from unrolled.training import run_all

RESULTS = Path(__file__).with_name("results")
BOUNDS = {"overhead": 1.05, "trivial": 180.0, "list": 10.0, "sql": 10.0}
"""The sweep over the hand; seconds of a thousand runs; seconds of a look at ten thousand."""

RUNS = 12
BY_HAND = """
import sys
from pathlib import Path
import torch
import unrolled
from unrolled.spec import parse, read_yaml

torch.set_num_threads(1)
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    for progress in unrolled.train(parse(read_yaml(folder / f"{name}.yaml")), name=name, runs=folder):
        pass
"""


def specs() -> list[RunSpec]:
    """Runs of some ten seconds: palindromes of 20 digits, 400 steps."""
    return [default_spec("palindromes", length=20, hidden=128, steps=400, seed=seed) for seed in range(RUNS)]


def by_sweep(folder: Path, workers: int) -> None:
    """Let a sweep make them."""
    for _ in run_all(specs(), runs=folder, workers=workers, threads=1):
        pass


def by_hand(folder: Path, workers: int) -> None:
    """One process a share, started at once."""
    for number, spec in enumerate(specs()):
        (folder / f"{number}.yaml").write_text(dump_yaml(spec), encoding="utf-8")
    shares = [[str(number) for number in range(first, RUNS, workers)] for first in range(workers)]
    going = [subprocess.Popen([sys.executable, "-c", BY_HAND, str(folder), *share]) for share in shares]
    for process in going:
        assert process.wait() == 0


def seconds(work: Callable[[Path, int], None], workers: int) -> float:
    """In a fresh folder; all runs must have come to their end."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        work(Path(folder), workers)
        took = time.perf_counter() - began
        assert sum(run.result is not None for run in list_runs(folder)) == RUNS
    return took


def overhead(workers: int, rounds: int) -> Iterator[tuple[str, float, str]]:
    """The sweep's time over the hand's."""
    pairs = [(seconds(by_sweep, workers), seconds(by_hand, workers)) for _ in range(rounds)]
    ratios = [ours / theirs for ours, theirs in pairs]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    yield (
        "overhead",
        statistics.median(ratios),
        f"{RUNS} runs: sweep {ours:.1f} s, by hand {theirs:.1f} s, ratios {min(ratios):.3f} to {max(ratios):.3f}",
    )


def trivial(workers: int, rounds: int) -> Iterator[tuple[str, float, str]]:
    """A thousand runs of five steps."""
    tiny = [default_spec("palindromes", length=4, hidden=8, batch=8, steps=5, seed=seed) for seed in range(1000)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for _ in run_all(tiny, runs=folder, workers=workers, threads=1):
            pass
        took = time.perf_counter() - began
        assert sum(run.result is not None for run in list_runs(folder)) == 1000
    yield "trivial", took, "1000 runs of 5 steps, seconds"


def records(workers: int, rounds: int) -> Iterator[tuple[str, float, str]]:
    """Ten thousand finished runs."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for _ in unrolled.train(default_spec("palindromes", length=4, hidden=8, batch=8, steps=5), name="0", runs=root):
            pass
        mapping = read_yaml(root / "0" / "spec.yaml")
        for number in range(1, 10_000):
            mapping["training"]["seed"] = number
            shutil.copytree(root / "0", root / str(number))
            (root / str(number) / "spec.yaml").write_text(dump_yaml(parse(mapping)), encoding="utf-8")
        for name, work in (
            ("list", lambda: len(list_runs(root))),
            ("sql", lambda: ask("SELECT cell, count(*), avg(accuracy) FROM runs GROUP BY ALL", root)),
        ):
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                work()
                times.append(time.perf_counter() - began)
            yield name, statistics.median(times), f"10 000 runs, seconds, {min(times):.1f} to {max(times):.1f}"


PARTS = {"overhead": overhead, "trivial": trivial, "records": records}


def main() -> int:
    """Measure, print the table, and hold it to its bounds where that is asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = ["| what | found | bound | |", "|-|-|-|-|"]
    missed = []
    print(*rows, sep="\n")
    for part in options.parts or PARTS:
        for name, value, words in PARTS[part](options.workers, options.rounds):
            rows.append(f"| {name} | {value:.3g} | {BOUNDS[name]:g} | {words} |")
            print(rows[-1], flush=True)
            if value > BOUNDS[name]:
                missed.append(f"{name}: {value:.3g}, bound {BOUNDS[name]:g}")
    if options.write:
        write_whole(RESULTS / "sweep.md", "\n".join(rows) + f"\n\n{options.workers} workers of one thread.\n")
    print(*missed, sep="\n")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())

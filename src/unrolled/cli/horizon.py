"""``unrolled horizon``: the longest that a network still solves, without a full grid."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from unrolled.cli.exit_codes import FAILED, INTERRUPTED
from unrolled.cli.memory_options import cells_of, settings_of
from unrolled.cli.numbers import require_least

if TYPE_CHECKING:
    from unrolled.analysis.horizon import Horizon
    from unrolled.analysis.memory import SizeReading

__all__ = ["horizon"]


def horizon(
    task: str = "palindromes",
    *,
    cell: str = "lstm",
    settings: str = "healthy",
    seeds: int = 3,
    need: int | None = None,
    first: int = 10,
    most: int = 1000,
    precision: float = 0.1,
    steps: int = 4000,
    results: Path | None = None,
    runs: Path = Path("runs"),
    workers: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Find the longest size of a task that a network still solves, by doubling and halving.

    Args:
        task: palindromes, binary-palindromes, random-combinations, baum-sweet, copying or adding.
        cell: which cells, as rnn,lstm; yours as path/to/file.py:MyCell.
        settings: healthy, published or long.
        seeds: n, of each size that is tried.
        need: k, how many of them have to solve it (default: more than half).
        first: the size to begin with.
        most: the largest to try.
        precision: the width of the last gap, as a share of the longest solved size.
        steps: most optimiser steps of a run.
        results: a file of results whose rows count as done, and to which rows are added.
        runs: folder of runs.
        workers: processes of one thread each (default: one a processor, at most 8).
        as_json: as JSON, for programs.
    """
    from unrolled.analysis.horizon import Horizon, Search
    from unrolled.cli.memory_runs import Collected
    from unrolled.errors import InputError
    from unrolled.experiments.memory_specs import least_size, memory_spec
    from unrolled.experiments.readings import cell_name
    from unrolled.spec import TASKS, RunSpec
    from unrolled.training import default_workers, find_horizon

    require_least(seeds=seeds, steps=steps, workers=workers, need=need)
    least, chosen = least_size(task), settings_of(settings)
    need = seeds // 2 + 1 if need is None else need
    if len(chosen) != 1:
        raise InputError(f"settings is {settings!r}: one of them at a time")
    if need > seeds:
        raise InputError(f"need is {need} but seeds is {seeds}: as many at most")
    if not least <= first <= most:
        raise InputError(f"first is {first}: from {least} to most, which is {most}")
    if not 0 <= precision < 1:
        raise InputError(f"precision is {precision}: a share from 0 to below 1")
    console = Console(highlight=False, stderr=as_json)
    search = Search(first=first, least=least, most=most, need=need, precision=precision)
    collected = Collected(console)
    ends: dict[str, Horizon] = {}
    name = str(TASKS[task].size)
    for network in cells_of(cell):

        def specs(size: int, network: str = network) -> list[RunSpec]:
            return [memory_spec(task, chosen[0], network, size, seed, steps) for seed in range(seeds)]

        news = find_horizon(
            search,
            specs,
            results=results,
            runs=runs,
            workers=workers or default_workers(),
        )
        try:
            with collected.drawing(), contextlib.closing(news):
                for told in news:
                    if not isinstance(told, Horizon):
                        collected.show(*told)
                        continue
                    ends[network] = told
                    if told.next_size is not None:
                        collected.expect(specs(told.next_size))
                        if told.tried:
                            console.print(Text(f"{cell_name(network)}: next {name} {told.next_size}"), soft_wrap=True)
        except KeyboardInterrupt:
            print("stopped; the same command goes on, and does nothing twice", file=sys.stderr)
            return INTERRUPTED
        if not as_json:
            console.print(Text(f"{cell_name(network)}, {chosen[0]}: {_told(ends[network], name)}"), soft_wrap=True)
    if as_json:
        print(json.dumps({network: _mapping(end) for network, end in ends.items()}, indent=1))
    return FAILED if collected.failed else 0


def _told(end: Horizon, name: str) -> str:
    """The bracket with how sure it is."""
    if end.below is None:
        parts = [f"no {name} that was tried is solved by {end.need} seeds"]
    else:
        parts = [f"solves {name} {_reading(end.below)}"]
    if end.above is not None:
        parts.append(f"not {_reading(end.above)}")
    elif end.next_size is None:
        parts.append("which is the largest that was to be tried")
    if end.gaps:
        parts.append(f"though it fails at {', '.join(map(str, end.gaps))} in between: the end is not sharp")
    return "; ".join(parts)


def _reading(reading: SizeReading) -> str:
    low, high = reading.interval
    return (
        f"{reading.size} on {reading.solved} of {reading.count} seeds (the rate is {low:.2f} to {high:.2f} with 95 % "
        "confidence)"
    )


def _mapping(end: Horizon) -> dict[str, object]:
    def mapping(reading: SizeReading | None) -> dict[str, object] | None:
        if reading is None:
            return None
        return {
            "size": reading.size,
            "solved": reading.solved,
            "seeds": reading.count,
            "interval": reading.interval,
            "median_steps": reading.median_steps,
        }

    return {
        "need": end.need,
        "solved": mapping(end.below),
        "not_solved": mapping(end.above),
        "tried": [mapping(reading) for reading in end.tried],
    }

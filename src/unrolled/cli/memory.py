"""``unrolled memory``: how much a network remembers, against the size of a task."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from unrolled.cli.exit_codes import FAILED, INTERRUPTED
from unrolled.cli.memory_options import cells_of, settings_of, sizes_of
from unrolled.cli.numbers import require_least

if TYPE_CHECKING:
    from unrolled.analysis.memory import MemoryCurve
    from unrolled.cli.memory_runs import Collected
    from unrolled.experiments import Findings
    from unrolled.spec import RunSpec

__all__ = ["memory"]


def memory(
    task: str = "palindromes",
    *,
    cell: str = "rnn,lstm,peephole,full-peephole,gru",
    size: str | None = None,
    settings: str = "healthy",
    seeds: int = 5,
    steps: int = 4000,
    switches: int | None = None,
    results: Path | None = None,
    runs: Path = Path("runs"),
    workers: int | None = None,
    train: bool = True,
    out: Path | None = None,
    svg: Path | None = None,
) -> int:
    """Draw what share of seeds solve a task, and how well, against its size; train what is missing.

    Args:
        task: palindromes, binary-palindromes, random-combinations, baum-sweet, copying or adding.
        cell: which cells, as rnn,lstm; yours as path/to/file.py:MyCell.
        size: of the task, as 5:50:5 or 10,20 (default: the task's own).
        settings: healthy, published or long, or several as healthy,published.
        seeds: of each size.
        steps: most optimiser steps of a run.
        switches: instead of a curve: palindromes of this length, one option at a time set to another value.
        results: a file of results whose rows count as done, and to which rows are added.
        runs: folder of runs.
        workers: processes of one thread each (default: one a processor, at most 8).
        train: train what is missing; --no-train draws what there is (and puts it into the file of results).
        out: also write a page with figures and tables.
        svg: a folder: also write every figure there by itself.
    """
    from unrolled.errors import InputError
    from unrolled.experiments.memory_specs import SIZES, least_size

    require_least(seeds=seeds, steps=steps, workers=workers, switches=switches)
    least = least_size(task)
    cells = cells_of(cell)
    console = Console(highlight=False)
    place = _Place(console, results, runs, workers, train, out, svg)
    if switches is not None:
        if task != "palindromes" or size is not None:
            raise InputError("switches are of palindromes, at the one length given: leave out the task and --size")
        return _switches(place, cells, switches, seeds, steps)
    sizes = sizes_of(SIZES[task] if size is None else size, least)
    return _curve(place, task, settings, cells, sizes, seeds, steps)


class _Place:
    """Where runs and rows are, and where what they come to goes."""

    def __init__(
        self,
        console: Console,
        results: Path | None,
        runs: Path,
        workers: int | None,
        train: bool,
        out: Path | None,
        svg: Path | None,
    ) -> None:
        self.console, self._results, self._runs, self._workers = console, results, runs, workers
        self._train, self._out, self._svg = train, out, svg

    def collect(self, specs: Sequence[RunSpec], of: Sequence[str]) -> tuple[Collected, bool]:
        """The rows of the specs, trained where they are missing and may be; and whether that was interrupted.

        Args:
            specs: what is wanted.
            of: what each is of, beside what its name says; may be empty.
        """
        from unrolled.cli.memory_runs import Collected, found_rows, resolved
        from unrolled.cli.names import default_name
        from unrolled.training import default_workers

        told = {spec.identity(): what for spec, what in zip(specs, of, strict=True)}
        collected = Collected(self.console, lambda spec: f"{default_name(spec)}  {told[spec.identity()]}".rstrip())
        if self._train:
            workers = self._workers or default_workers()
            interrupted = collected.train(specs, results=self._results, runs=self._runs, workers=workers)
            return collected, interrupted
        collected.rows = found_rows(resolved(specs), self._results, self._runs)
        return collected, False

    def finish(self, title: str, question: str, all_: Sequence[Findings], collected: Collected) -> None:
        """Write the page and the figures where they are asked for."""
        from unrolled.cli.gradients import write_page
        from unrolled.experiments import Findings
        from unrolled.record import storing, write_whole
        from unrolled.report import render_svg

        if self._out is not None:
            whole = Findings(
                answer=" ".join(findings.answer for findings in all_),
                rows=(),
                figures=tuple(figure for findings in all_ for figure in findings.figures),
                tables=tuple(table for findings in all_ for table in findings.tables),
            )
            write_page(self._out, title, question, whole, [])
            self.console.print(Text(f"{self._out}  open it in a browser"), soft_wrap=True)
        if self._svg is not None:
            with storing(self._svg):
                self._svg.mkdir(parents=True, exist_ok=True)
            for figure in (figure for findings in all_ for figure in findings.figures):
                path = self._svg / f"{_slug(figure.title)}.svg"
                write_whole(path, render_svg(figure) + "\n")
                self.console.print(Text(str(path)), soft_wrap=True)

    def code(self, collected: Collected, interrupted: bool) -> int:
        """The exit code, and a word where it was interrupted."""
        if interrupted:
            print("stopped; the same command goes on, and does nothing twice", file=sys.stderr)
            return INTERRUPTED
        return FAILED if collected.failed else 0


def _slug(title: str) -> str:
    return "-".join("".join(mark if mark.isalnum() else " " for mark in title.lower()).split())


def _curve(
    place: _Place, task: str, settings: str, cells: tuple[str, ...], sizes: tuple[int, ...], seeds: int, steps: int
) -> int:
    from unrolled.cli.memory_runs import resolved
    from unrolled.experiments.memory import curves, memory_findings
    from unrolled.experiments.memory_specs import memory_specs
    from unrolled.experiments.readings import cell_name

    chosen = settings_of(settings)
    specs = memory_specs(task, chosen, cells, sizes, seeds, steps)
    of = {spec.identity(): s for s in chosen for spec in memory_specs(task, (s,), cells, sizes, seeds, steps)}
    collected, interrupted = place.collect(specs, [of[spec.identity()] for spec in specs])
    found = {
        setting: curves(
            collected.rows,
            resolved(memory_specs(task, (setting,), cells, sizes, seeds, steps)),
            lambda spec: cell_name(spec.network),
        )
        for setting in chosen
    }
    for setting, all_ in found.items():
        place.console.print(_table(setting, all_, sizes))
    findings = memory_findings(task, found, cells, sizes, len(specs))
    place.console.print(Text(findings.answer), soft_wrap=True)
    place.finish(f"Memory of {task}", "How much does a network remember?", [findings], collected)
    return place.code(collected, interrupted)


def _table(setting: str, all_: Sequence[MemoryCurve], sizes: Sequence[int]) -> Table:
    """Seeds solved of seeds done, a row a network."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(setting)
    for size in sizes:
        table.add_column(str(size), justify="right")
    for curve in all_:
        by_size = {reading.size: reading for reading in curve.readings}
        told = [f"{by_size[size].solved}/{by_size[size].count}" if size in by_size else "·" for size in sizes]
        table.add_row(Text(curve.label), *told)
    return table


def _switches(place: _Place, cells: tuple[str, ...], size: int, seeds: int, steps: int) -> int:
    from unrolled.cli.gradients import print_tables
    from unrolled.cli.memory_runs import resolved
    from unrolled.experiments.memory_specs import switched_spec, switches
    from unrolled.experiments.memory_switches import switch_findings

    asked = {
        cell: [
            (switch, [switched_spec(cell, size, switch, seed, steps) for seed in range(seeds)])
            for switch in switches(cell, size, steps)
        ]
        for cell in cells
    }
    planned = [(switch, group[seed]) for seed in range(seeds) for cell in cells for switch, group in asked[cell]]
    specs = [spec for _, spec in planned]
    collected, interrupted = place.collect(specs, [switch.label for switch, _ in planned])
    rows = {row.identity: row for row in collected.rows}
    all_ = []
    for cell in cells:
        found = [
            (switch, [rows[spec.identity()] for spec in resolved(group) if spec.identity() in rows])
            for switch, group in asked[cell]
        ]
        findings = switch_findings(cell, size, found, steps)
        print_tables(findings, place.console)
        all_.append(findings)
    place.finish("Memory and what sets it", "Which option helps a network remember?", all_, collected)
    return place.code(collected, interrupted)

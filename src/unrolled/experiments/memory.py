"""The memory curve's figures and tables, read off the rows of its runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from unrolled.analysis.memory import MemoryCurve, memory_curve
from unrolled.catalogue import ResultRow
from unrolled.data import Choice
from unrolled.experiments.claim import Curve, Figure, Findings, Table
from unrolled.experiments.memory_specs import Setting
from unrolled.experiments.readings import decimal
from unrolled.spec import TASKS, RunSpec, build_task, default_spec

__all__ = ["curves", "memory_figure", "memory_findings"]

_PUBLISHED: Mapping[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("palindromes", "rnn"): ((10, 0.18), (20, 0.10)),
    ("palindromes", "lstm"): ((5, 1.0), (10, 1.0)),
    ("binary-palindromes", "lstm"): ((10, 1.0), (20, 1.0)),
    ("binary-palindromes", "full-peephole"): ((10, 1.0), (20, 1.0)),
}
"""Accuracies that the reports print: A's of decimal palindromes (an RNN learns nothing from 20 on), B's of binary."""


def curves(
    rows: Iterable[ResultRow], specs: Iterable[RunSpec], label: Callable[[RunSpec], str]
) -> tuple[MemoryCurve, ...]:
    """One curve for every label, of the rows that the specs ask for."""
    by_identity = {row.identity: row for row in rows}
    groups: dict[str, list[ResultRow]] = {}
    for spec in specs:
        found = groups.setdefault(label(spec), [])
        row = by_identity.get(spec.identity())
        if row is not None:
            found.append(row)
    return tuple(memory_curve(name, found) for name, found in groups.items())


_WORDS: Mapping[Setting, str] = {
    "published": "published settings",
    "healthy": "healthy settings",
    "long": "settings for long memories",
}


def memory_findings(
    task: str,
    found: Mapping[Setting, Sequence[MemoryCurve]],
    cells: Sequence[str],
    sizes: Sequence[int],
    planned: int,
) -> Findings:
    """Everything there is to see of the curves of a task: a figure for each setting, and one table.

    Args:
        task: its name.
        found: of each setting, the curves in the order of the cells.
        cells: as in the specs.
        sizes: those that were asked for, ascending.
        planned: how many runs there would be, were all done.
    """
    done = sum(curve.runs for all_ in found.values() for curve in all_)
    figures = tuple(memory_figure(task, setting, all_, cells, sizes) for setting, all_ in found.items())
    rows = [row for setting, all_ in found.items() for curve in all_ for row in _table_rows(setting, curve)]
    table = Table(
        "Seeds solved, by size",
        ("Settings", "Network", str(TASKS[task].size), "Solved", "95 % of the rate", "Accuracies", "Steps", "Seconds"),
        tuple(rows),
        "Solved: accuracy ≥ .99 on 2000 fresh samples. Steps and seconds: medians of the solved seeds, on one thread.",
    )
    answer = f"{_answer(found)} {done} of {planned} runs are done."
    return Findings(answer=answer, rows=(), figures=figures, tables=(table,))


def _answer(found: Mapping[Setting, Sequence[MemoryCurve]]) -> str:
    parts = []
    for setting, all_ in found.items():
        ends = [(curve.label, _longest_of_all(curve)) for curve in all_ if curve.readings]
        told = ", ".join(f"{label} {'nothing' if end is None else end}" for label, end in ends)
        if told:
            parts.append(f"{_WORDS[setting]}: {told}")
    return f"Longest size that every seed tried solved: {'; '.join(parts) or 'no run is done'}."


def _longest_of_all(curve: MemoryCurve) -> int | None:
    return max((reading.size for reading in curve.readings if reading.solved == reading.count), default=None)


def _table_rows(setting: Setting, curve: MemoryCurve) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in curve.readings:
        low, high = each.interval
        rows.append(
            (
                setting,
                curve.label,
                str(each.size),
                f"{each.solved} of {each.count}",
                f"{decimal(low)} to {decimal(high)}",
                " ".join(decimal(value) for value in sorted(each.accuracies)),
                "–" if each.median_steps is None else f"{each.median_steps:g}",
                "–" if each.median_seconds is None else f"{each.median_seconds:.1f}",
            )
        )
    return rows


def memory_figure(
    task: str, setting: Setting, found: Sequence[MemoryCurve], cells: Sequence[str], sizes: Sequence[int]
) -> Figure:
    """One setting's curves: the share of seeds solved as a line, every seed's accuracy as a dot."""
    gap = min((b - a for a, b in itertools.pairwise(sizes)), default=1)
    drawn: list[Curve] = []
    for tone, (curve, cell) in enumerate(zip(found, cells, strict=True)):
        shift = gap * 0.11 * (tone - (len(found) - 1) / 2)
        drawn += _drawn(curve, tone, shift)
        published = _PUBLISHED.get((task, cell), ()) if setting == "published" else ()
        if published:
            x, y = zip(*published, strict=True)
            drawn.append(Curve(f"{curve.label}, printed", tuple(map(float, x)), y, "dashed", tone))
    built = build_task(default_spec(task))
    assert isinstance(built, Choice)
    levels: tuple[tuple[float, str], ...] = ((built.chance, f"chance\n{decimal(built.chance)}"),)
    if built.majority - built.chance > 0.05 and task != "baum-sweet":
        levels += ((built.majority, f"majority\n{decimal(built.majority)}"),)
    return Figure(
        title=f"{task}, {_WORDS[setting]}",
        x_label=f"{TASKS[task].size} of the {_NOUNS.get(task, 'task')}",
        y_label="share of seeds solved",
        curves=tuple(drawn),
        levels=levels if task != "random-combinations" else (),
        x_ticks=tuple((float(size), str(size)) for size in sizes),
        y_range=(-0.03, 1.04),
        caption=(
            "Line: the share of seeds that solved it, with its 95 % Wilson interval. Dots: the accuracy of every seed. "
            "Cells stand a little beside their size so that they can be told apart."
        ),
    )


_NOUNS = {"palindromes": "palindrome", "copying": "copy problem", "adding": "adding problem"}


def _drawn(curve: MemoryCurve, tone: int, shift: float) -> list[Curve]:
    if not curve.readings:
        return []
    x = tuple(reading.size + shift for reading in curve.readings)
    bars = [
        Curve(curve.label, (place, place), reading.interval, "thin", tone)
        for place, reading in zip(x, curve.readings, strict=True)
    ]
    dots = [
        (place, accuracy) for place, reading in zip(x, curve.readings, strict=True) for accuracy in reading.accuracies
    ]
    return [
        *bars,
        Curve(curve.label, tuple(p for p, _ in dots), tuple(a for _, a in dots), "dots", tone),
        Curve(curve.label, x, tuple(reading.rate for reading in curve.readings), "line", tone),
    ]

"""What sets how far a network remembers, one switch at a time: a figure and a table, read off the rows of its runs."""

from __future__ import annotations

from collections.abc import Sequence

from unrolled.analysis.memory import memory_curve
from unrolled.catalogue import ResultRow
from unrolled.experiments.claim import Curve, Figure, Findings, Table
from unrolled.experiments.memory_specs import Switch
from unrolled.experiments.readings import cell_name, decimal

__all__ = ["switch_findings"]


def switch_findings(cell: str, size: int, found: Sequence[tuple[Switch, Sequence[ResultRow]]], budget: int) -> Findings:
    """What each switch does to one cell at one size: seeds solved, and the steps that it took.

    Args:
        cell: it.
        size: of the palindrome.
        found: the rows of every switch's seeds.
        budget: most steps, where an unsolved run is drawn.
    """
    readings = [(switch, memory_curve(switch.what, rows).readings[0]) for switch, rows in found if rows]
    table = Table(
        f"{cell_name(cell)} at L = {size}, one switch at a time",
        ("Switch", "Set to", "Solved", "95 % of the rate", "Median steps", "Accuracies"),
        tuple(
            (
                switch.what,
                switch.value,
                f"{each.solved} of {each.count}",
                f"{decimal(each.interval[0])} to {decimal(each.interval[1])}",
                "–" if each.median_steps is None else f"{each.median_steps:g}",
                " ".join(decimal(value) for value in sorted(each.accuracies)),
            )
            for switch, each in readings
        ),
        f"All else as in the healthy settings, at most {budget} steps.",
    )
    names = [switch.label for switch, _ in readings]
    figure = Figure(
        title=f"{cell_name(cell)}, L = {size}: what sets it",
        x_label="steps to the solution (logarithmic)",
        y_label="",
        curves=tuple(
            Curve(
                "solved" if solved else "not solved",
                tuple(float(x) for x, is_ in marks if is_ == solved),
                tuple(float(-place) for _, is_ in marks if is_ == solved),
                "points",
                0 if solved else 1,
            )
            for solved in (True, False)
            for place, (_, rows) in enumerate((switch, rows) for switch, rows in found if rows)
            for marks in [[(row.steps, row.solved) for row in rows]]
            if any(is_ == solved for _, is_ in marks)
        ),
        log_x=True,
        x_ticks=tuple((float(step), str(step)) for step in (50, 100, 200, 500, 1000, 2000, 4000) if step <= budget),
        y_ticks=tuple((float(-place), name) for place, name in enumerate(names)),
        y_range=(-len(names) + 0.4, 0.6),
        caption="One mark a seed; an unsolved one stands at its last step.",
    )
    solved = [(switch, each) for switch, each in readings if switch.changes]
    best = max(solved, key=lambda pair: (pair[1].rate, -(pair[1].median_steps or budget)), default=None)
    worst = min(solved, key=lambda pair: (pair[1].rate, -(pair[1].median_steps or budget)), default=None)
    answer = "No run is done."
    if best is not None and worst is not None:
        answer = (
            f"{cell_name(cell)}: of the switches {best[0].label} helps most "
            f"({best[1].solved} of {best[1].count} seeds), "
            f"{worst[0].label} least ({worst[1].solved} of {worst[1].count})."
        )
    return Findings(answer=answer, rows=(), figures=(figure,), tables=(table,))

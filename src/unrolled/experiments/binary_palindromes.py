"""Does a peephole LSTM remember binary palindromes as report B found, and is that more than guessing?

Report B's task draws integers, writes them in binary, mirrors and pads them; the label is the last bit, which
is 1 with probability 2/3, so an accuracy of .667 is what a network reaches that has understood nothing.
Report B compares the LSTM with the course's "peephole LSTM" (full matrices on c, no recurrence over h); the
cell that other libraries call by that name (Gers et al. 2002, diagonal) runs beside them.

Command: ``unrolled reproduce binary-palindromes --budget quick``

Expected: every cell solves T = 10 and 20 on 3 of 3 seeds, well above the majority line.

Time: about 35 seconds on two cores (quick), about 90 (full).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, seed_curves
from unrolled.experiments.readings import (
    HELD,
    SOLVED_NOTE,
    cell_name,
    cell_tones,
    choose,
    differences,
    evaluations,
    is_solved,
    join,
    names,
    solved_of,
    solved_steps,
)
from unrolled.experiments.rows import solved_row
from unrolled.record import Run
from unrolled.spec import BinaryPalindromesSpec, RunSpec, default_spec, is_user_cell

__all__ = ["CLAIM"]

LENGTHS = (10, 20)
SEEDS = (0, 1, 2)
CELLS = ("lstm", "full-peephole", "peephole")
PUBLISHED = {
    "lstm": "report B: 1.0 ± 0.0 over 3 seeds, ~800 steps",
    "full-peephole": "report B: 1.0 ± 0.0 over 3 seeds, ~800 steps",
}
MAJORITY = 2 / 3


@dataclass(frozen=True)
class Sizes:
    """What a budget decides.

    Attributes:
        hidden: units of the layer.
        batch: sequences a step.
        learning_rate: Adam's.
        steps: most optimiser steps.
    """

    hidden: int
    batch: int
    learning_rate: float
    steps: int


SIZES: dict[Budget, Sizes] = {"quick": Sizes(64, 64, 1e-3, 800), "full": Sizes(256, 256, 1e-4, 3000)}


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """Every cell at both lengths with three seeds."""
    sizes = SIZES[budget]
    return tuple(
        default_spec(
            "binary-palindromes",
            cell=cell,
            length=length,
            initialisation=None if is_user_cell(cell) else "kaiming",
            forget_bias=1.0 if cell in CELLS else None,
            hidden=sizes.hidden,
            batch=sizes.batch,
            learning_rate=sizes.learning_rate,
            steps=sizes.steps,
            seed=seed,
            stop="solved",
            evaluate_every=50,
            checkpoint_every=1000,
        )
        for length in LENGTHS
        for cell in dict.fromkeys((*CELLS, *cells))
        for seed in SEEDS
    )


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Seeds solved against report B, and the curves against the majority line."""
    joined = tuple(dict.fromkeys((*CELLS, *cells)))
    return Findings(
        answer=_answer(runs),
        rows=tuple(_row(runs, cell, length, budget) for length in LENGTHS for cell in joined),
        figures=tuple(_figure(runs, length, joined) for length in LENGTHS),
        tables=(_table(runs, joined),),
    )


def _at(runs: Sequence[Run], cell: str, length: int) -> list[Run]:
    def here(run: Run) -> bool:
        task = run.spec.task
        return isinstance(task, BinaryPalindromesSpec) and task.length == length and run.spec.network == cell

    return choose(runs, here)


def _answer(runs: Sequence[Run]) -> str:
    results = {(cell, length): _at(runs, cell, length) for cell in CELLS for length in LENGTHS}
    missed = [
        f"{cell_name(cell)} at T = {length} ({solved_of(found)})"
        for (cell, length), found in results.items()
        if not found or not all(map(is_solved, found))
    ]
    lengths = join([str(length) for length in LENGTHS])
    if not missed:
        return f"LSTM and both peephole LSTMs solve T = {lengths} on every seed; always answering 1 scores .667."
    return f"LSTM and both peephole LSTMs solve T = {lengths} on every seed but for {join(missed)}."


def _row(runs: Sequence[Run], cell: str, length: int, budget: Budget) -> Row:
    found = _at(runs, cell, length)
    return solved_row(
        f"{cell_name(cell)}, T = {length}: seeds solved",
        PUBLISHED.get(cell, ""),
        found,
        at_least=len(SEEDS),
        reachable=budget == "full",  # quick has other sizes, so that missing it there is no difference
        note=SOLVED_NOTE,
    )


def _figure(runs: Sequence[Run], length: int, cells: Sequence[str]) -> Figure:
    tones = cell_tones(cells)
    curves: list[Curve] = []
    behind: list[str] = []
    for cell in cells:
        found = _at(runs, cell, length)
        behind.extend(names(found))
        curves.extend(seed_curves(cell_name(cell), [evaluations(run) for run in found], tone=tones[cell]))
    return Figure(
        title=f"Binary palindromes, T = {length}",
        x_label="optimiser steps",
        y_label="accuracy on fresh samples",
        curves=tuple(curves),
        levels=((0.5, "chance\n.50"), (MAJORITY, "majority\n.667")),
        y_range=(0.3, 1.02),
        caption=HELD,
        sources=tuple(behind),
    )


def _table(runs: Sequence[Run], cells: Sequence[str]) -> Table:
    def place(cell: str, length: int) -> str:
        found = _at(runs, cell, length)
        steps = solved_steps(found)
        return f"{solved_of(found)}{f' (step {steps})' if steps else ''}"

    return Table(
        "Seeds solved, and at which step",
        ("Cell", *(f"T = {length}" for length in LENGTHS)),
        tuple((cell_name(cell), *(place(cell, length) for length in LENGTHS)) for cell in cells),
        caption=f"{SOLVED_NOTE}, looked at every 50 steps.",
        sources=names(runs),
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out."""
    return differences(
        SIZES[budget],
        SIZES["full"],
        {
            "hidden": "hidden units",
            "batch": "sequences a batch",
            "learning_rate": "learning rate",
            "steps": "optimiser steps at most",
        },
    )


CLAIM = Claim(
    name="binary-palindromes",
    title="Memory: binary palindromes and the two peephole LSTMs",
    question=(
        "Do the LSTM and the two cells called peephole LSTM solve report B's binary palindromes, against the "
        ".667 that "
        "always answering 1 scores?"
    ),
    expected="all cells solve T = 10 and 20 on 3 of 3 seeds",
    minutes={"quick": 0.58, "full": 90},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

"""What do momentum, RMSprop and Adam buy over plain gradient descent, and what does clipping do?

The same network on the same task under SGD, momentum, RMSprop and Adam, each with and without clipping of the
gradient's norm, and the same rules on Rosenbrock's narrow valley, where one can see the path. Comparing
optimisers at one learning rate compares rates, so each has its own: on the task the one of `RATES`, in the
valley the best of a grid.

Command: ``unrolled reproduce optimisers --budget quick``

Expected: RMSprop and Adam solve the task on every seed; in the valley plain SGD is the slowest. Nothing is
printed in the reports to compare the numbers with, beyond the course's question.

Time: about 1 minute on two cores (quick), about 5 (full).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from unrolled.analysis import valley
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, seed_curves
from unrolled.experiments.readings import (
    HELD,
    SOLVED_NOTE,
    cell_name,
    choose,
    decimal,
    differences,
    evaluations,
    is_solved,
    join,
    names,
    solved_of,
    solved_steps,
)
from unrolled.record import Run
from unrolled.spec import PalindromesSpec, RunSpec, default_spec, is_user_cell

__all__ = ["CLAIM"]

LENGTH = 10
CELL = "lstm"
RATES = {"sgd": 0.5, "momentum": 0.1, "rmsprop": 1e-3, "adam": 3e-3}
NAMES = {"sgd": "SGD", "momentum": "momentum", "rmsprop": "RMSprop", "adam": "Adam"}
TONES = {optimiser: tone for tone, optimiser in enumerate(RATES)}
CLIP = 1.0
VALLEY_CLIP = 1.0
VALLEY_STEPS = 1000
ARRIVED = 1e-3


@dataclass(frozen=True)
class Sizes:
    """What a budget decides.

    Attributes:
        steps: most optimiser steps.
        seeds: how many seeds.
    """

    steps: int
    seeds: int


SIZES: dict[Budget, Sizes] = {"quick": Sizes(600, 2), "full": Sizes(5000, 3)}


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """Every optimiser with and without clipping."""
    sizes = SIZES[budget]
    return tuple(
        default_spec(
            "palindromes",
            length=LENGTH,
            cell=cell,
            initialisation=None if is_user_cell(cell) else "xavier",
            optimiser=optimiser,
            learning_rate=rate,
            clip=clip,
            steps=sizes.steps,
            seed=seed,
            stop="solved",
            evaluate_every=25,
            checkpoint_every=1000,
        )
        for cell in dict.fromkeys((CELL, *cells))
        for optimiser, rate in RATES.items()
        for clip in (None, CLIP)
        for seed in range(sizes.seeds)
    )


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Curves on the task and paths in the valley."""
    paths = {
        (optimiser, clip): valley.best_descent(optimiser, clip=clip, steps=VALLEY_STEPS, tolerance=ARRIVED)
        for optimiser in RATES
        for clip in (None, VALLEY_CLIP)
    }
    joined = tuple(dict.fromkeys((CELL, *cells)))
    return Findings(
        answer=_answer(runs, paths),
        rows=tuple(_row(runs, optimiser, clip, budget) for optimiser in RATES for clip in (None, CLIP)),
        figures=(
            *(_task_figure(runs, cell, clip) for cell in joined for clip in (None, CLIP)),
            *(_valley_figure(paths, clip) for clip in (None, VALLEY_CLIP)),
            *(_height_figure(paths, clip) for clip in (None, VALLEY_CLIP)),
        ),
        tables=(*(_task_table(runs, cell) for cell in joined), _valley_table(paths)),
    )


Paths = dict[tuple[str, float | None], valley.Descent]


def _at(runs: Sequence[Run], optimiser: str, clip: float | None, cell: str = CELL) -> list[Run]:
    def here(run: Run) -> bool:
        training, model = run.spec.training, run.spec.recurrent
        return (
            isinstance(run.spec.task, PalindromesSpec)
            and run.spec.task.length == LENGTH
            and (training.optimiser, training.clip, training.learning_rate, model.cell)
            == (optimiser, clip, RATES[optimiser], cell)
        )

    return choose(runs, here)


def _answer(runs: Sequence[Run], paths: Paths) -> str:
    solving = [
        NAMES[optimiser] for optimiser in RATES if (found := _at(runs, optimiser, None)) and all(map(is_solved, found))
    ]
    arrived = sorted(
        (path.steps_to_tolerance, NAMES[optimiser])
        for (optimiser, clip), path in paths.items()
        if clip is None and path.steps_to_tolerance is not None
    )
    task = f"Without clipping {join(solving) if solving else 'no optimiser'} solved the task on every seed"
    ground = (
        f"in the valley {arrived[0][1]} arrives first (step {arrived[0][0]}) and {arrived[-1][1]} last "
        f"(step {arrived[-1][0]})"
        if len(arrived) > 1
        else "in the valley fewer than two arrive"
    )
    late = [NAMES[optimiser] for optimiser in RATES if paths[optimiser, None].steps_to_tolerance is None]
    return f"{task}; {ground}{f', {join(late)} not in {VALLEY_STEPS} steps' if late else ''}."


def _row(runs: Sequence[Run], optimiser: str, clip: float | None, budget: Budget) -> Row:
    found = _at(runs, optimiser, clip)
    last = [y[-1] for _, y in map(evaluations, found) if y]
    shares = [line["clipped_share"] for run in found for line in run.metrics("train") if clip is not None]
    steps = solved_steps(found)
    measured = solved_of(found) + (f" (at step {steps})" if steps else "")
    clipped = f"; clipping acted on {100 * sum(shares) / len(shares):.0f} % of the steps" if shares else ""
    return Row(
        f"{NAMES[optimiser]}, {_clipping(clip)}: seeds solved",
        "",
        measured,
        "measured" if found else "not reached",
        f"rate {RATES[optimiser]:g}; median accuracy {decimal(median(last)) if last else 'not known'} at the "
        f"end{clipped}",
    )


def _clipping(clip: float | None) -> str:
    return "no clipping" if clip is None else f"clipped at {clip:g}"


def _task_figure(runs: Sequence[Run], cell: str, clip: float | None) -> Figure:
    curves: list[Curve] = []
    behind: list[str] = []
    for optimiser, tone in TONES.items():
        found = _at(runs, optimiser, clip, cell)
        behind.extend(names(found))
        curves.extend(seed_curves(NAMES[optimiser], [evaluations(run) for run in found], tone=tone))
    return Figure(
        title=f"{cell_name(cell)}, palindromes of L = {LENGTH}, {_clipping(clip)}",
        x_label="optimiser steps",
        y_label="accuracy on fresh samples",
        curves=tuple(curves),
        levels=((0.1, "chance\n.10"),),
        y_range=(0, 1.03),
        caption=HELD,
        sources=tuple(behind),
    )


def _task_table(runs: Sequence[Run], cell: str) -> Table:
    def place(optimiser: str, clip: float | None) -> str:
        found = _at(runs, optimiser, clip, cell)
        steps = solved_steps(found)
        return f"{solved_of(found)}{f' (step {steps})' if steps else ''}"

    return Table(
        f"{cell_name(cell)}: seeds solved, and at which step",
        ("Optimiser", "Learning rate", "No clipping", f"Clipped at {CLIP:g}"),
        tuple(
            (NAMES[optimiser], f"{rate:g}", place(optimiser, None), place(optimiser, CLIP))
            for optimiser, rate in RATES.items()
        ),
        caption=f"{SOLVED_NOTE}, looked at every 25 steps.",
        sources=names(runs),
    )


def _settings(paths: Paths, clip: float | None) -> str:
    lines = [f"surface: (1 - u)^2 + 100 (v - u^2)^2\nstart: {list(valley.START)}\nclip: {clip}\nsteps: {VALLEY_STEPS}"]
    lines += [f"{optimiser}: {{learning_rate: {paths[optimiser, clip].learning_rate:g}}}" for optimiser in RATES]
    lines.append(f"# each rate is the best of {', '.join(f'{rate:g}' for rate in valley.RATES)}; nothing is drawn")
    return "\n".join(lines)


def _valley_figure(paths: Paths, clip: float | None) -> Figure:
    curves = []
    for optimiser, tone in TONES.items():
        points = _thinned(paths[optimiser, clip].points)
        curves.append(Curve(NAMES[optimiser], tuple(u for u, _ in points), tuple(v for _, v in points), tone=tone))
    minimum = Curve("minimum", (valley.MINIMUM[0],), (valley.MINIMUM[1],), "points", 5)
    return Figure(
        title=f"Paths in a narrow valley, {_clipping(clip)}",
        x_label="u",
        y_label="v",
        curves=(*curves, minimum),
        contours=tuple(_contour(height) for height in (1.0, 4.0, 16.0, 64.0, 256.0)),
        y_range=(-0.8, 3.2),
        caption=(
            f"f = (1 − u)² + 100 (v − u²)² from {valley.START}; level lines at f = 1, 4, 16, 64, 256. Each "
            "optimiser "
            f"at the best of {len(valley.RATES)} rates, {VALLEY_STEPS} steps."
        ),
        settings=_settings(paths, clip),
    )


def _height_figure(paths: Paths, clip: float | None) -> Figure:
    curves = []
    for optimiser, tone in TONES.items():
        heights = _thinned(tuple(enumerate(paths[optimiser, clip].heights)))
        floor = [(step, max(height, 1e-12)) for step, height in heights]
        curves.append(Curve(NAMES[optimiser], tuple(float(s) for s, _ in floor), tuple(h for _, h in floor), tone=tone))
    return Figure(
        title=f"Height in the valley, {_clipping(clip)}",
        x_label="steps",
        y_label="f (below 1e-12 drawn at it)",
        curves=tuple(curves),
        levels=((ARRIVED, "arrived"),),
        log_y=True,
        caption="The height above the minimum along the paths.",
        settings=_settings(paths, clip),
    )


def _thinned(points: tuple[tuple[float, float], ...], most: int = 240) -> tuple[tuple[float, float], ...]:
    """Every early point, an even share of the later ones, which lie closer together, and the last."""
    early = points[:60]
    later = points[60:]
    every = max(1, math.ceil(len(later) / (most - len(early))))
    return (*early, *later[::every], *points[-1:])


def _contour(height: float) -> Curve:
    """The closed level line f(u, v) = height, from the formula: v = u² ± √(height − (1 − u)²) / 10."""
    reach = math.sqrt(height)
    turns = [2 * math.pi * k / 240 for k in range(241)]
    u = tuple(1 + reach * math.cos(turn) for turn in turns)
    v = tuple(place * place + reach * math.sin(turn) / 10 for place, turn in zip(u, turns, strict=True))
    return Curve(f"f = {height:g}", u, v)


def _valley_table(paths: Paths) -> Table:
    def arrival(path: valley.Descent) -> str:
        if path.diverged:
            return "diverged"
        if path.steps_to_tolerance is None:
            return f"not in {VALLEY_STEPS} (f = {path.heights[-1]:.2g})"
        return str(path.steps_to_tolerance)

    def row(optimiser: str) -> tuple[str, ...]:
        free, clipped = paths[optimiser, None], paths[optimiser, VALLEY_CLIP]
        return (
            NAMES[optimiser],
            f"{free.learning_rate:g}",
            arrival(free),
            f"{clipped.learning_rate:g}",
            arrival(clipped),
            f"{100 * clipped.clipped_share:.0f} %",
        )

    return Table(
        f"The valley: steps until f < {ARRIVED:g} for good",
        (
            "Optimiser",
            "Best rate",
            "Steps",
            f"Best rate, clipped at {VALLEY_CLIP:g}",
            "Steps, clipped",
            "Steps clipped",
        ),
        tuple(map(row, RATES)),
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out."""
    return differences(SIZES[budget], SIZES["full"], {"steps": "optimiser steps at most", "seeds": "seeds"})


CLAIM = Claim(
    name="optimisers",
    title="Optimisers and clipping",
    question=(
        "What do momentum, RMSprop and Adam buy over plain gradient descent, and what does clipping the "
        "gradient do, on "
        "the same task and in a narrow valley?"
    ),
    expected="RMSprop and Adam solve the task on every seed; plain SGD is last in the valley",
    minutes={"quick": 0.5, "full": 5},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

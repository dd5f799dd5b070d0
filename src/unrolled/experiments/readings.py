"""What the claims read off finished runs, and how they say it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, Literal

from unrolled.errors import UserCodeError
from unrolled.record import Run

__all__ = [
    "HELD",
    "SOLVED_NOTE",
    "Series",
    "cell_name",
    "cell_tones",
    "choose",
    "decimal",
    "differences",
    "evaluations",
    "grouped",
    "is_solved",
    "join",
    "listed",
    "named_cell",
    "names",
    "series",
    "solved_of",
    "solved_steps",
    "value_at",
]

HELD = "Thin: one seed. Bold: the median; a run that ended early is held at its last value."
SOLVED_NOTE = "solved: accuracy ≥ .99 on 2000 fresh samples"

_NAMES = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "peephole": "peephole LSTM (Gers)",
    "full-peephole": "peephole LSTM (course)",
}


def cell_name(cell: str) -> str:
    """What a cell is called in sentences; a user's own by its class."""
    return _NAMES.get(cell, cell.rsplit(":", 1)[-1])


def cell_tones(cells: Iterable[str], first: Sequence[str] = ("rnn", "lstm")) -> dict[str, int]:
    """A tone for every cell, those of ``first`` always the same."""
    return {cell: tone for tone, cell in enumerate(dict.fromkeys((*first, *cells)))}


def choose(runs: Iterable[Run], test: Callable[[Run], bool]) -> list[Run]:
    """The runs that pass the test and have a result, by seed."""
    chosen = [run for run in runs if run.result is not None and test(run)]
    return sorted(chosen, key=lambda run: run.spec.training.seed)


def names(runs: Iterable[Run]) -> tuple[str, ...]:
    """The runs' names."""
    return tuple(run.name for run in runs)


Series = tuple[tuple[float, ...], tuple[float, ...]]


def series(run: Run, kind: Literal["train", "evaluation"], key: str) -> Series:
    """Steps and finite values of one quantity of a run's metrics."""
    pairs = [
        (float(line["step"]), float(line[key]))
        for line in run.metrics(kind)
        if line.get(key) is not None and math.isfinite(line[key])
    ]
    return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)


def evaluations(run: Run, key: str = "accuracy") -> Series:
    """Steps and values of one quantity at every evaluation of a run."""
    return series(run, "evaluation", key)


def value_at(run: Run, step: int, key: str = "accuracy") -> float | None:
    """The last value evaluated at or before ``step``; None where there is none."""
    x, y = evaluations(run, key)
    earlier = [value for place, value in zip(x, y, strict=True) if place <= step]
    return earlier[-1] if earlier else None


def solved_of(runs: Sequence[Run]) -> str:
    """``k of n``: how many seeds solved the task."""
    return f"{sum(is_solved(run) for run in runs)} of {len(runs)}"


def solved_steps(runs: Sequence[Run]) -> str:
    """At which steps the seeds that solved the task did, ascending."""
    steps = sorted(int(run.result["steps"]) for run in runs if run.result is not None and is_solved(run))
    return ", ".join(map(str, steps))


def is_solved(run: Run) -> bool:
    """Whether the run ended with accuracy ≥ .99 on 2000 fresh samples."""
    return run.result is not None and bool(run.result["solved"])


def decimal(value: float, digits: int = 2) -> str:
    """A share as the reports write it: .18, 1.00."""
    return f"{value:.{digits}f}".removeprefix("0") if value >= 0 else f"{value:.{digits}f}"


def listed(values: Sequence[float], digits: int = 2) -> str:
    """The median and, of several seeds, every value: ``.21 (.20, .21, .23)``."""
    if not values:
        return "no run finished"
    if len(values) == 1:
        return decimal(values[0], digits)
    return f"{decimal(median(values), digits)} ({', '.join(decimal(value, digits) for value in sorted(values))})"


def join(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def differences(quick: Any, full: Any, words: dict[str, str]) -> tuple[str, ...]:
    """What a budget shortened, a sentence for every field of its sizes that is not the published one."""
    changed = [
        f.name for f in dataclasses.fields(full) if f.name in words and getattr(quick, f.name) != getattr(full, f.name)
    ]
    return tuple(
        f"{words[name]}: {_plain(getattr(quick, name))} instead of {_plain(getattr(full, name))}" for name in changed
    )


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return grouped(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def grouped(count: int) -> str:
    """A whole number for people, a space after every three digits from its end."""
    return f"{count:,}".replace(",", " ")


def named_cell(run: Run, cells: Sequence[str]) -> str | None:
    """The user's cell with which a run's model is loaded again: one that was named on this command, or None.

    Raises:
        UserCodeError: the run is of a user's cell that was not named.
    """
    cell = run.spec.user_cell
    if cell is None:
        return None
    if cell not in cells:
        raise UserCodeError(f"run {run.name!r} was made with {cell!r}: name it again with --cell")
    return cell

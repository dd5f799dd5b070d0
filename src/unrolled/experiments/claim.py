"""What a claim is and what it comes out as: frozen values that go to JSON and back.

A `Claim` says which runs it needs (`specs`) and reads its answer off them (`measure`); the answer is a
`ClaimResult` of rows, tables, figures and texts. Nothing here draws: a `Figure` is numbers with names, and
the report decides what they look like.

A row's verdict is one of four words, each decided by comparing numbers:

* ``reproduced``: what was measured agrees with what was published, within the tolerance that the row states;
* ``differs``: it was measured under the published conditions and does not agree;
* ``not reached``: the budget was shortened, or a run failed, so that it could not be compared;
* ``measured``: nothing was published to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from unrolled.errors import RecordError
from unrolled.record import Run, storing, write_whole
from unrolled.spec import RunSpec

__all__ = [
    "VERDICTS",
    "Budget",
    "Claim",
    "ClaimResult",
    "Curve",
    "Figure",
    "Findings",
    "Heat",
    "Row",
    "Table",
    "Text",
    "Verdict",
    "read_result",
    "result_path",
    "seed_curves",
    "write_result",
]

Budget = Literal["quick", "full"]
Verdict = Literal["reproduced", "differs", "not reached", "measured"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "differs", "not reached", "measured")


@dataclass(frozen=True)
class Row:
    """One published number beside the measured one.

    Attributes:
        what: the quantity and its conditions.
        published: the number with who printed it, or an empty string.
        measured: the number measured here.
        verdict: what comparing the two gives.
        note: the tolerance, the unit, or why it could not be compared.
    """

    what: str
    published: str
    measured: str
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """A line of a figure.

    Attributes:
        label: what it shows; curves of one label share one entry in the legend.
        x: horizontal values.
        y: vertical values, finite.
        style: line (bold), thin (one seed behind its median), dashed, points, or dots (small, behind the lines).
        tone: which of the report's colours; the same thing has the same tone in every figure.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["line", "thin", "dashed", "thin dashed", "points", "dots"] = "line"
    tone: int = 0

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"curve {self.label!r} has {len(self.x)} x and {len(self.y)} y")


@dataclass(frozen=True)
class Heat:
    """A matrix shown as colours: ``values[row][column]``, the first row at the top.

    Attributes:
        values: the numbers.
        low: the number at the dark end.
        high: the number at the light end.
        unit: what a number is.
    """

    values: tuple[tuple[float, ...], ...]
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class Figure:
    """Numbers to be drawn, and where they come from.

    Attributes:
        title: what is seen, in a few words.
        x_label: the horizontal quantity and its unit.
        y_label: the vertical quantity and its unit.
        curves: the lines.
        levels: horizontal reference lines (value, label), such as chance.
        log_x: logarithmic horizontal axis.
        log_y: logarithmic vertical axis.
        y_range: bounds of the vertical axis (default: from the data).
        x_ticks: places and names on the horizontal axis (default: numbers).
        y_ticks: the same on the vertical axis; of a matrix row 0 is at 0.
        contours: level lines of a surface behind the curves, each a closed or open line of points.
        heat: a matrix instead of curves.
        caption: how to read it.
        sources: names of the runs that it was read from.
        settings: how it was computed, where no run was trained for it.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...] = ()
    levels: tuple[tuple[float, str], ...] = ()
    log_x: bool = False
    log_y: bool = False
    y_range: tuple[float, float] | None = None
    x_ticks: tuple[tuple[float, str], ...] = ()
    y_ticks: tuple[tuple[float, str], ...] = ()
    contours: tuple[Curve, ...] = ()
    heat: Heat | None = None
    caption: str = ""
    sources: tuple[str, ...] = ()
    settings: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers that are read, not seen: a header and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """Characters that a model wrote, shown one for one.

    Attributes:
        title: how they came about.
        samples: each a piece of its own.
        caption: further words.
    """

    title: str
    samples: tuple[str, ...]
    caption: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """What a claim came out as.

    Attributes:
        claim: the claim's name.
        budget: quick or full.
        title: what it is about.
        question: what was asked.
        command: the command that gives this result again.
        answer: one sentence, made from the measured numbers.
        rows: published beside measured.
        figures: what to look at.
        tables: further numbers.
        texts: what models wrote.
        runs: names of the runs behind it.
        identities: identities of the specs it needed; another set makes a stored result out of date.
        cells: cells of the user's that joined.
        shortened: what this budget left out of the published one, each a sentence.
        failed: runs that could not be trained, each with its reason.
        seconds: training time of its runs plus the time to measure, on one thread each.
        version: of the package that measured.
    """

    claim: str
    budget: Budget
    title: str
    question: str
    command: str
    answer: str
    rows: tuple[Row, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    texts: tuple[Text, ...] = ()
    runs: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    seconds: float = 0.0
    version: str = ""

    def count(self, verdict: Verdict) -> int:
        """How many rows have this verdict."""
        return sum(row.verdict == verdict for row in self.rows)


@dataclass(frozen=True)
class Findings:
    """What `Claim.measure` reads off the runs; `ClaimResult` adds the claim's words and the bookkeeping."""

    answer: str
    rows: tuple[Row, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Claim:
    """Something we claim, and how anybody checks it.

    Attributes:
        name: as on the command line.
        title: what it is about.
        question: what is asked.
        expected: what should come out.
        minutes: how long it takes alone on two cores, by budget.
        specs: the runs that it needs, from the budget and the user's further cells.
        measure: reads the findings off the finished runs; missing runs (failed ones) are left out, not
        guessed. shortened: what a budget leaves out of the published one.
    """

    name: str
    title: str
    question: str
    expected: str
    minutes: Mapping[Budget, float]
    specs: Callable[[Budget, tuple[str, ...]], tuple[RunSpec, ...]]
    measure: Callable[[Sequence[Run], Budget, tuple[str, ...]], Findings]
    shortened: Callable[[Budget], tuple[str, ...]] = field(default=lambda budget: ())

    def command(self, budget: Budget) -> str:
        """The command that runs this claim alone."""
        return f"unrolled reproduce {self.name} --budget {budget}"


def seed_curves(
    label: str, seeds: Sequence[tuple[Sequence[float], Sequence[float]]], *, tone: int, dashed: bool = False
) -> tuple[Curve, ...]:
    """One thin line per seed and their median in bold.

    A run that stopped early is held at its last value, so that the median at every step is over all seeds.

    Args:
        label: of all of them.
        seeds: ``(x, y)`` of every seed, x ascending.
        tone: of all of them.
        dashed: draw all of them dashed.
    """
    held = [(tuple(map(float, x)), tuple(map(float, y))) for x, y in seeds if len(x)]
    if not held:
        return ()
    grid = sorted({value for x, _ in held for value in x})

    def at(x: tuple[float, ...], y: tuple[float, ...], place: float) -> float:
        earlier = [index for index, value in enumerate(x) if value <= place]
        return y[earlier[-1]] if earlier else y[0]

    middle = tuple(median(at(x, y, place) for x, y in held) for place in grid)
    thin: Literal["thin dashed", "thin"] = "thin dashed" if dashed else "thin"
    bold: Literal["dashed", "line"] = "dashed" if dashed else "line"
    lines = tuple(Curve(label, x, y, thin, tone) for x, y in held) if len(held) > 1 else ()
    return (*lines, Curve(label, tuple(grid), middle, bold, tone))


def result_path(runs: Path, claim: str, budget: Budget) -> Path:
    """Where a claim's result is stored."""
    return runs / "claims" / f"{claim}-{budget}.json"


def write_result(runs: Path, result: ClaimResult) -> Path:
    """Store a result, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    path = result_path(runs, result.claim, result.budget)
    with storing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.format(msgspec.json.encode(result), indent=1))
    return path


def read_result(path: Path) -> ClaimResult:
    """A stored result.

    Raises:
        RecordError: no such file, or not one of these.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClaimResult)
    except (OSError, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise RecordError(f"{str(path)!r} holds no result of a claim: {error}") from None

"""Makes the memory curves' pictures and the blocks of docs/memory.md again, from the files of results beside it.

``python docs/draw_memory.py``; ``make docs`` does it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unrolled.catalogue import ResultRow, read_results
from unrolled.experiments.claim import Curve, Figure
from unrolled.experiments.memory import curves, memory_figure
from unrolled.experiments.memory_specs import CELLS, SETTINGS, memory_spec, memory_specs, switched_spec, switches
from unrolled.experiments.memory_switches import switch_findings
from unrolled.experiments.readings import cell_name, decimal
from unrolled.report import render_svg

ROOT = Path(__file__).parents[1]
SIZES = tuple(range(5, 51, 5))
SHOWN = SETTINGS[:2]
SEEDS = 5

FEW_CELLS = ("lstm", "rnn")

SWITCHED, SWITCH_SEEDS, SWITCH_STEPS = 20, 3, 2000
"""Length, seeds and most steps, of `docs/switches.parquet`."""

OTHERS = {
    "random-combinations": (4, 8, 16),
    "baum-sweet": (2, 4, 6),
    "adding": (10, 20, 50),
    "copying": (5, 10, 20),
    "binary-palindromes": (5, 10, 15, 20),
}
OTHER_SEEDS, OTHER_STEPS = 3, 1500
"""Sizes by task, seeds and most steps, of `docs/tasks.parquet`."""


def main() -> None:
    """Every picture and block."""
    draw_curve()
    draw_switches()
    draw_others()


def draw_curve() -> None:
    """Two pictures and the block ``curve``."""
    rows = read_results(ROOT / "docs" / "memory.parquet")
    lines, done, seconds = [], 0, 0.0
    by_identity = {row.identity: row for row in rows}
    for setting in SHOWN:
        specs = memory_specs("palindromes", (setting,), CELLS, SIZES, SEEDS)
        found = curves(rows, specs, lambda spec: cell_name(spec.network))
        here = [by_identity[spec.identity()] for spec in specs if spec.identity() in by_identity]
        done, seconds = done + len(here), seconds + sum(row.seconds for row in here)
        draw(f"memory-{setting}", memory_figure("palindromes", setting, found, CELLS, SIZES))
        lines += [f"| {setting} | {' | '.join(map(str, SIZES))} |", "|-" * (len(SIZES) + 1) + "|"] if not lines else []
        lines += [f"| *{setting}* |{' |' * len(SIZES)}"] if lines and setting != SHOWN[0] else []
        for curve in found:
            told = {reading.size: f"{reading.solved}/{reading.count}" for reading in curve.readings}
            lines.append(f"| {curve.label} | {' | '.join(told.get(size, '·') for size in SIZES)} |")
    total = len(SHOWN) * len(CELLS) * len(SIZES) * SEEDS
    head = f"{done} of {total} runs are done, {seconds / 3600:.1f} hours of recorded training time."
    put("curve", [head, "", *lines])


def draw_switches() -> None:
    """A picture for each cell and the block ``switches``."""
    rows = {row.identity: row for row in read_results(ROOT / "docs" / "switches.parquet")}
    told: dict[str, dict[str, str]] = {}
    for cell in FEW_CELLS:
        found = []
        for switch in switches(cell, SWITCHED, SWITCH_STEPS):
            specs = [switched_spec(cell, SWITCHED, switch, seed, SWITCH_STEPS) for seed in range(SWITCH_SEEDS)]
            here = [rows[identity] for spec in specs if (identity := spec.identity()) in rows]
            found.append((switch, here))
            told.setdefault(switch.label, {})[cell] = solved(here)
        draw(f"switches-{cell}", switch_findings(cell, SWITCHED, found, SWITCH_STEPS).figures[0])
    lines = [f"| | {' | '.join(map(cell_name, FEW_CELLS))} |", "|-" * (len(FEW_CELLS) + 1) + "|"]
    lines += [f"| {label} | {' | '.join(each.get(cell, '') for cell in FEW_CELLS)} |" for label, each in told.items()]
    put("switches", lines)


def draw_others() -> None:
    """A picture of all tasks and the block ``tasks``."""
    rows = {row.identity: row for row in read_results(ROOT / "docs" / "tasks.parquet")}
    lines = [f"| | size | {' | '.join(map(cell_name, FEW_CELLS))} |", "|-" * (len(FEW_CELLS) + 2) + "|"]
    places = [(task, size) for task, sizes in OTHERS.items() for size in sizes]
    marks: dict[str, list[tuple[float, float]]] = {}
    for place, (task, size) in enumerate(places):
        told = []
        for tone, cell in enumerate(FEW_CELLS):
            specs = [memory_spec(task, "healthy", cell, size, seed, OTHER_STEPS) for seed in range(OTHER_SEEDS)]
            here = [rows[identity] for spec in specs if (identity := spec.identity()) in rows]
            told.append(solved(here))
            for row in here:
                name = cell_name(cell) + ("" if row.solved else ", not solved")
                marks.setdefault(name, []).append((float(row.steps), 0.15 - 0.3 * tone - place))
        lines.append(f"| {task} | {size} | {' | '.join(told)} |")
    figure = Figure(
        title="Other tasks, healthy settings",
        x_label="steps to the solution (logarithmic)",
        y_label="",
        curves=tuple(
            Curve(name, *zip(*marks[name], strict=True), "points", tone) for tone, name in enumerate(sorted(marks))
        ),
        log_x=True,
        x_ticks=tuple((float(step), str(step)) for step in (50, 100, 200, 500, OTHER_STEPS)),
        y_ticks=tuple((float(-place), f"{task} {size}") for place, (task, size) in enumerate(places)),
        y_range=(-len(places) + 0.4, 0.6),
    )
    draw("memory-tasks", figure)
    put("tasks", lines)


def solved(rows: Sequence[ResultRow]) -> str:
    """How many seeds of how many, and after how many steps; of an unsolved one its accuracy."""
    if not rows:
        return "·"
    steps = [str(row.solved_step) for row in sorted(rows, key=lambda row: row.steps) if row.solved]
    rest = [decimal(row.accuracy or 0.0) for row in rows if not row.solved]
    parts = [*([f"step {', '.join(steps)}"] if steps else []), *([f"accuracy {', '.join(rest)}"] if rest else [])]
    return f"{len(steps)}/{len(rows)}, {'; '.join(parts)}"


def draw(name: str, figure: Figure) -> None:
    """A picture of that name."""
    picture = ROOT / "docs" / "images" / f"{name}.svg"
    picture.write_text(on_paper(render_svg(figure)), encoding="utf-8")
    print(picture.relative_to(ROOT))


def put(block: str, lines: list[str]) -> None:
    """The lines of a block of docs/memory.md."""
    page = ROOT / "docs" / "memory.md"
    text, written = page.read_text(encoding="utf-8"), "\n".join(lines)
    pattern = rf"(?<=<!-- {block} -->\n).*?(?=<!-- end -->)"
    page.write_text(re.sub(pattern, lambda _: written + "\n", text, count=1, flags=re.S), encoding="utf-8")
    print(f"{page.relative_to(ROOT)}, {block}")


def on_paper(svg: str) -> str:
    """A picture that stands alone: dark ink on a white ground, whatever the page's own colours are."""
    ground = '<rect x="-9999" y="-9999" width="19998" height="19998" fill="white"/>'
    return re.sub(r"(<svg[^>]*>)", rf"\1\n {ground}", svg, count=1) + "\n"


if __name__ == "__main__":
    main()

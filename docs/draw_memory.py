"""Makes the memory curve's pictures and the block of docs/memory.md again, from docs/memory.parquet.

``python docs/draw_memory.py``; ``make docs`` does it too.
"""

from __future__ import annotations

import re
from pathlib import Path

from unrolled.catalogue import read_results
from unrolled.experiments.memory import curves, memory_figure
from unrolled.experiments.memory_specs import CELLS, SETTINGS, memory_specs
from unrolled.experiments.readings import cell_name
from unrolled.report import render_svg

ROOT = Path(__file__).parents[1]
SIZES = tuple(range(5, 51, 5))
SHOWN = SETTINGS[:2]
SEEDS = 5


def main() -> None:
    """Two pictures, one block of text."""
    rows = read_results(ROOT / "docs" / "memory.parquet")
    lines, done, seconds = [], 0, 0.0
    by_identity = {row.identity: row for row in rows}
    for setting in SHOWN:
        specs = memory_specs("palindromes", (setting,), CELLS, SIZES, SEEDS)
        found = curves(rows, specs, lambda spec: cell_name(spec.network))
        here = [by_identity[spec.identity()] for spec in specs if spec.identity() in by_identity]
        done, seconds = done + len(here), seconds + sum(row.seconds for row in here)
        picture = ROOT / "docs" / "images" / f"memory-{setting}.svg"
        figure = memory_figure("palindromes", setting, found, CELLS, SIZES)
        picture.write_text(on_paper(render_svg(figure)), encoding="utf-8")
        print(picture.relative_to(ROOT))
        lines += [f"| {setting} | {' | '.join(map(str, SIZES))} |", "|-" * (len(SIZES) + 1) + "|"] if not lines else []
        lines += [f"| *{setting}* |{' |' * len(SIZES)}"] if lines and setting != SHOWN[0] else []
        for curve in found:
            told = {reading.size: f"{reading.solved}/{reading.count}" for reading in curve.readings}
            lines.append(f"| {curve.label} | {' | '.join(told.get(size, '·') for size in SIZES)} |")
    total = len(SHOWN) * len(CELLS) * len(SIZES) * SEEDS
    head = f"{done} of {total} runs are done, {seconds / 3600:.1f} hours of recorded training time."
    block = "\n".join([head, "", *lines])
    page = ROOT / "docs" / "memory.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(r"(?<=<!-- curve -->\n).*?(?=\n<!-- end -->)", lambda _: block, text, flags=re.S), encoding="utf-8"
    )
    print(page.relative_to(ROOT))


def on_paper(svg: str) -> str:
    """A picture that stands alone: dark ink on a white ground, whatever the page's own colours are."""
    ground = '<rect x="-9999" y="-9999" width="19998" height="19998" fill="white"/>'
    return re.sub(r"(<svg[^>]*>)", rf"\1\n {ground}", svg, count=1) + "\n"


if __name__ == "__main__":
    main()

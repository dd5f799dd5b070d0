"""Makes what README and docs show again: the first command's output, pictures of claims' results and of terminals.

``make docs``, or ``python docs/refresh.py [RUNS]``. It needs the results that ``unrolled reproduce`` left in RUNS.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import draw_memory
from rich.console import Console
from rich.text import Text

from unrolled.analysis.gradients import phase_diagram, phase_points
from unrolled.data import course_2020
from unrolled.experiments import read_result, result_path
from unrolled.experiments.instruments import phase_figure
from unrolled.graph.reach import hop_distances
from unrolled.report import render_graph, render_svg
from unrolled.spec import ModelSpec

ROOT = Path(__file__).parents[1]
PICTURES = {"palindromes": 1, "gradients": 0, "reach": 0}
"""Which figure of which claim becomes the picture of its name."""

TERMINALS = {
    "derive": "unrolled derive --example report-b-W_hh",
    "doctor": "unrolled doctor examples/student_lstm.py:StudentLSTM --as lstm "
    "--step examples/student_lstm.py:train_step",
}
"""Which command's output becomes the picture of its name."""


def main(runs: Path) -> None:
    """Refresh the README's first block and every picture whose claim has a result, the fuller budget first."""
    for claim, index in PICTURES.items():
        paths = [result_path(runs, claim, budget) for budget in ("full", "quick")]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            print(f"{claim}: no result in {runs}; make one with: unrolled reproduce {claim}")
            continue
        picture = ROOT / "docs" / "images" / f"{claim}.svg"
        picture.write_text(draw_memory.on_paper(render_svg(read_result(path).figures[index])), encoding="utf-8")
        print(picture.relative_to(ROOT))
    hops = tuple(hop_distances(course_2020(), 2).tolist())
    picture = ROOT / "docs" / "images" / "course-2020.svg"
    picture.write_text(draw_memory.on_paper(render_graph(course_2020(), "course-2020", hops)), encoding="utf-8")
    print(picture.relative_to(ROOT))
    for name, command in TERMINALS.items():
        picture = ROOT / "docs" / "images" / f"{name}.svg"
        picture.write_text(_terminal(command), encoding="utf-8")
        print(picture.relative_to(ROOT))
    _draw_phases(ROOT / "docs" / "images" / "phases.svg")
    draw_memory.main()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(
        re.sub(r"(?<=^```console\n).*?(?=^```)", _shown, text, count=1, flags=re.M | re.S), encoding="utf-8"
    )
    print(readme.relative_to(ROOT))


def _terminal(command: str) -> str:
    """A command and what it prints, in colour, as a picture that needs no font from elsewhere."""
    words = shlex.split(command.removeprefix("unrolled "))
    surroundings = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "100"}
    process = [sys.executable, "-m", "unrolled.cli", *words]
    printed = subprocess.run(process, env=surroundings, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(Text.from_ansi(f"$ {command}\n{printed}"))
    svg = console.export_svg(title=command.partition(" --")[0], unique_id=f"terminal-{_hash(command)}")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)


def _hash(command: str) -> str:
    """So that the same command gives the same picture, byte for byte."""
    return hashlib.sha256(command.encode()).hexdigest()[:8]


def _draw_phases(picture: Path) -> None:
    """The map of `unrolled gradients --cell rnn --phase`."""
    spec = ModelSpec(cell="rnn", hidden=64)
    figure = phase_figure(phase_diagram(spec, phase_points(spec)))
    picture.write_text(draw_memory.on_paper(render_svg(figure)), encoding="utf-8")
    print(picture.relative_to(ROOT))


def _shown(block: re.Match[str]) -> str:
    """The block's command with what it prints in a fresh folder."""
    command = block.group().partition("\n")[0]
    words = shlex.split(command.removeprefix("$ unrolled "))
    with tempfile.TemporaryDirectory() as folder:
        process = [sys.executable, "-m", "unrolled.cli", *words]
        printed = subprocess.run(process, cwd=folder, check=True, capture_output=True, text=True).stdout
    return f"{command}\n{printed}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))

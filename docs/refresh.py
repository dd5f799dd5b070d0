"""Makes what the README shows again: its first command's output, and its pictures from the results of the claims.

``make docs``, or ``python docs/refresh.py [RUNS]``. It needs the results that ``unrolled reproduce`` left in RUNS.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from unrolled.cli.diagnosis import print_diagnosis
from unrolled.doctor import consult
from unrolled.experiments import read_result, result_path
from unrolled.report import render_svg

ROOT = Path(__file__).parents[1]
PICTURES = {"palindromes": 1, "gradients": 0}
"""Which figure of which claim becomes the picture of its name."""


def main(runs: Path) -> None:
    """Refresh the README's first block and every picture whose claim has a result, the fuller budget first."""
    for claim, index in PICTURES.items():
        paths = [result_path(runs, claim, budget) for budget in ("full", "quick")]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            print(f"{claim}: no result in {runs}; make one with: unrolled reproduce {claim}")
            continue
        picture = ROOT / "docs" / "images" / f"{claim}.svg"
        picture.write_text(_on_paper(render_svg(read_result(path).figures[index])), encoding="utf-8")
        print(picture.relative_to(ROOT))
    picture = ROOT / "docs" / "images" / "doctor.svg"
    picture.write_text(_verdict(), encoding="utf-8")
    print(picture.relative_to(ROOT))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(
        re.sub(r"(?<=^```console\n).*?(?=^```)", _shown, text, count=1, flags=re.M | re.S), encoding="utf-8"
    )
    print(readme.relative_to(ROOT))


def _on_paper(svg: str) -> str:
    """A picture that stands alone: dark ink on a white ground, whatever the page's own colours are."""
    return re.sub(r"(<svg[^>]*>)", r'\1\n <rect width="100%" height="100%" fill="white"/>', svg, count=1) + "\n"


def _verdict() -> str:
    """What the doctor says of the student's LSTM and train step in examples/, as a terminal shows it."""
    console = Console(record=True, width=108, highlight=False, file=io.StringIO(), force_terminal=True)
    student = "examples/student_lstm.py"
    print_diagnosis(consult(f"{student}:StudentLSTM", "lstm", f"{student}:train_step", seconds=300), console)
    svg = console.export_svg(title=f"unrolled doctor {student}:StudentLSTM --as lstm --step …", unique_id="doctor")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)


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

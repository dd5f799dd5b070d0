"""A benchmark that is made of parts, some of them measured in processes of their own."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from unrolled.kernels import recurrent

RESULTS = Path(__file__).parent.with_name("results")

Results = dict[str, float]
Part = Callable[[argparse.Namespace, Results], None]


@dataclass(frozen=True)
class Benchmark:
    """One.

    Attributes:
        file: of the script.
        doc: what its ``--help`` says.
        title: of its table.
        parts: what it measures, by name.
        usual: the parts that are measured where none is named.
        repeats: turns.
        alone: what is measured in a fresh process, by name.
        at_most: bounds of figures.
        at_least: bounds of figures.
    """

    file: str
    doc: str | None
    title: str
    parts: Mapping[str, Part]
    usual: tuple[str, ...]
    repeats: int
    alone: Mapping[str, Callable[..., Results]]
    at_most: Mapping[str, float]
    at_least: Mapping[str, float] = field(default_factory=dict)

    def main(self) -> int:
        """Measure, print, write and check."""
        parser = argparse.ArgumentParser(description=self.doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("what", nargs="*", default=list(self.usual))
        parser.add_argument("--threads", type=int, default=2)
        parser.add_argument("--repeats", type=int, default=self.repeats)
        parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
        parser.add_argument("--check", action="store_true")
        parser.add_argument("--write", action="store_true")
        arguments = parser.parse_args()
        torch.set_num_threads(arguments.threads)
        if arguments.alone:
            part, *words = arguments.what
            print(json.dumps(self.alone[part](*words)))
            return 0
        if unknown := [part for part in arguments.what if part not in self.parts]:
            parser.error(f"no part {unknown[0]!r}; parts: {', '.join(self.parts)}")
        about = (
            f"{platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads; torch {torch.__version__} "
            f"({torch.backends.cpu.get_cpu_capability()}); {recurrent.path().reason}."
        )
        print(about)
        results: Results = {}
        for part in arguments.what:
            self.parts[part](arguments, results)
        if arguments.write:
            self._write(results, about)
        wrong = self._missed(results)
        if wrong:
            print("missed: " + "; ".join(wrong))
        return 1 if arguments.check and wrong else 0

    def _missed(self, results: Results) -> list[str]:
        """The bounds that what was measured does not keep."""
        measured = results.items()
        above = [(name, value, ">", self.at_most[name]) for name, value in measured if name in self.at_most]
        below = [(name, value, "<", self.at_least[name]) for name, value in measured if name in self.at_least]
        return [
            f"{name}: {value:.3f} {sign} {bound}"
            for name, value, sign, bound in above + below
            if (value > bound if sign == ">" else value < bound)
        ]

    def _write(self, results: Results, about: str) -> None:
        """Keep the figures with those of earlier parts, and a table of them all."""
        RESULTS.mkdir(exist_ok=True)
        script = Path(self.file)
        path = RESULTS / f"{script.stem}.json"
        known = json.loads(path.read_text("utf-8"))["figures"] if path.exists() else {}
        known |= results
        path.write_text(json.dumps({"about": about, "figures": known}, indent=1, ensure_ascii=False) + "\n", "utf-8")
        lines = "".join(f"| {name} | {value:.4g} |\n" for name, value in known.items())
        page = f"# {self.title}\n\n{about}\n\n| what | |\n|-|-|\n{lines}"
        page += f"\nWritten by `python benchmarks/{script.name} --write`.\n"
        (RESULTS / f"{script.stem}.md").write_text(page, "utf-8")


def in_fresh_process(file: str, part: str, *words: str) -> Results:
    """What a benchmark measures of one part in a process of its own."""
    command = [sys.executable, file, "--alone", part, *words]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found: Results = json.loads(lines[-1])
    return found

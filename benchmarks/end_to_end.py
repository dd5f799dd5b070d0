"""How many training steps a second, data, optimiser and record included, beside a plain torch script's?

    python benchmarks/end_to_end.py                  report A's palindromes and two layers of 128 on a text
    options: --threads 2  --repeats 3  --source grimm  --check  --write

Ours is `unrolled.training.train` with the command line's own settings but for its first weights, torch's on all sides:
it evaluates every 250 steps and writes its run to disk.  Theirs is the same training with torch.nn.LSTM, in two forms.
``course``: a Dataset that draws one sequence at a time and a DataLoader over it, as the course hands out; loss and
accuracy of every batch are read.  ``vectorised``: a batch is one draw, and the loss is read every tenth step.  Neither
evaluates on held-out data, keeps the norms of its gradients, or writes anything.

All three run in one process in turns; a rate is the median of its turns, from the first step to the last, the spread
half the distance between the extremes.  The losses that they end with are printed, and stop the benchmark where one of
them is above `LEARNT`.  ``--write`` keeps the table in benchmarks/results/end_to_end.md and .json, ``--check`` ends
with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torch.utils.data import DataLoader, Dataset

from unrolled import training
from unrolled.kernels import recurrent
from unrolled.spec import RunSpec, build_task, default_spec

RESULTS = Path(__file__).with_name("results")
H = 128
LAST = 10
"""Steps whose losses are averaged; ours writes a line every so many."""

BOUNDS = {"palindromes": 2.0, "text": 1.6}
"""Steps a second over theirs, at least."""

LEARNT = {"palindromes": 1.0, "text": 2.6}
"""Nats that every side must come below: chance is 2.3 on the digits, and guessing by frequency about 3 on the text."""


class Trained(NamedTuple):
    """Steps a second, and the mean loss of the last steps in nats."""

    rate: float
    loss_nats: float


Side = Callable[[], Trained]
Batches = Iterator[tuple[Tensor, Tensor]]
"""Tokens [T,B] and what is to be predicted: [B], or [T,B] for a text."""


class CoursePalindromes(Dataset):  # type: ignore[type-arg]
    """One palindrome at a time."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        left = [np.random.randint(0, 10) for _ in range((self.length + 1) // 2)]  # noqa: NPY002
        whole = left + left[::-1] if self.length % 2 == 0 else left + left[-2::-1]
        return np.array(whole[:-1]), whole[-1]


class CourseText(Dataset):  # type: ignore[type-arg]
    """One window of a text at a time."""

    def __init__(self, codes: list[int], window: int) -> None:
        self.codes, self.window = codes, window

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        offset = np.random.randint(0, len(self.codes) - self.window - 2)  # noqa: NPY002
        piece = self.codes[offset : offset + self.window + 1]
        return np.array(piece[:-1]), np.array(piece[1:])


def course_batches(dataset: Dataset, batch: int) -> Batches:  # type: ignore[type-arg]
    """A DataLoader's, turned to time first."""
    for inputs, targets in DataLoader(dataset, batch, num_workers=0):
        yield inputs.t(), targets.t() if targets.dim() == 2 else targets


def drawn_palindromes(length: int, batch: int) -> Batches:
    """A batch at a time."""
    while True:
        left = torch.randint(10, ((length + 1) // 2, batch))
        yield torch.cat([left, left[: length // 2].flip(0)])[:-1], left[0]


def drawn_windows(codes: Tensor, window: int, batch: int) -> Batches:
    """A batch at a time."""
    steps = torch.arange(window + 1)[:, None]
    while True:
        piece = codes[torch.randint(len(codes) - window, (batch,)) + steps]
        yield piece[:-1], piece[1:]


class Plain(torch.nn.Module):
    """torch.nn.LSTM on one-hot symbols, and a linear layer on its output: at the end, or at every step."""

    def __init__(self, symbols: int, layers: int, *, every_step: bool) -> None:
        super().__init__()
        self.symbols, self.every_step = symbols, every_step
        self.layer, self.output = torch.nn.LSTM(symbols, H, num_layers=layers), torch.nn.Linear(H, symbols)

    def forward(  # noqa: D102
        self, tokens: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, state = self.layer(one_hot(tokens, self.symbols).float(), state)
        return self.output(output if self.every_step else output[-1]), state


@torch.no_grad()
def sampled(model: Plain, length: int) -> Tensor:
    """What the course's script writes every hundred steps, greedily."""
    token, state, written = torch.randint(model.symbols, (1, 1)), None, []
    for _ in range(length):
        logits, state = model(token, state)
        token = logits.argmax(-1)
        written.append(token)
    return torch.cat(written)


def theirs(spec: RunSpec, symbols: int, batches: Batches, *, reads_every: int) -> Trained:
    """A plain training loop with the settings of a spec."""
    torch.manual_seed(0)
    settings, text = spec.training, spec.task_name == "text"
    model = Plain(symbols, spec.recurrent.layers, every_step=text)
    if settings.optimiser == "rmsprop":
        optimiser: torch.optim.Optimizer = torch.optim.RMSprop(model.parameters(), settings.learning_rate)
    else:
        optimiser = torch.optim.Adam(model.parameters(), settings.learning_rate)
    losses: list[float] = []
    began = time.perf_counter()
    for step in range(settings.steps):
        tokens, targets = next(batches)
        logits, _ = model(tokens)
        loss = cross_entropy(logits.flatten(0, -2), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimiser.step()
        if step % reads_every == 0:
            losses.append(loss.item())
            float((logits.argmax(-1) == targets).float().mean())
        if text and step % settings.sample_every == 0:
            sampled(model, spec.task.window)
    rate = settings.steps / (time.perf_counter() - began)
    return Trained(rate, statistics.fmean(losses[-max(1, LAST // reads_every) :]))


def ours(spec: RunSpec) -> Trained:
    """`training.train`, which writes its run."""
    with tempfile.TemporaryDirectory() as folder:
        values = training.train(spec, name="run", runs=folder)
        next(values)
        began = time.perf_counter()
        *_, last = values
        rate = spec.training.steps / (time.perf_counter() - began)
    return Trained(rate, last.loss_nats)


def sides_of(name: str, source: str) -> dict[str, Side]:
    """Ours and theirs on one task."""
    if name == "palindromes":
        spec = default_spec(name, length=10, steps=500, initialisation="torch")
        B, L = spec.training.batch, spec.task.length
        return {
            "ours": lambda: ours(spec),
            "course": lambda: theirs(spec, 10, course_batches(CoursePalindromes(L), B), reads_every=1),
            "vectorised": lambda: theirs(spec, 10, drawn_palindromes(L, B), reads_every=10),
        }
    spec = default_spec(name, source=source, steps=250, initialisation="torch")
    task, B, T = build_task(spec), spec.training.batch, spec.task.window
    codes = task.corpus.training.long()
    listed = codes.tolist()
    return {
        "ours": lambda: ours(spec),
        "course": lambda: theirs(spec, task.symbols, course_batches(CourseText(listed, T), B), reads_every=1),
        "vectorised": lambda: theirs(spec, task.symbols, drawn_windows(codes, T, B), reads_every=10),
    }


class Row(NamedTuple):
    """One task: steps a second of the three, each the median of its turns and the spread behind it."""

    task: str
    rates: dict[str, tuple[float, float]]
    losses: dict[str, float]

    def times_as_fast(self, other: str) -> float:
        """Our steps a second over the other's."""
        return self.rates["ours"][0] / self.rates[other][0]

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's columns."""
        rates = [f"{rate:.1f} ± {spread:.1f}" for rate, spread in self.rates.values()]
        times = [f"{self.times_as_fast(other):.2f}" for other in ("course", "vectorised")]
        losses = " / ".join(f"{loss:.3f}" for loss in self.losses.values())
        return self.task, *rates, *times, f"{BOUNDS[self.task]:.1f}", losses


HEAD = (
    *("task", "ours, steps/s", "course", "vectorised", "times the course's", "times the vectorised", "at least"),
    "last losses, nats",
)


def measured(task: str, arguments: argparse.Namespace) -> Row:
    """The three sides in turns."""
    sides, found = sides_of(task, arguments.source), {}
    for _ in range(arguments.repeats):
        for name, side in sides.items():
            found.setdefault(name, []).append(side())
    losses = {name: statistics.median(one.loss_nats for one in all_) for name, all_ in found.items()}
    if max(losses.values()) > LEARNT[task]:
        raise SystemExit(f"{task}: not learnt to {LEARNT[task]} nats: {losses}")
    rates = {}
    for name, all_ in found.items():
        turns = [one.rate for one in all_]
        rates[name] = statistics.median(turns), (max(turns) - min(turns)) / 2
    return Row(task, rates, losses)


def write(rows: list[Row], about: str) -> None:
    """Keep the table, for readers and for programs."""
    lines = "".join(f"| {' | '.join(row.cells)} |\n" for row in rows)
    page = (
        f"# Training from the first step to the last beside plain torch\n\n{about}\n\n"
        f"| {' | '.join(HEAD)} |\n|{'-|' * len(HEAD)}\n{lines}\n"
        "Written by `python benchmarks/end_to_end.py --write`; its docstring says what each side does.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "end_to_end.md").write_text(page, encoding="utf-8")
    entries = [{"task": row.task, "steps_per_second": row.rates, "losses": row.losses} for row in rows]
    content = json.dumps({"about": about, "rows": entries}, indent=1)
    (RESULTS / "end_to_end.json").write_text(content + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, write and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--source", default="grimm")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    about = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads; "
        f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}); {recurrent.path().reason}; "
        f"1-minute load {os.getloadavg()[0]:.1f}."
    )
    print(about, " | ".join(HEAD), sep="\n")
    rows = []
    for task in BOUNDS:
        rows.append(measured(task, arguments))
        print(" | ".join(rows[-1].cells), flush=True)
    if arguments.write:
        write(rows, about)
    missed = [
        f"{row.task}: {row.times_as_fast(other):.2f} times the {other} script, wanted {BOUNDS[row.task]:.1f}"
        for row in rows
        for other in ("course", "vectorised")
        if row.times_as_fast(other) < BOUNDS[row.task]
    ]
    for line in missed:
        print(f"short of its bound: {line}")
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())

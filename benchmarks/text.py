"""How good is a character model after so many minutes, beside the same model with torch.nn.LSTM at equal wall time?

    python benchmarks/text.py --source grimm-2591 --minutes 3 15 60
    options: --threads 2  --runs runs/benchmark  --check  --write

Both sides train the same network from the same initial weights on the same batches, in turns of 15 seconds, by the
same loop; the one has `unrolled.nn.LSTM`, the other `torch.nn.LSTM`.  Each takes as many steps as its own speed, tried
for 8 seconds first, fits into the time, so that both cosine schedules end with it.  Time is that of the steps, the
evaluations and their look at the first step included.  The figure is bits per character of the whole held-out tenth,
the state carried on.  Stopped at any moment, it goes on when it is started again; what is done is not done again.

``--write`` keeps the table in benchmarks/results/text.md, ``--check`` ends with 1 where a bound of `SETTINGS` is
missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from unrolled import nn
from unrolled.analysis.evaluation import evaluate
from unrolled.data import NextCharacter
from unrolled.record import Run, open_run, write_whole
from unrolled.spec import ModelSpec, RunSpec, build_model, build_task, default_spec, resolve
from unrolled.training import Progress, train
from unrolled.training.streams import stream

RESULTS = Path(__file__).with_name("results")
TURN_SECONDS = 15.0
TRIAL_SECONDS = 8.0
FOR_STEPS = 0.95
"""Share of the time that is planned for steps; the rest is for the two evaluations."""
SIDES = ("unrolled", "torch")

PRECISION = "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"
"""Of both sides; torch's layer has no fast bfloat16 on every processor, and ours would win by that alone."""

LARGE: dict[str, Any] = {
    "hidden": 512,
    "dropout": 0.5,
    "output_dropout": 0.4,
    "learning_rate": 3e-3,
    "precision": PRECISION,
}
SETTINGS: dict[float, tuple[float, dict[str, Any]]] = {
    3: (1.92, {"hidden": 256, "dropout": 0.1, "output_dropout": 0.1, "learning_rate": 4e-3}),
    15: (1.74, {**LARGE, "recurrent_dropout": 0.2}),
    60: (1.68, {**LARGE, "recurrent_dropout": 0.4, "weight_decay": 0.05}),
}
"""By minutes: the bound in bits per character, and what is changed of `COMMON`."""

COMMON: dict[str, Any] = {
    "state": "carried",
    "cell": "lstm",
    "layers": 2,
    "window": 64,
    "batch": 32,
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "clip": 1.0,
    "sample_every": 0,
}


def spec_of(source: str, minutes: float, steps: int) -> RunSpec:
    """What both sides train; a budget between two settings takes the smaller one's."""
    setting = SETTINGS[max((least for least in SETTINGS if least <= minutes), default=min(SETTINGS))][1]
    every = {"evaluate_every": max(steps, 1), "checkpoint_every": max(steps // 20, 1)}
    return default_spec("text", source=source, steps=steps, **{**COMMON, **setting, **every})


class WeightDropLSTM(torch.nn.LSTM):
    """torch's layer with a share of its recurrent weights dropped while it trains, anew at every call."""

    def __init__(self, symbols: int, spec: ModelSpec) -> None:
        super().__init__(symbols, spec.hidden, spec.layers, dropout=spec.dropout)
        self._share = spec.recurrent_dropout

    def forward(self, *inputs: Any) -> Any:
        """As torch's."""
        if not self.training or self._share == 0:
            return super().forward(*inputs)
        weights = self._flat_weights
        self._flat_weights = [
            torch.nn.functional.dropout(weight, self._share) if name.startswith("weight_hh") else weight
            for name, weight in zip(self._flat_weights_names, weights, strict=True)
        ]
        try:
            return super().forward(*inputs)
        finally:
            self._flat_weights = weights


def network(side: str, spec: RunSpec, task: NextCharacter) -> nn.CharacterModel:
    """The spec's network, or torch's layer with the same weights."""
    ours = build_model(spec.recurrent, task, stream(spec.training.seed, "weights"))
    assert isinstance(ours, nn.CharacterModel)
    if side == "unrolled":
        return ours
    layer = WeightDropLSTM(task.symbols, spec.recurrent)
    theirs = nn.CharacterModel(layer, symbols=task.symbols, output_dropout=spec.recurrent.output_dropout)
    theirs.load_state_dict(ours.state_dict())
    return theirs


def speed(side: str, spec: RunSpec, task: NextCharacter) -> float:
    """Steps a second, over a trial after the first steps."""
    first = None
    for progress in train(spec, model=network(side, spec, task)):
        if progress.step > 0 and first is None:
            first = progress
        if first is not None and progress.seconds - first.seconds >= TRIAL_SECONDS:
            return (progress.step - first.step) / (progress.seconds - first.seconds)
    raise AssertionError("the trial has no end")


def begin(side: str, spec: RunSpec, name: str, runs: Path, task: NextCharacter) -> Generator[Progress, None, None]:
    """The side's training, as far as it has come."""
    return train(spec, name=name, runs=runs, resume=True, model=network(side, spec, task))


def compare(source: str, minutes: float, runs: Path) -> dict[str, Run]:
    """Train both sides in turns."""
    plan_file = runs / f"{minutes:g}.json"
    task = build_task(resolve(spec_of(source, minutes, 1)))
    assert isinstance(task, NextCharacter)
    if not plan_file.exists():
        trial = spec_of(source, minutes, 10**6)
        speeds = {side: speed(side, trial, task) for side in SIDES}
        runs.mkdir(parents=True, exist_ok=True)
        write_whole(
            plan_file, json.dumps({side: round(60 * minutes * FOR_STEPS * rate) for side, rate in speeds.items()})
        )
    steps = json.loads(plan_file.read_bytes())
    names = {side: f"{minutes:g}-minutes-{side}" for side in SIDES}
    specs = {side: resolve(spec_of(source, minutes, steps[side])) for side in SIDES}
    with contextlib.ExitStack() as stack:
        going = {
            side: stack.enter_context(contextlib.closing(begin(side, specs[side], names[side], runs, task)))
            for side in SIDES
        }
        while going:
            for side, training in list(going.items()):
                first = None
                for progress in training:
                    first = progress if first is None else first
                    if progress.stopped is not None:
                        del going[side]
                        break
                    if progress.seconds - first.seconds >= TURN_SECONDS:
                        print(
                            f"{names[side]}: step {progress.step}/{progress.steps}, {progress.seconds:.0f} s",
                            flush=True,
                        )
                        break
    return {side: open_run(runs / names[side]) for side in SIDES}


def figures(run: Run, side: str) -> dict[str, Any]:
    """What the table says of a run, its weights read over the whole held-out part."""
    assert run.result is not None
    task = build_task(run.spec)
    assert isinstance(task, NextCharacter)
    model = network(side, run.spec, task)
    model.load_state_dict(run.weights())
    found = evaluate(model, task, torch.Generator(), count=None)
    assert found.carried_bits is not None
    return {
        "steps": run.result["steps"],
        "seconds": round(run.result["seconds"]),
        "bits": round(found.carried_bits, 4),
        "bits_zero_state": round(found.bits, 4),
        "accuracy": round(found.carried_accuracy or 0.0, 4),
        "parameters": run.result["parameters"],
        "threads": run.result["threads"],
    }


def main() -> int:
    """Train, print the table, and hold it to its bounds where that is asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--source", default="grimm-2591")
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    rows, missed = [], []
    for minutes in options.minutes:
        for side, run in compare(options.source, minutes, options.runs).items():
            found = figures(run, side)
            size = f"{run.spec.recurrent.layers} x {run.spec.recurrent.hidden}, {run.spec.training.precision}"
            rows.append(
                f"| {minutes:g} | {side} | {size} | {found['steps']} | {found['seconds']} | {found['bits']:.3f} "
                f"| {found['bits_zero_state']:.3f} | {found['accuracy']:.3f} |"
            )
            bound = SETTINGS[max((least for least in SETTINGS if least <= minutes), default=min(SETTINGS))][0]
            if side == "unrolled" and found["bits"] > bound:
                missed.append(f"{minutes:g} minutes: {found['bits']:.3f} bits, bound {bound}")
    table = "\n".join(
        [
            "| minutes | side | network | steps | seconds | held-out bits | from a zero state | accuracy |",
            "|-|-|-|-|-|-|-|-|",
            *rows,
        ]
    )
    print(table)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        write_whole(RESULTS / "text.md", f"{table}\n\nSource {options.source}, {options.threads} threads.\n")
    print(*missed, sep="\n")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())

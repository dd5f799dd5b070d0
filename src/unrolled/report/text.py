"""What a run over a text adds to its page: tables beside the network, places in a window, copies and loops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unrolled.analysis.copying import TrainingText
from unrolled.analysis.loops import find_loop
from unrolled.analysis.positions import bits_by_position
from unrolled.analysis.tables import MOST_SYMBOLS, Tables
from unrolled.data import SOURCES, NextCharacter, cached
from unrolled.errors import UnrolledError
from unrolled.experiments import Curve, Figure, Table, Text
from unrolled.generation import draw_samples
from unrolled.nn import CharacterModel
from unrolled.record import Run, load_model
from unrolled.spec import TextSpec, build_task

__all__ = ["TextView", "bits_per_symbol", "order_table", "view_text"]

GRAM = 8
GREEDY_LENGTH = 500
BEGINNINGS = 5


@dataclass(frozen=True)
class TextView:
    """The parts of a run's page that are about its text.

    Attributes:
        tables: tables of short contexts beside the network; copies; loops.
        figures: bits by place in the window.
        samples: the thirds of training, a block each.
        note: why some of it is not there, or an empty string.
    """

    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    samples: tuple[Text, ...] = ()
    note: str = ""


def view_text(run: Run) -> TextView:
    """Read the run's text again, and its network where there are weights; empty for a run that learnt no text."""
    if not isinstance(run.spec.task, TextSpec):
        return TextView()
    samples = _thirds(run)
    source = run.spec.task.source
    if source in SOURCES and cached(source) is None:
        return TextView(samples=samples, note=f"The text {source} is not in the cache, and a report fetches nothing.")
    try:
        task = build_task(run.spec)
        assert isinstance(task, NextCharacter)
        tables = [order_table(run, Tables.of(task.corpus), "network"), *_copies(run, task)]
    except (UnrolledError, AssertionError) as error:
        return TextView(samples=samples, note=f"The text cannot be read again: {error}")
    try:
        model, _ = load_model(run)
        assert isinstance(model, CharacterModel)
    except (UnrolledError, AssertionError) as error:
        return TextView(tuple(tables), samples=samples, note=f"The network cannot be asked again: {error}")
    return TextView((*tables, _loops(run, model, task)), (_positions(run, model, task),), samples)


def order_table(run: Run, tables: Tables, network: str) -> Table:
    """Every order's accuracy and bits, and below them the run's own, from zero and with the state carried on."""
    rows = [
        (f"order {plain.order}", f"{plain.accuracy:.3f}", f"{smooth.bits_per_char:.3f}")
        for plain, smooth in zip(tables.back_off, tables.kneser_ney, strict=True)
    ]
    step, evaluation = _evaluated(run)
    for key, words in (("", "zero state"), ("carried_", "state carried on")):
        if evaluation.get(f"{key}loss_nats") is not None:
            bits = evaluation[f"{key}loss_nats"] / math.log(2)
            rows.append((f"{network}, {words}", f"{evaluation[f'{key}accuracy']:.3f}", f"{bits:.3f}"))
    part = f", counted on the last {tables.counted} of the training text" if tables.counted == MOST_SYMBOLS else ""
    return Table(
        f"Held out: tables and the network after {step} steps",
        ("Model", "Accuracy (tables: back-off)", f"{bits_per_symbol(run).capitalize()} (tables: Kneser-Ney)"),
        tuple(rows),
        caption=f"Order k reads k symbols of context; {tables.scored} held-out symbols{part}.",
        sources=(run.name,),
    )


def _evaluated(run: Run) -> tuple[int, Mapping[str, Any]]:
    """After how many steps, and how, the weights were evaluated that the run ended with; before its end, the last."""
    if run.result is not None and run.result.get("evaluation") is not None:
        return run.weights_of_step(), run.result["evaluation"]
    last = (run.metrics("evaluation") or [{}])[-1]
    return last.get("step", 0), last


def bits_per_symbol(run: Run) -> str:
    """What the bits of a text's run are counted by, in words."""
    assert isinstance(run.spec.task, TextSpec)
    return "bits per byte" if run.spec.task.vocabulary == "bytes" else "bits per character"


def _positions(run: Run, model: CharacterModel, task: NextCharacter) -> Figure:
    bits = bits_by_position(model, task)
    return Figure(
        title="How far into the window",
        x_label="place in the window",
        y_label=bits_per_symbol(run),
        curves=(Curve("held out, from a zero state", tuple(map(float, range(1, len(bits) + 1))), bits),),
        caption="Each window begins from a zero state: the first places have little to go by. "
        f"With the weights of step {run.weights_of_step()}.",
        sources=(run.name,),
    )


def _thirds(run: Run) -> tuple[Text, ...]:
    lines = [line for line in run.samples() if line.get("kind") == "third"]
    return tuple(
        Text(
            f"Step {step}, {'greedy' if temperature is None else f'T = {temperature:g} (τ = {1 / temperature:g})'}",
            tuple(
                line["start"] + line["text"]
                for line in lines
                if line["step"] == step and line["temperature"] == temperature
            ),
            "from fixed first characters; all of them are in summaries.txt",
        )
        for step in sorted({line["step"] for line in lines})
        for temperature in dict.fromkeys(line["temperature"] for line in lines)
    )


def _copies(run: Run, task: NextCharacter) -> tuple[Table, ...]:
    """How much of the last third's samples the training text has too."""
    lines = [line for line in run.samples() if line.get("kind") == "third"]
    last = max((line["step"] for line in lines), default=None)
    if last is None:
        return ()
    begin = max(task.corpus.split - MOST_SYMBOLS, 0)
    known = TrainingText.of(task.corpus.decode(task.corpus.codes[begin : task.corpus.split]))
    rows = []
    for temperature in dict.fromkeys(line["temperature"] for line in lines):
        texts = [
            line["start"] + line["text"]
            for line in lines
            if line["step"] == last and line["temperature"] == temperature
        ]
        rows.append(_copy_row("greedy" if temperature is None else f"T = {temperature:g}", texts, known))
    header = ("Samples", "Longest copy (characters)", "It reads", f"{GRAM}-grams also in the training text")
    caption = f"Of the samples of step {last}."
    if run.result is not None and run.weights_of_step() != last:
        caption += f" The run ended with the weights of step {run.weights_of_step()}."
    return (Table("How much of a sample is copied", header, tuple(rows), caption, sources=(run.name,)),)


def _copy_row(title: str, texts: Sequence[str], known: TrainingText) -> tuple[str, ...]:
    found = [known.compare(text, GRAM) for text in texts]
    longest = max(found, key=lambda copying: len(copying.longest)).longest
    shares = [copying.seen_share for copying in found if copying.seen_share is not None]
    share = f"{100 * sum(shares) / len(shares):.0f} %" if shares else "–"
    return (f"{title}, {len(texts)} samples", str(len(longest)), repr(longest), share)


def _loops(run: Run, model: CharacterModel, task: NextCharacter) -> Table:
    """What 500 greedy characters come to, from the first beginnings that the run's own samples have."""
    starts = list(dict.fromkeys(line["start"] for line in run.samples() if line.get("kind") == "third"))[:BEGINNINGS]
    written = draw_samples(
        model,
        task.corpus.vocabulary,
        starts or [""],
        length=GREEDY_LENGTH,
        temperature=None,
        generator=torch.Generator().manual_seed(run.spec.training.seed),
    )
    rows = []
    for sample in written:
        loop = find_loop(sample.start + sample.text)
        rows.append(
            (repr(sample.start), "no loop", "–", "–")
            if loop is None
            else (repr(sample.start), repr(loop.unit), str(loop.begins_at), f"{loop.turns:.1f}")
        )
    return Table(
        f"Loops in {GREEDY_LENGTH} greedy characters",
        ("Beginning", "Repeats", "From character", "Times"),
        tuple(rows),
        caption=f"With the weights of step {run.weights_of_step()}.",
        sources=(run.name,),
    )

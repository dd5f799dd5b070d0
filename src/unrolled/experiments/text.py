"""How much of the reports' text accuracy is language, and how much is memory of the text?

The reports' two-layer LSTM over the characters of Grimms' tales, with training accuracy as they print it, and
beside it what they do not print: accuracy and bits per character on the held-out last tenth, from a zero
state and with the state carried on, against tables that only remember short contexts (back-off, orders 0 to
9) and against interpolated modified Kneser-Ney; samples on the way, at each third of training and at several
temperatures, and how much of them is copied.

The course's text is ``grimm-2591``; where that is not at hand the claim runs on ``grimm``, another edition of
the same tales, and says so: its numbers are then of another text.

Command: ``unrolled reproduce text --budget quick``

Expected: the published training accuracies at steps 500 to 2000, a held-out accuracy below the training
accuracy, and bits per character that Kneser-Ney beats while training is short.

Time: about 1 minute on two cores (quick, one run on one of them), about 180 (full, an estimate).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unrolled.analysis.copying import TrainingText
from unrolled.analysis.loops import find_loop
from unrolled.analysis.positions import bits_by_position
from unrolled.analysis.tables import Tables
from unrolled.data import Corpus, NextCharacter, cached
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, Text
from unrolled.experiments.readings import (
    cell_name,
    cell_tones,
    choose,
    decimal,
    differences,
    evaluations,
    join,
    names,
    series,
    value_at,
)
from unrolled.experiments.rows import number_row
from unrolled.generation import draw_samples
from unrolled.nn import CharacterModel
from unrolled.record import Run, load_model
from unrolled.spec import RunSpec, TextSpec, default_spec, is_user_cell

__all__ = ["CLAIM"]

COURSE_TEXT, OTHER_TEXT = "grimm-2591", "grimm"
CELL = "lstm"
PUBLISHED_AT = {500: 0.556, 1000: 0.596, 1500: 0.615, 2000: 0.628}
"""Report A's training accuracy by step."""
CHECKED_ORDERS = range(1, 9)
CHECKED_BACK_OFF = (0.305, 0.440, 0.527, 0.569, 0.587, 0.593, 0.592, 0.591)
"""Held-out accuracy of back-off on the course's text, orders 1 to 8: an earlier check."""
WATCHED = (0, 500, 1000, 1500, 2000)
BEGINNING = "Sleeping beauty is"
GRAM = 8
GREEDY_LENGTH = 500
EMBEDDING_B = 87
SMOOTHING = 20
"""Training lines (50 steps each) that an accuracy is averaged over before it counts as reached."""
SEED = 0


@dataclass(frozen=True)
class Sizes:
    """What a budget decides.

    Attributes:
        steps: optimiser steps; report A's 20 epochs are about 161 600.
        steps_b: those of report B's run, 0 for none.
        evaluate_every: steps between evaluations on the held-out text.
    """

    steps: int
    steps_b: int
    evaluate_every: int


SIZES: dict[Budget, Sizes] = {"quick": Sizes(2000, 0, 250), "full": Sizes(161_600, 336_000, 2000)}


def source() -> str:
    """The course's text where it is at hand, else the other edition."""
    return COURSE_TEXT if cached(COURSE_TEXT) is not None else OTHER_TEXT


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """The course's two-layer LSTM, the user's cells in its place, and report B's, which reads an embedding of 87."""
    sizes, text = SIZES[budget], source()
    report_b = default_spec(
        "text",
        source=text,
        input="embedding",
        embedding=EMBEDDING_B,
        steps=max(sizes.steps_b, 1),
        evaluate_every=sizes.evaluate_every,
        sample_every=0,
        checkpoint_every=500,
        seed=SEED,
    )
    own = tuple(
        default_spec(
            "text",
            source=text,
            cell=cell,
            initialisation=None if is_user_cell(cell) else "xavier",
            steps=sizes.steps,
            evaluate_every=sizes.evaluate_every,
            sample_every=100,
            checkpoint_every=500,
            seed=SEED,
        )
        for cell in dict.fromkeys((CELL, *cells))
    )
    return (*own, report_b) if sizes.steps_b else own


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """The network beside n-grams, and what it writes."""
    found = choose(runs, lambda run: isinstance(run.spec.task, TextSpec))
    report_b = next((run for run in found if run.spec.recurrent.input == "embedding"), None)
    found = [run for run in found if run is not report_b]
    own = next((run for run in found if run.spec.network == CELL), None)
    if own is None:
        return Findings("The network was not trained, so nothing can be said.", _missing_rows())
    model, task = load_model(own)
    assert isinstance(task, NextCharacter)
    assert isinstance(model, CharacterModel)
    book = Tables.of(task.corpus)
    texts = (*_on_the_way(own), *_thirds(own), *_by_temperature(model, task.corpus))
    return Findings(
        answer=_answer(own, book),
        rows=_rows(own, report_b, book, budget),
        figures=(
            _accuracy_figure(found, book),
            _bits_figure(found, book),
            _orders_figure(own, book),
            _positions_figure(own, model, task),
        ),
        tables=(
            _order_table(own, book),
            *(_own_table(found, cells) if len(found) > 1 else ()),
            _copy_table(texts, task.corpus),
            _loop_table(model, task.corpus, texts),
        ),
        texts=texts,
    )


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def _last(run: Run, key: str) -> float:
    value = value_at(run, run.spec.training.steps, key)
    return math.nan if value is None else value


def _training_accuracy(run: Run, step: int) -> float | None:
    """Mean over the training batches of the 50 steps up to ``step``."""
    x, y = series(run, "train", "accuracy")
    earlier = [value for place, value in zip(x, y, strict=True) if step - 50 < place <= step]
    return earlier[-1] if earlier else None


def _which(run: Run) -> str:
    assert isinstance(run.spec.task, TextSpec)
    name = run.spec.task.source
    return "the course's text" if name == COURSE_TEXT else f"on another text than the course's, {name}"


def _answer(run: Run, book: Tables) -> str:
    steps = run.spec.training.steps
    trained = _training_accuracy(run, steps)
    bits, best = _last(run, "carried_loss_nats") / math.log(2), book.best_bits
    compared = "more than" if bits > best.bits_per_char else "fewer than"
    return (
        f"After {steps} steps the LSTM guesses {decimal(trained or math.nan, 3)} of the characters it trains "
        "on and "
        f"{decimal(_last(run, 'carried_accuracy'), 3)} of the held-out ones "
        f"({decimal(_last(run, 'accuracy'), 3)} from a "
        f"zero state), a table of order {book.best_accuracy.order} "
        f"{decimal(book.best_accuracy.accuracy, 3)}; it needs "
        f"{bits:.2f} bits per held-out character, {compared} the {best.bits_per_char:.2f} of Kneser-Ney "
        f"({_which(run)})."
    )


def _rows(run: Run, report_b: Run | None, book: Tables, budget: Budget) -> tuple[Row, ...]:
    assert isinstance(run.spec.task, TextSpec)
    is_course_text = run.spec.task.source == COURSE_TEXT
    which, steps = _which(run), run.spec.training.steps
    rows = []
    for step, published in PUBLISHED_AT.items():
        value = _training_accuracy(run, step)
        rows.append(
            number_row(
                f"Training accuracy at step {step}",
                f"report A: {decimal(published, 3)}",
                [] if value is None else [value],
                number=published,
                within=0.03,
                digits=3,
                comparable=is_course_text,
                note=f"{which}; mean of the 50 steps before",
            )
        )
    rows += [
        _end_row("Training accuracy after 20 epochs", "report A: .70", run, 0.70, budget, which),
        _end_row("Training accuracy, report B's run", "report B: .66 at 336 000 steps", report_b, 0.66, budget, which),
    ]
    by_order = {score.order: score for score in book.back_off}
    for order, checked in zip(CHECKED_ORDERS, CHECKED_BACK_OFF, strict=True):
        rows.append(
            number_row(
                f"Held-out accuracy of back-off, order {order}",
                f"earlier check: {decimal(checked, 3)}",
                [by_order[order].accuracy],
                number=checked,
                within=0.003 if is_course_text else 0.03,
                digits=3,
                comparable=is_course_text,
                note=which,
            )
        )
    rows += [
        _checked_row(run, "accuracy", 0.574, 0.02, "Held-out accuracy from a zero state, step 8000", which),
        _checked_row(run, "carried_accuracy", 0.597, 0.02, "Held-out accuracy, state carried on, step 8000", which),
        _checked_row(run, "carried_loss_nats", 1.94, 0.06, "Held-out bits per character, step 8000", which),
        Row(
            f"Held-out bits per character at step {steps}, beside Kneser-Ney",
            "",
            f"LSTM {_last(run, 'carried_loss_nats') / math.log(2):.3f}, Kneser-Ney {book.best_bits.bits_per_char:.3f}",
            "measured",
            f"state carried on; Kneser-Ney of order {book.best_bits.order}; {which}",
        ),
    ]
    return tuple(rows)


def _end_row(what: str, published: str, run: Run | None, number: float, budget: Budget, which: str) -> Row:
    if run is None:
        return Row(what, published, "not trained", "not reached", f"the quick budget leaves this run out; {which}")
    steps = run.spec.training.steps
    value = _training_accuracy(run, steps)
    if value is None or budget == "quick":
        measured = f"{decimal(value, 3)} at step {steps}" if value is not None else "no run finished"
        return Row(what, published, measured, "not reached", f"the quick budget ends at step {steps}; {which}")
    held_out = f"held out {decimal(_last(run, 'carried_accuracy'), 3)}"
    note = f"at step {steps}, {_reached(run, number)}; {held_out}; {which}"
    return number_row(what, published, [value], number=number, within=0.03, digits=3, note=note)


def _reached(run: Run, accuracy: float) -> str:
    """When a mean over 1000 steps first reached a training accuracy, in steps and minutes."""
    lines = run.metrics("train")
    values = [line["accuracy"] for line in lines]
    for place in range(SMOOTHING, len(lines) + 1):
        if sum(values[place - SMOOTHING : place]) / SMOOTHING >= accuracy:
            line = lines[place - 1]
            minutes = f"{line['seconds'] / 60:.0f} minutes" if "seconds" in line else "an unknown time"
            return f"{decimal(accuracy, 2)} first at step {line['step']} after {minutes}"
    return f"{decimal(accuracy, 2)} not reached"


def _checked_row(run: Run, key: str, number: float, within: float, what: str, which: str) -> Row:
    scale = 1 / math.log(2) if key.endswith("nats") else 1.0

    def show(value: float) -> str:
        return decimal(value, 3) if scale == 1.0 else f"{value:.2f}"

    x, y = evaluations(run, key)
    at = dict(zip(x, y, strict=True)).get(8000.0)
    published = f"earlier check: {show(number)}"
    if at is None:
        last = f"{show(y[-1] * scale)} at step {x[-1]:.0f}" if y else "no run finished"
        return Row(what, published, last, "not reached", f"the run ends before step 8000; {which}")
    return number_row(what, published, [at * scale], number=number, within=within, digits=3, note=which)


def _missing_rows() -> tuple[Row, ...]:
    return tuple(
        Row(
            f"Training accuracy at step {step}",
            f"report A: {decimal(value, 3)}",
            "no run finished",
            "not reached",
        )
        for step, value in PUBLISHED_AT.items()
    )


# ── figures and tables ──────────────────────────────────────────────────────────────────────────────────────


def _accuracy_figure(runs: Sequence[Run], book: Tables) -> Figure:
    tones = cell_tones((run.spec.network for run in runs), first=(CELL,))
    curves: list[Curve] = []
    for run in runs:
        name, tone = cell_name(run.spec.network), 3 * tones[run.spec.network]
        curves += [
            Curve(f"{name}, training text", *series(run, "train", "accuracy"), "dashed", tone),
            Curve(f"{name}, held out, state carried on", *evaluations(run, "carried_accuracy"), "line", tone + 1),
            Curve(f"{name}, held out, zero state", *evaluations(run), "line", tone + 2),
        ]
    if any(run.spec.network == CELL for run in runs):
        steps = max(run.spec.training.steps for run in runs)
        shown = {step: value for step, value in PUBLISHED_AT.items() if step <= steps}
        places, values = tuple(map(float, shown)), tuple(shown.values())
        curves.append(Curve("report A, training text", places, values, "points", 5))
    best = book.best_accuracy
    return Figure(
        title="Accuracy on the text it has seen and on the text it has not",
        x_label="optimiser steps",
        y_label="characters guessed right",
        curves=tuple(curves),
        levels=((best.accuracy, f"table,\norder {best.order}"),),
        y_range=(0, 0.75),
        caption="Held out: the last tenth of the text. The level is the best back-off table on it.",
        sources=names(runs),
    )


def _bits_figure(runs: Sequence[Run], book: Tables) -> Figure:
    tones = cell_tones((run.spec.network for run in runs), first=(CELL,))
    curves: list[Curve] = []
    for run in runs:
        name, tone = cell_name(run.spec.network), 3 * tones[run.spec.network]
        for key, words, offset in (
            ("carried_loss_nats", "state carried on", 1),
            ("loss_nats", "zero state", 2),
        ):
            x, y = evaluations(run, key)
            bits = tuple(value / math.log(2) for value in y)
            curves.append(Curve(f"{name}, {words}", x[1:], bits[1:], "line", tone + offset))
    best = book.best_bits
    return Figure(
        title="Bits per held-out character",
        x_label="optimiser steps",
        y_label="bits per character",
        curves=tuple(curves),
        levels=((best.bits_per_char, f"Kneser-Ney\norder {best.order}"),),
        caption="Fewer is better. The untrained network's value is left out.",
        sources=names(runs),
    )


def _orders_figure(run: Run, book: Tables) -> Figure:
    orders = tuple(float(score.order) for score in book.back_off)
    return Figure(
        title="Tables that remember short contexts, held out",
        x_label="order: characters of context",
        y_label="characters guessed right",
        curves=(
            Curve("back-off table", orders, tuple(score.accuracy for score in book.back_off), "line", 3),
            Curve("earlier check, the course's text", tuple(map(float, CHECKED_ORDERS)), CHECKED_BACK_OFF, "points", 5),
        ),
        levels=((_last(run, "carried_accuracy"), "LSTM,\ncarried on"),),
        x_ticks=tuple((order, f"{order:g}") for order in orders),
        caption=f"After order {book.best_accuracy.order} more context is more often unseen than useful.",
        sources=(run.name,),
        settings=f"held out: {book.scored} characters",
    )


def _positions_figure(run: Run, model: CharacterModel, task: NextCharacter) -> Figure:
    bits = bits_by_position(model, task)
    return Figure(
        title="How far into the window",
        x_label="place in the window",
        y_label="bits per character",
        curves=(Curve("LSTM, held out, zero state", tuple(map(float, range(1, len(bits) + 1))), bits, "line", 2),),
        levels=((_last(run, "carried_loss_nats") / math.log(2), "carried on"),),
        caption="Each window begins from a zero state: the first places have little to go by.",
        sources=(run.name,),
    )


def _order_table(run: Run, book: Tables) -> Table:
    rows = [
        (f"order {plain.order}", decimal(plain.accuracy, 3), f"{smooth.bits_per_char:.3f}")
        for plain, smooth in zip(book.back_off, book.kneser_ney, strict=True)
    ]
    for key, words in (("", "LSTM, zero state"), ("carried_", "LSTM, state carried on")):
        bits = _last(run, f"{key}loss_nats") / math.log(2)
        rows.append((words, decimal(_last(run, f"{key}accuracy"), 3), f"{bits:.3f}"))
    return Table(
        f"Held out: tables and the network after {run.spec.training.steps} steps",
        ("Model", "Accuracy (tables: back-off)", "Bits per character (tables: Kneser-Ney)"),
        tuple(rows),
        caption=f"Order k reads k characters of context; {book.scored} held-out characters, {_which(run)}.",
        sources=(run.name,),
    )


def _own_table(runs: Sequence[Run], cells: tuple[str, ...]) -> tuple[Table, ...]:
    rows = tuple(
        (
            cell_name(run.spec.network),
            decimal(_last(run, "accuracy"), 3),
            decimal(_last(run, "carried_accuracy"), 3),
            f"{_last(run, 'carried_loss_nats') / math.log(2):.3f}",
        )
        for run in runs
    )
    header = ("Cell", "Held-out accuracy", "State carried on", "Bits per character")
    return (Table("Every cell, held out", header, rows, sources=names(runs)),)


# ── what it writes ──────────────────────────────────────────────────────────────────────────────────────────


def _temperature(value: float | None) -> str:
    return "greedy" if value is None else f"T = {value:g} (τ = {1 / value:g})"


def _on_the_way(run: Run) -> tuple[Text, ...]:
    written = {line["step"]: line for line in run.samples() if line["kind"] == "progress"}
    return tuple(
        Text(
            f"Step {step}",
            (written[step]["start"] + written[step]["text"],),
            "a random first character, then greedy",
        )
        for step in WATCHED
        if step in written
    )


def _thirds(run: Run) -> tuple[Text, ...]:
    """The greedy samples at every third of training, shortest first."""
    lines = [line for line in run.samples() if line["kind"] == "third" and line["temperature"] is None]
    texts = []
    for part, step in enumerate(sorted({line["step"] for line in lines}), start=1):
        here = sorted((line for line in lines if line["step"] == step), key=lambda line: int(line["length"]))
        lengths = join([str(length) for length in sorted({line["length"] for line in here})])
        texts.append(
            Text(
                f"{part}/3 of training, step {step}",
                tuple(line["start"] + line["text"] for line in here),
                f"fixed first characters, then {lengths} greedy ones",
            )
        )
    return tuple(texts)


def _by_temperature(model: CharacterModel, corpus: Corpus) -> tuple[Text, ...]:
    generator = torch.Generator().manual_seed(SEED)
    beginning = BEGINNING if set(BEGINNING) <= set(corpus.vocabulary) else ""
    texts = []
    for temperature, start, length in (
        (None, beginning, 120),
        (0.5, beginning, 120),
        (1.0, beginning, 120),
        (2.0, beginning, 120),
        (0.5, "", 500),
    ):
        (sample,) = draw_samples(
            model, corpus.vocabulary, [start], length=length, temperature=temperature, generator=generator
        )
        title = f"{_temperature(temperature)}: {length} characters" + (f" after “{start}”" if start else "")
        texts.append(Text(title, (sample.start + sample.text,), f"drawn with seed {SEED}"))
    return tuple(texts)


def _copy_table(texts: Sequence[Text], corpus: Corpus) -> Table:
    known = TrainingText.of(corpus.training_text)
    rows = []
    for text in texts:
        written = [known.compare(sample.removeprefix(BEGINNING), GRAM) for sample in text.samples]
        longest = max(written, key=lambda copying: len(copying.longest)).longest
        shares = [copying.seen_share for copying in written if copying.seen_share is not None]
        share = f"{100 * sum(shares) / len(shares):.0f} %" if shares else "–"
        rows.append((text.title, str(len(longest)), repr(longest), share))
    return Table(
        "How much of a sample is copied from the training text",
        ("Samples", "Longest copy (characters)", "It reads", f"{GRAM}-grams also in the training text"),
        tuple(rows),
    )


def _loop_table(model: CharacterModel, corpus: Corpus, texts: Sequence[Text]) -> Table:
    """What greedy text comes to, from the beginnings that the run's own samples have."""
    starts = list(dict.fromkeys(sample[0] for text in texts if text.title.startswith("3/3") for sample in text.samples))
    written = draw_samples(
        model,
        corpus.vocabulary,
        starts or [""],
        length=GREEDY_LENGTH,
        temperature=None,
        generator=torch.Generator().manual_seed(SEED),
    )
    rows = []
    for sample in written:
        loop = find_loop(sample.start + sample.text)
        found = ("no loop", "–", "–") if loop is None else (repr(loop.unit), str(loop.begins_at), f"{loop.turns:.1f}")
        rows.append((repr(sample.start), *found))
    return Table(
        f"Loops in {GREEDY_LENGTH} greedy characters",
        ("Beginning", "Repeats", "From character", "Times"),
        tuple(rows),
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out, and which text it used."""
    sizes = differences(
        SIZES[budget], SIZES["full"], {"steps": "optimiser steps", "steps_b": "steps of report B's run"}
    )
    text = source()
    other = (
        ()
        if text == COURSE_TEXT
        else (f"text: {text}, another edition, instead of {COURSE_TEXT} (`unrolled data list` says how to have it)",)
    )
    return (*sizes, *other)


CLAIM = Claim(
    name="text",
    title="Text: Grimms' tales, character by character",
    question=(
        "How well does the reports' two-layer LSTM predict text that it has seen and text that it has not, "
        "beside tables "
        "that only remember short contexts, and what does it write?"
    ),
    expected="report A's training accuracies by step; held-out accuracy below; Kneser-Ney ahead at first",
    minutes={"quick": 1, "full": 180},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

"""Does a network's reach before training predict which seeds will solve the task?

A palindrome's last digit is its first, so of all that an RNN or LSTM hears at the end only the influence of the first
digit matters: L - 2 steps back. Reach measures it before training and at every evaluation, beside the accuracy,
for the RNN, the LSTM and the peephole LSTM, with report A's settings and with healthy ones.

Command: ``unrolled reproduce reach --budget quick``

Expected: no. Report A's settings hear the first digit more than healthy ones before training, not less, and do not
learn. After training, healthy networks give about half of their influence to the first digit, and those that have not
quite solved the task no less than those that have: to hear is not yet to answer. Whether reach tells the seeds of one
setting apart is asked, not assumed: every rank correlation is printed whatever it is.

Time: under half a minute on one core (quick), about half an hour (full).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch

from unrolled.analysis.evaluation import Evaluation
from unrolled.analysis.gradients import scale_recurrent_weights
from unrolled.analysis.reach import Reach, graph_reach, model_reach
from unrolled.analysis.reach.squashing import rank_correlation
from unrolled.data import DecimalPalindromes
from unrolled.errors import DivergedError
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, seed_curves
from unrolled.experiments.instruments import reach_figure
from unrolled.experiments.palindromes import healthy_spec, report_a_spec
from unrolled.experiments.readings import cell_name, decimal, differences
from unrolled.nn import GCNConv, Graph, RecurrentLayer
from unrolled.record import Run
from unrolled.spec import ModelSpec, RunSpec, build_model
from unrolled.training import train
from unrolled.training.streams import stream

__all__ = ["CLAIM"]

Setting = Literal["healthy", "report A"]

CELLS = ("rnn", "lstm", "peephole")
SETTINGS: tuple[Setting, ...] = ("healthy", "report A")
RING = 60
LAYERS = 16
LOOKED_AT = 32
"""Sequences over which a reach is averaged."""


@dataclass(frozen=True)
class Sizes:
    """What a budget decides.

    Attributes:
        length: L.
        hidden: units.
        batch: sequences a step.
        steps: optimiser steps, all of them taken.
        every: steps between two looks.
        seeds: how many.
    """

    length: int
    hidden: int
    batch: int
    steps: int
    every: int
    seeds: int


SIZES: dict[Budget, Sizes] = {
    "quick": Sizes(14, 32, 32, 400, 100, 6),
    "full": Sizes(20, 128, 128, 2000, 100, 10),
}


@dataclass(frozen=True)
class Look:
    """One network at one step of its training.

    Attributes:
        step: steps taken.
        accuracy: on 2000 fresh samples.
        first: the first digit's share of the influence on the answer.
        distance: the mean distance.
    """

    step: int
    accuracy: float
    first: float
    distance: float


@dataclass(frozen=True)
class Story:
    """One seed, from before training to its end."""

    cell: str
    setting: Setting
    seed: int
    looks: tuple[Look, ...]

    @property
    def before(self) -> Look:
        """The untrained network."""
        return self.looks[0]

    @property
    def after(self) -> Look:
        """The last look."""
        return self.looks[-1]

    @property
    def solved(self) -> bool:
        """Accuracy of at least .99 at the end."""
        return self.after.accuracy >= 0.99


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """None: what is looked at is networks at work, which a run on disk does not keep."""
    return ()


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Train every network, look at it on the way, and ask whether the first look foretold the last."""
    sizes = SIZES[budget]
    joined = tuple(dict.fromkeys((*CELLS, *cells)))
    stories = [
        follow(cell, setting, seed, sizes, budget)
        for setting in SETTINGS
        for cell in (joined if setting == "healthy" else CELLS)
        for seed in range(sizes.seeds)
    ]
    return Findings(
        answer=_answer(stories),
        rows=(*_setting_rows(stories, joined), _prediction_row(stories), *_within_rows(stories)),
        figures=(
            _figure(stories, joined, "first", "share of the first digit", sizes),
            _figure(stories, joined, "accuracy", "accuracy on fresh samples", sizes),
            reach_figure(ring_and_sequence(), title=f"One measure: RNNs over {RING} steps, GCNs over a ring of {RING}"),
        ),
        tables=(_table(stories, sizes),),
    )


def follow(cell: str, setting: Setting, seed: int, sizes: Sizes, budget: Budget) -> Story:
    """Train one network and look at it before and at every evaluation."""
    make = healthy_spec if setting == "healthy" else report_a_spec
    spec = make(cell, sizes.length, seed, budget)
    spec = dataclasses.replace(
        spec,
        model=dataclasses.replace(spec.model, hidden=sizes.hidden),
        training=dataclasses.replace(
            spec.training,
            batch=sizes.batch,
            steps=sizes.steps,
            evaluate_every=sizes.every,
            stop="never",
            optimiser="adam" if setting == "healthy" else spec.training.optimiser,
            learning_rate=3e-3 if setting == "healthy" else spec.training.learning_rate,
        ),
    )
    task = DecimalPalindromes(length=sizes.length)
    model = build_model(spec.recurrent, task, stream(seed, "weights"))
    drawn = task.sample(LOOKED_AT, torch.Generator().manual_seed(1000 + seed))
    looks: dict[int, Look] = {}
    try:
        for progress in train(spec, model=model):
            if isinstance(progress.evaluation, Evaluation) and progress.step not in looks:
                reach = model_reach(model, drawn.inputs)
                looks[progress.step] = Look(
                    progress.step, progress.evaluation.accuracy, reach.shares[-1], reach.mean_distance.value
                )
    except DivergedError:
        pass  # what was seen until then is its story
    return Story(cell, setting, seed, tuple(looks[step] for step in sorted(looks)))


def ring_and_sequence() -> dict[str, Reach]:
    """The same picture for two RNNs over a sequence and two GCNs over a ring of the same length."""
    task = DecimalPalindromes(length=RING + 1)
    inputs = task.sample(8, torch.Generator().manual_seed(0)).inputs
    found: dict[str, Reach] = {}
    for scale in (0.7, 1.0):
        model = build_model(ModelSpec(cell="rnn", hidden=32), task, torch.Generator().manual_seed(0))
        assert isinstance(model.layer, RecurrentLayer)
        draws = torch.Generator().manual_seed(1)
        scale_recurrent_weights(model.layer, scale, generator=draws)
        found[f"RNN, W_hh orthogonal × {scale:g}"] = model_reach(model, inputs, probes=4, generator=draws)
    around = torch.arange(RING)
    graph = Graph(around, (around + 1) % RING, RING).undirected()
    for layers in (LAYERS // 4, LAYERS):
        layer = GCNConv(1, 1, bias=False, hops=layers).double()
        with torch.no_grad():
            layer.lin.weight.fill_(1.0)
        x = torch.ones(RING, 1, dtype=torch.float64)
        name = f"linear GCN, {layers} hops"
        found[name] = graph_reach(lambda x, layer=layer: layer(x, graph), x, graph, nodes=[0])  # type: ignore[misc]
    return found


def _of(stories: Sequence[Story], cell: str, setting: Setting) -> list[Story]:
    return [story for story in stories if (story.cell, story.setting) == (cell, setting)]


def _median(stories: Sequence[Story], where: Literal["before", "after"], key: str) -> float:
    return median(float(getattr(getattr(story, where), key)) for story in stories)


def _answer(stories: Sequence[Story]) -> str:
    before = [story.before.first for story in stories]
    rank = rank_correlation(before, [story.after.accuracy for story in stories])
    words = "nothing to compare" if rank is None else f"{rank:+.2f}"
    healthy = [story for story in stories if story.setting == "healthy"]
    solved, unsolved, others = (
        decimal(median(story.after.first for story in some)) if some else "not known"
        for some in (
            [story for story in healthy if story.solved],
            [story for story in healthy if not story.solved],
            [story for story in stories if story.setting == "report A"],
        )
    )
    return (
        f"Over all {len(stories)} networks the rank correlation of the first digit's share of the influence before "
        f"training with the accuracy at the end is {words}: reach before training {_foretells(rank)} who solves the "
        f"task. After training the first digit's share is {solved} in healthy networks that solved it, {unsolved} in "
        f"healthy ones that did not, and {others} with report A's settings (medians)."
    )


def _foretells(rank: float | None) -> str:
    """What a rank correlation over all networks says."""
    if rank is None or abs(rank) < 0.5:
        return "does not foretell"
    return "foretells" if rank > 0 else "points the wrong way about"


def _setting_rows(stories: Sequence[Story], cells: Sequence[str]) -> tuple[Row, ...]:
    rows = []
    for setting in SETTINGS:
        for cell in cells:
            found = _of(stories, cell, setting)
            if found:
                rows.append(
                    Row(
                        f"{cell_name(cell)}, {setting}: the first digit's share, before → at the end",
                        "",
                        f"{_median(found, 'before', 'first'):.1e} → {_median(found, 'after', 'first'):.1e}",
                        "measured",
                        f"{sum(story.solved for story in found)} of {len(found)} seeds solved, accuracy "
                        f"{decimal(_median(found, 'after', 'accuracy'))} (medians)",
                    )
                )
    return tuple(rows)


def _prediction_row(stories: Sequence[Story]) -> Row:
    rank = rank_correlation([story.before.first for story in stories], [story.after.accuracy for story in stories])
    return Row(
        "All cells, settings and seeds: does reach before training predict accuracy?",
        "",
        "all the same" if rank is None else f"rank correlation {rank:+.2f}",
        "measured",
        f"Spearman's, over {len(stories)} networks; below 0: who hears more before training solves less; "
        "mostly the difference of the settings, which differ in input, weights, biases and optimiser together",
    )


def _within_rows(stories: Sequence[Story]) -> tuple[Row, ...]:
    rows = []
    for cell, setting in dict.fromkeys((story.cell, story.setting) for story in stories):
        found = _of(stories, cell, setting)
        rank = rank_correlation([story.before.first for story in found], [story.after.accuracy for story in found])
        rows.append(
            Row(
                f"{cell_name(cell)}, {setting}: does it tell the seeds apart?",
                "",
                "all the same" if rank is None else f"rank correlation {rank:+.2f}",
                "measured",
                f"over {len(found)} seeds; of so few, chance alone gives ±{1.96 / max(len(found) - 1, 1) ** 0.5:.1f}",
            )
        )
    return tuple(rows)


def _figure(stories: Sequence[Story], cells: Sequence[str], key: str, label: str, sizes: Sizes) -> Figure:
    curves: list[Curve] = []
    for setting in SETTINGS:
        for tone, cell in enumerate(cells):
            seeds = [
                ([look.step for look in story.looks], [getattr(look, key) for look in story.looks])
                for story in _of(stories, cell, setting)
            ]
            words = "report A's settings" if setting == "report A" else "healthy"
            curves.extend(seed_curves(f"{cell_name(cell)}, {words}", seeds, tone=tone, dashed=setting == "report A"))
    is_share = key == "first"
    chance = (1 / (sizes.length - 1), "equal\nshares") if is_share else (0.1, "chance\n.10")
    return Figure(
        title=f"Palindromes of L = {sizes.length}: {label}",
        x_label="optimiser steps",
        y_label=label,
        curves=tuple(curves),
        levels=(chance,),
        y_range=(0, 1.03),
        caption="Thin: one seed. Bold: the median.",
        settings=_settings(sizes),
    )


def _table(stories: Sequence[Story], sizes: Sizes) -> Table:
    return Table(
        "Every seed",
        (
            "Network",
            "First digit's share before",
            "and at the end",
            "Mean distance before",
            "and at the end",
            "Accuracy",
        ),
        tuple(
            (
                f"{cell_name(story.cell)}, {story.setting}, seed {story.seed}",
                f"{story.before.first:.1e}",
                f"{story.after.first:.1e}",
                f"{story.before.distance:.2f}",
                f"{story.after.distance:.2f}",
                decimal(story.after.accuracy),
            )
            for story in stories
        ),
        caption=f"L = {sizes.length}, {sizes.steps} steps; {LOOKED_AT} sequences, float64, exact Jacobians.",
    )


def _settings(sizes: Sizes) -> str:
    return (
        f"hidden: {sizes.hidden}, batch: {sizes.batch}, steps: {sizes.steps}, seeds: 0..{sizes.seeds - 1}\n"
        "healthy: one-hot, xavier, forget bias 1, adam 3e-3; report A: scalar, N(0, 1), one bias, rmsprop 1e-3, no clip"
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out."""
    words = {
        "length": "digits",
        "hidden": "units",
        "batch": "sequences a step",
        "steps": "optimiser steps",
        "seeds": "seeds",
    }
    return differences(SIZES[budget], SIZES["full"], words)


CLAIM = Claim(
    name="reach",
    title="Reach: who is heard",
    question=(
        "How much does the answer hear of the first digit before, during and after training, and does that predict "
        "which networks will solve the task?"
    ),
    expected="reach before training does not foretell it; healthy training gives the first digit half the influence",
    minutes={"quick": 0.5, "full": 30},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

"""How well do graph networks tell the topics of papers, and what do hops, normalisation and sampling change?

Kipf & Welling (2017) print 81.5, 70.3 and 79.0 % for a GCN on Cora, Citeseer and Pubmed, Veličković et al. (2018)
83.0 ± .7 % for a GAT on Cora, all with the public split and their papers' settings, which are this package's defaults.
Beside them, on Cora: how far the network hears (one layer, one of two or four hops, four layers), Â against D~⁻¹A~,
and sampled neighbours and clusters against the whole graph. Test nodes are looked at once, at the end of each run.

Command: ``unrolled reproduce citations --budget quick``

Expected: GCN within .7 points of each published mean, GAT at 82.5 % or more; one hop is worse than two; the two
normalisations differ by less than the seeds do. Samples keep the whole graph's degrees, so they should cost little.

Time: under 1 minute on two cores (quick), about 60 (full).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, Verdict, seed_curves
from unrolled.experiments.readings import HELD, choose, differences, evaluations, names
from unrolled.record import Run
from unrolled.spec import NodesSpec, RunSpec, default_spec

__all__ = ["CLAIM"]


@dataclass(frozen=True)
class Published:
    """A printed accuracy.

    Attributes:
        graph: which.
        layer: which.
        percent: the mean that was printed.
        source: who printed it.
        within: how far, in points, the mean of all seeds may be off; for GAT, below.
    """

    graph: str
    layer: str
    percent: float
    source: str
    within: float


PUBLISHED = (
    Published("cora", "gcn", 81.5, "Kipf & Welling 2017", 0.7),
    Published("cora", "gat", 83.0, "Veličković et al. 2018 (± .7)", 0.5),
    Published("citeseer", "gcn", 70.3, "Kipf & Welling 2017", 0.7),
    Published("pubmed", "gcn", 79.0, "Kipf & Welling 2017", 0.7),
)

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "two layers of one hop (the paper's)": {},
    "one layer of one hop": {"layers": 1},
    "one layer of two hops": {"layers": 1, "hops": 2},
    "one layer of four hops": {"layers": 1, "hops": 4},
    "four layers of one hop": {"layers": 4},
    "D~⁻¹A~ (random-walk) for Â": {"normalisation": "random-walk"},
    "sampled neighbours 10,10, 140 nodes a step": {"batching": "neighbours", "fanouts": "10,10", "batch": 140},
    "the same under D~⁻¹A~": {
        "batching": "neighbours",
        "fanouts": "10,10",
        "batch": 140,
        "normalisation": "random-walk",
    },
    "clusters: 2 of 5 a step": {"batching": "clusters", "parts": 5, "batch": 2},
}
"""What is changed of the GCN on Cora."""


@dataclass(frozen=True)
class Sizes:
    """What a budget decides.

    Attributes:
        graphs: on which GCN is trained.
        gcn_seeds: seeds of a GCN with its paper's settings.
        gat_seeds: seeds of a GAT.
        variant_seeds: seeds of every variant.
    """

    graphs: tuple[str, ...]
    gcn_seeds: int
    gat_seeds: int
    variant_seeds: int


SIZES: dict[Budget, Sizes] = {
    "quick": Sizes(("cora",), 3, 1, 1),
    "full": Sizes(("cora", "citeseer", "pubmed"), 10, 10, 10),
}


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """The published networks, and the variants of the first."""
    sizes = SIZES[budget]
    published = [
        default_spec("nodes", graph=each.graph, layer=each.layer, seed=seed)
        for each in PUBLISHED
        if each.graph in sizes.graphs
        for seed in range(sizes.gat_seeds if each.layer == "gat" else sizes.gcn_seeds)
    ]
    variants = [
        default_spec("nodes", graph="cora", seed=seed, **changes)
        for changes in VARIANTS.values()
        for seed in range(sizes.variant_seeds)
    ]
    return tuple(dict.fromkeys([*published, *variants]))


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Test accuracies beside the published ones, and what the variants change."""
    return Findings(
        answer=_answer(runs),
        rows=tuple(_row(runs, each, budget) for each in PUBLISHED),
        figures=(_figure(runs),),
        tables=(_table(runs),),
    )


def _of(runs: Sequence[Run], graph: str, layer: str, changes: Mapping[str, Any]) -> list[Run]:
    like = default_spec("nodes", graph=graph, layer=layer, **changes)

    def here(run: Run) -> bool:
        spec = run.spec
        return isinstance(spec.task, NodesSpec) and (spec.task, spec.model) == (like.task, like.model)

    return choose(runs, here)


def _accuracies(runs: Sequence[Run]) -> list[float]:
    """Test accuracies in percent."""
    return [100 * run.result["test"]["accuracy"] for run in runs if run.result is not None and run.result.get("test")]


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "no run finished"
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{fmean(values):.1f}{spread} % ({len(values)} seed{'s' if len(values) > 1 else ''})"


def _answer(runs: Sequence[Run]) -> str:
    gcn = _accuracies(_of(runs, "cora", "gcn", {}))
    gat = _accuracies(_of(runs, "cora", "gat", {}))
    return (
        f"On Cora the GCN is right at {_mean(gcn)} of the test nodes (published 81.5), the GAT at {_mean(gat)} (83.0)."
    )


def _row(runs: Sequence[Run], each: Published, budget: Budget) -> Row:
    values = _accuracies(_of(runs, each.graph, each.layer, {}))
    what = f"{each.layer.upper()} on {each.graph.capitalize()}: test accuracy"
    published = f"{each.source}: {each.percent:.1f} %"
    if not values:
        note = "not trained under this budget" if each.graph not in SIZES[budget].graphs else "no run finished"
        return Row(what, published, "–", "not reached", note)
    off = fmean(values) - each.percent
    close = off >= -each.within if each.layer == "gat" else abs(off) <= each.within
    is_whole = len(values) >= 10
    verdict: Verdict = "reproduced" if close else "differs" if is_whole else "not reached"
    bound = f"{each.within:g} points below or better" if each.layer == "gat" else f"within {each.within:g} points"
    return Row(
        what, published, _mean(values), verdict, bound + ("" if is_whole else "; published over 10 seeds or more")
    )


def _figure(runs: Sequence[Run]) -> Figure:
    curves: list[Curve] = []
    behind: list[str] = []
    for tone, layer in enumerate(("gcn", "gat")):
        found = _of(runs, "cora", layer, {})
        behind.extend(names(found))
        curves.extend(seed_curves(layer.upper(), [evaluations(run) for run in found], tone=tone))
    return Figure(
        title="Cora: accuracy on the validation nodes",
        x_label="epochs (whole graph)",
        y_label="share of right answers",
        curves=tuple(curves),
        y_range=(0.0, 1.0),
        log_x=False,
        caption=HELD,
        sources=tuple(behind),
    )


def _table(runs: Sequence[Run]) -> Table:
    found = {what: _of(runs, "cora", "gcn", changes) for what, changes in VARIANTS.items()}
    return Table(
        "GCN on Cora, and what changes it",
        ("Network and batches", "Test accuracy"),
        tuple((what, _mean(_accuracies(each))) for what, each in found.items()),
        caption="Everything else as in Kipf & Welling.",
        sources=tuple(name for each in found.values() for name in names(each)),
    )


def shortened(budget: Budget) -> tuple[str, ...]:
    """What the budget leaves out."""
    return differences(
        SIZES[budget],
        SIZES["full"],
        {
            "graphs": "graphs",
            "gcn_seeds": "seeds of a GCN",
            "gat_seeds": "seeds of a GAT",
            "variant_seeds": "seeds of a variant",
        },
    )


CLAIM = Claim(
    name="citations",
    title="Graphs: the topics of papers",
    question=(
        "How well do graph networks tell the topics of papers in Cora, Citeseer and Pubmed, and what do hops, "
        "normalisation and sampling change?"
    ),
    expected="GCN within .7 points of 81.5, 70.3 and 79.0 %, GAT on Cora at 82.5 % or more",
    minutes={"quick": 0.75, "full": 60},
    specs=specs,
    measure=measure,
    shortened=shortened,
)

"""Are the reports' numbers of the two course graphs right, and how far does a graph network hear?

Report B's course gives a graph of six nodes and asks how many updates it takes until E has heard of C; the edition
before it had two edges more. Everything is worked out exactly: Â in fractions and roots, its powers, its row sums.
Report A writes that the rows of Â sum to one. How far a node hears is measured by gradient, on networks with random
weights: k stacked layers, and one layer of k hops.

Command: ``unrolled reproduce course-graphs --budget quick``

Expected: C→E takes 4 updates on the graph of 2020 and 3 on that of 2019; the rows of Â sum to .8536 … 1.1809, those of
D~⁻¹A~ to one; k layers of one hop and one layer of k hops hear exactly the k-hop neighbourhood.

Time: a second; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from unrolled import data, nn
from unrolled.analysis.graph_look import GraphLook, Walk, look_at
from unrolled.experiments.claim import Budget, Claim, Curve, Figure, Findings, Row, Table, Verdict
from unrolled.experiments.readings import decimal
from unrolled.graph import Graph
from unrolled.graph.reach import hop_distances
from unrolled.record import Run
from unrolled.spec import RunSpec

__all__ = ["CLAIM", "heard"]

POWERS = 8
GRAPHS: Mapping[str, Callable[[], Graph]] = {"course-2020": data.course_2020, "course-2019": data.course_2019}
UPDATES = {"course-2020": 4, "course-2019": 3}
ENTRIES = {"course-2020": (0.0, 0.0, 0.0, 0.020833, 0.038194), "course-2019": (None, None, 0.041667)}
DEGREES_2020 = (4, 3, 2, 4, 2, 3)
SUMS_2020 = (1.1809, 0.9107, 0.8536, 1.1809, 0.8536, 0.9107)
REACH_GRAPH = "karate"
REACH = (1, 2, 3, 4, 5)


def specs(budget: Budget, cells: tuple[str, ...]) -> tuple[RunSpec, ...]:
    """Nothing is trained."""
    return ()


def measure(runs: Sequence[Run], budget: Budget, cells: tuple[str, ...]) -> Findings:
    """Both course graphs exactly, and how far networks hear."""
    looks = {name: look_at(make(), source="C", target="E", hops=POWERS) for name, make in GRAPHS.items()}
    reached = {name: _reach(name) for name in (*GRAPHS, REACH_GRAPH)}
    return Findings(
        answer=_answer(looks),
        rows=(*_course_rows(looks), _sums_row(looks["course-2020"]), *(_reach_row(*item) for item in reached.items())),
        figures=(_figure(looks),),
        tables=(_sums_table(looks), _reach_table(reached[REACH_GRAPH])),
    )


def _walk(look: GraphLook) -> Walk:
    assert look.walk is not None
    return look.walk


def _answer(looks: Mapping[str, GraphLook]) -> str:
    takes = {name: _walk(look).updates for name, look in looks.items()}
    sums = looks["course-2020"].row_sums[-1].sums
    return (
        f"C→E takes {takes['course-2020']} updates on the graph of 2020 and {takes['course-2019']} on that of 2019; "
        f"the rows of Â sum to {decimal(min(sums), 4)} … {decimal(max(sums), 4)}, not to one."
    )


# ── the course graphs ───────────────────────────────────────────────────────────────────────────────────────


def _course_rows(looks: Mapping[str, GraphLook]) -> list[Row]:
    rows = []
    for name, look in looks.items():
        walk = _walk(look)
        rows.append(
            Row(
                f"{name}: updates from C to E",
                f"the course: {UPDATES[name]}",
                str(walk.updates),
                _agrees(walk.updates == UPDATES[name]),
                "fewest edges from C to E",
            )
        )
        due = ENTRIES[name]
        assert walk.exact is not None
        close = all(each is None or abs(each - found) < 5e-7 for each, found in zip(due, walk.entries, strict=False))
        rows.append(
            Row(
                f"{name}: (Â^k)[E,C]",
                ", ".join(f"k = {k}: {decimal(each, 6)}" for k, each in enumerate(due, start=1) if each is not None),
                ", ".join(f"{k}: {root}" for k, root in enumerate(walk.exact[: len(due)], start=1)),
                _agrees(close),
                "exact, within 5e-7 of the decimals",
            )
        )
    degrees = tuple(int(float(row[place])) for place, row in enumerate(looks["course-2020"].matrices[2].entries))
    rows.append(
        Row(
            "course-2020: degrees of A~",
            f"report B: {' '.join(map(str, DEGREES_2020))}",
            " ".join(map(str, degrees)),
            _agrees(degrees == DEGREES_2020),
            "nodes A to F",
        )
    )
    sums = looks["course-2020"].row_sums[-1]
    assert sums.exact is not None
    rows.append(
        Row(
            "course-2020: row sums of Â",
            " ".join(decimal(each, 4) for each in SUMS_2020),
            ", ".join(f"{node}: {exact}" for node, exact in zip(looks["course-2020"].nodes, sums.exact, strict=True)),
            _agrees(all(abs(due - found) < 5e-5 for due, found in zip(SUMS_2020, sums.sums, strict=True))),
            "exact, within 5e-5 of the decimals",
        )
    )
    return rows


def _agrees(does: bool) -> Verdict:
    return "reproduced" if does else "differs"


def _sums_row(look: GraphLook) -> Row:
    symmetric, walk = look.row_sums[2], look.row_sums[1]
    return Row(
        "course-2020: do the rows of Â sum to one?",
        "report A: they do",
        f"Â {decimal(min(symmetric.sums), 4)} … {decimal(max(symmetric.sums), 4)}; "
        f"D~⁻¹A~ {decimal(min(walk.sums), 4)} … {decimal(max(walk.sums), 4)}",
        _agrees(symmetric.are_one),
        "only the rows of D~⁻¹A~ do",
    )


def _figure(looks: Mapping[str, GraphLook]) -> Figure:
    return Figure(
        title="What k updates carry from C to E",
        x_label="updates k",
        y_label="(Â^k)[E, C]",
        curves=tuple(
            Curve(name, tuple(map(float, range(1, POWERS + 1))), _walk(look).entries, tone=tone)
            for tone, (name, look) in enumerate(looks.items())
        ),
        caption="Zero until the news arrives, which is what the course asks for.",
        settings="graphs: course-2020, course-2019; Â with A + I, in exact arithmetic",
    )


def _sums_table(looks: Mapping[str, GraphLook]) -> Table:
    return Table(
        "Row sums under each normalisation",
        ("Graph", "Node", *(f"{sums.symbol} ({sums.normalisation})" for sums in looks["course-2020"].row_sums)),
        tuple(
            (name, node, *(f"{sums.exact[place]} = {sums.sums[place]:.4f}" for sums in look.row_sums if sums.exact))
            for name, look in looks.items()
            for place, node in enumerate(look.nodes)
        ),
    )


# ── reach ───────────────────────────────────────────────────────────────────────────────────────────────────


def heard(graph: Graph, layers: Sequence[torch.nn.Module]) -> torch.Tensor:
    """``[N, N]`` bool: whether the output at i has a gradient at the input of j, in double precision.

    Args:
        graph: of N nodes.
        layers: graph layers of one feature in and one out.
    """
    x = torch.rand(graph.num_nodes, 1, dtype=torch.float64, requires_grad=True)
    h = x
    for layer in layers:
        h = layer.double()(h, graph)
    rows = [torch.autograd.grad(each, x, retain_graph=True)[0].flatten() for each in h.flatten()]
    return torch.stack(rows) != 0


def _reach(name: str) -> dict[int, tuple[float, bool, bool]]:
    """By k: nodes in a k-hop neighbourhood on average, and whether k layers and one of k hops hear exactly those."""
    graph = GRAPHS[name]() if name in GRAPHS else data.karate_club()
    distance = torch.stack([hop_distances(graph, node) for node in range(graph.num_nodes)]).T
    found = {}
    for k in REACH:
        near = (distance >= 0) & (distance <= k)
        stacked = heard(graph, [nn.GCNConv(1, 1, bias=False) for _ in range(k)])
        powers = heard(graph, [nn.GCNConv(1, 1, bias=False, hops=k)])
        mean = float(near.double().sum(1).mean())
        found[k] = (mean, bool(torch.equal(stacked, near)), bool(torch.equal(powers, near)))
    return found


def _reach_row(name: str, found: Mapping[int, tuple[float, bool, bool]]) -> Row:
    exact = all(stacked and powers for _, stacked, powers in found.values())
    return Row(
        f"{name}: what k = 1 … {max(REACH)} layers, or one layer of k hops, hear",
        "reports A and B: k hops",
        "exactly the k-hop neighbourhood" if exact else "another neighbourhood",
        _agrees(exact),
        "by gradient of every output at every input, random weights",
    )


def _reach_table(found: Mapping[int, tuple[float, bool, bool]]) -> Table:
    return Table(
        "How much of the karate club a node hears",
        ("k", "nodes within k hops, mean of 34", "k layers hear exactly these", "one layer of k hops"),
        tuple(
            (str(k), f"{mean:.1f}", *("yes" if each else "no" for each in exact)) for k, (mean, *exact) in found.items()
        ),
    )


CLAIM = Claim(
    name="course-graphs",
    title="Graphs: the course's two, exactly",
    question="Are the reports' numbers of the course graphs right, and how far does a graph network hear?",
    expected="C→E takes 4 updates (2020) and 3 (2019); the rows of Â do not sum to one; k layers hear k hops",
    minutes={"quick": 0.05, "full": 0.05},
    specs=specs,
    measure=measure,
)

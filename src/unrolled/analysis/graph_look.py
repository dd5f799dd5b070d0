"""A graph as one works it out on paper: A, A~, D~ and Â exactly, row sums, distances, and what k updates carry.

    A_ij  the weight of j→i: row i receives        A~ = A + I        D~_ii = Σ_j A~_ij
    Â     = D~^-1/2 A~ D~^-1/2                     Â_ij = A~_ij / √(D~_ii D~_jj)
    (Âᵏ)_ij = (A~ (D~⁻¹ A~)^{k-1})_ij / √(D~_ii D~_jj)

The middle of a product of k factors Â is rational, so that each entry of Âᵏ is a rational number over one root.

Source: Kipf & Welling 2017; the course graphs and their numbers are report A's and report B's.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch

from unrolled.analysis.roots import Root
from unrolled.errors import InputError, UnknownName
from unrolled.graph import Graph
from unrolled.graph.reach import hop_distances, powers_entry

__all__ = ["EXACT_NODES", "ExactMatrix", "GraphLook", "RowSums", "Walk", "look_at", "node_called", "node_names"]

EXACT_NODES = 64
"""The most nodes whose matrices are made, entry by entry."""

_DENOMINATOR = 10**6
"""Weights are read as the nearest fraction with a denominator up to this, so that 0.1 is 1/10."""

Rows = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class ExactMatrix:
    """A matrix with its exact entries: ``entries[i][j]`` is what node i takes from node j.

    Attributes:
        name: its symbol.
        meaning: how it is made.
        entries: exactly.
    """

    name: str
    meaning: str
    entries: tuple[tuple[Root, ...], ...]

    @property
    def decimals(self) -> tuple[tuple[float, ...], ...]:
        """The entries as floating point numbers."""
        return tuple(tuple(map(float, row)) for row in self.entries)


@dataclass(frozen=True)
class RowSums:
    """What the rows of a normalised matrix add up to.

    Attributes:
        normalisation: its name, as layers take it.
        symbol: of the matrix.
        sums: of every row, in double precision.
        exact: the same as sums of roots, where the graph is small.
    """

    normalisation: str
    symbol: str
    sums: tuple[float, ...]
    exact: tuple[str, ...] | None

    @property
    def are_one(self) -> bool:
        """Whether each is 1, to rounding."""
        return all(abs(total - 1) < 1e-9 for total in self.sums)


@dataclass(frozen=True)
class Walk:
    """How news travels from one node to another.

    Attributes:
        source: where it starts.
        target: where it is awaited.
        updates: the fewest layers of one hop until the target hears the source; None: never.
        entries: (Âᵏ)[target, source] for k = 1, 2, …
        exact: the same exactly, where the graph is small.
    """

    source: str
    target: str
    updates: int | None
    entries: tuple[float, ...]
    exact: tuple[Root, ...] | None


@dataclass(frozen=True)
class GraphLook:
    """What there is to see of a graph.

    Attributes:
        nodes: their names, or numbers where they have none.
        edges: directed edges.
        is_symmetric: whether every edge has its reverse, of the same weight.
        self_loops: how many edges are loops.
        isolated: how many nodes have no edge to another.
        degree: smallest, mean and largest number of edges that a node receives.
        matrices: A, A~, D~ and Â, where the graph is small.
        row_sums: of A~, D~⁻¹A~ and Â.
        distances: ``distances[i][j]``, fewest edges from i to j, -1 where there is no way, where the graph is small.
        reached: how many nodes hear the source after 0, 1, 2 … updates, where a source was asked for.
        walk: from one node to another, where both were asked for.
        warnings: sentences that one reads and that are false here.
    """

    nodes: tuple[str, ...]
    edges: int
    is_symmetric: bool
    self_loops: int
    isolated: int
    degree: tuple[int, float, int]
    matrices: tuple[ExactMatrix, ...]
    row_sums: tuple[RowSums, ...]
    distances: tuple[tuple[int, ...], ...] | None
    reached: tuple[int, ...] | None
    walk: Walk | None
    warnings: tuple[str, ...]


def look_at(graph: Graph, *, source: str | None = None, target: str | None = None, hops: int = 5) -> GraphLook:
    """Work a graph out.

    Args:
        graph: any.
        source: a node's name, from which news starts.
        target: a node's name, where it is awaited.
        hops: how many powers of Â.

    Raises:
        UnknownName: no such node.
        InputError: no nodes, hops below 1, a target without a source, or a degree below 0.
    """
    if graph.num_nodes == 0:
        raise InputError("a graph without nodes: there is nothing to look at")
    if hops < 1:
        raise InputError(f"hops is {hops}: 1 or more")
    if target is not None and source is None:
        raise InputError(f"to {target!r}: from where? give both ends")
    is_small = graph.num_nodes <= EXACT_NODES
    adjacency = _adjacency(graph) if is_small else None
    row_sums = _row_sums(graph, adjacency)
    degrees = graph.in_degree
    loops = graph.structure.loops
    joined = torch.zeros(graph.num_nodes, dtype=torch.bool)
    joined[graph.senders[~loops]] = True
    joined[graph.receivers[~loops]] = True
    return GraphLook(
        nodes=node_names(graph),
        edges=graph.num_edges,
        is_symmetric=_is_symmetric(graph),
        self_loops=int(loops.sum()),
        isolated=int((~joined).sum()),
        degree=(int(degrees.min()), float(degrees.double().mean()), int(degrees.max())),
        matrices=() if adjacency is None else _matrices(adjacency),
        row_sums=row_sums,
        distances=_distances(graph) if is_small else None,
        reached=None if source is None else _reached(graph, node_called(graph, source)),
        walk=None if source is None or target is None else _walk(graph, adjacency, source, target, hops),
        warnings=_warnings(row_sums),
    )


def node_names(graph: Graph) -> tuple[str, ...]:
    """What nodes are called: their names, or else their numbers."""
    return tuple(map(str, graph.names if graph.names is not None else range(graph.num_nodes)))


def node_called(graph: Graph, name: str) -> int:
    """The number of the node of that name.

    Raises:
        UnknownName: there is none.
    """
    names = node_names(graph)
    if name not in names:
        shown = names if len(names) <= 20 else (*names[:20], "…")
        raise UnknownName("node", name, shown)
    return names.index(name)


# ── matrices ────────────────────────────────────────────────────────────────────────────────────────────────


def _adjacency(graph: Graph) -> Rows:
    """A, entry by entry: several edges between the same nodes are added."""
    nodes = graph.num_nodes
    rows = [[Fraction(0)] * nodes for _ in range(nodes)]
    weights = graph.weights(torch.float64).tolist()
    for sender, receiver, weight in zip(graph.senders.tolist(), graph.receivers.tolist(), weights, strict=True):
        rows[receiver][sender] += Fraction(weight).limit_denominator(_DENOMINATOR)
    return tuple(map(tuple, rows))


def _with_loops(adjacency: Rows) -> Rows:
    return tuple(
        tuple(entry + (row == column) for column, entry in enumerate(entries)) for row, entries in enumerate(adjacency)
    )


def _inverse(degree: Fraction) -> Fraction:
    return Fraction(0) if degree == 0 else 1 / degree


def _matrices(adjacency: Rows) -> tuple[ExactMatrix, ...]:
    looped = _with_loops(adjacency)
    degrees = [sum(row, Fraction(0)) for row in looped]
    nodes = range(len(degrees))
    diagonal = tuple(tuple(degrees[i] if i == j else Fraction(0) for j in nodes) for i in nodes)
    rational = [
        ("A", "row i receives from column j", adjacency),
        ("A~", "A + I", looped),
        ("D~", "row sums of A~", diagonal),
    ]
    symmetric = tuple(
        tuple(Root.of(entry, _inverse(degrees[i]) * _inverse(degrees[j])) for j, entry in enumerate(row))
        for i, row in enumerate(looped)
    )
    made = [ExactMatrix(n, how, tuple(tuple(map(Root.of, row)) for row in rows)) for n, how, rows in rational]
    return (*made, ExactMatrix("Â", "D~^-1/2 A~ D~^-1/2", symmetric))


_SYMBOLS = {"none": "A~", "random-walk": "D~⁻¹A~", "symmetric": "Â"}


def _row_sums(graph: Graph, adjacency: Rows | None) -> tuple[RowSums, ...]:
    found = []
    for name, symbol in _SYMBOLS.items():
        operator = graph.operator(name, self_loops="add", dtype=torch.float64)
        sums = (operator @ torch.ones(graph.num_nodes, 1, dtype=torch.float64)).flatten().tolist()
        exact = None if adjacency is None else tuple(_exact_sums(adjacency, name))
        found.append(RowSums(name, symbol, tuple(sums), exact))
    return tuple(found)


def _exact_sums(adjacency: Rows, normalisation: str) -> list[str]:
    looped = _with_loops(adjacency)
    degrees = [sum(row, Fraction(0)) for row in looped]
    if normalisation == "none":
        return [str(degree) for degree in degrees]
    if normalisation == "random-walk":
        return [str(degree * _inverse(degree)) for degree in degrees]
    written = []
    for row, entries in enumerate(looped):
        counts: dict[Root, int] = {}
        for column, entry in enumerate(entries):
            root = Root.of(entry, _inverse(degrees[row]) * _inverse(degrees[column]))
            if root.square:
                counts[root] = counts.get(root, 0) + 1
        ordered = sorted(counts.items(), key=lambda item: -float(item[0]))
        written.append(" + ".join(root.text(times) for root, times in ordered) or "0")
    return written


def _warnings(row_sums: tuple[RowSums, ...]) -> tuple[str, ...]:
    _, random_walk, symmetric = row_sums
    if symmetric.are_one:
        return ()
    where = "" if random_walk.are_one else " where D~ is not 0"
    low, high = min(symmetric.sums), max(symmetric.sums)
    return (
        f"“The rows of Â sum to one” is false here: they sum to {low:.4f} … {high:.4f}. "
        f"Those of D~⁻¹A~ (random-walk) do{where}; those of Â only where all neighbours have the same degree.",
    )


# ── travelling ──────────────────────────────────────────────────────────────────────────────────────────────


def _is_symmetric(graph: Graph) -> bool:
    there = graph.senders * graph.num_nodes + graph.receivers
    back = graph.receivers * graph.num_nodes + graph.senders
    first, second = there.argsort(stable=True), back.argsort(stable=True)
    if not torch.equal(there[first], back[second]):
        return False
    weights = graph.weights()
    return bool(torch.equal(weights[first], weights[second]))


def _distances(graph: Graph) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(hop_distances(graph, node).tolist()) for node in range(graph.num_nodes))


def _reached(graph: Graph, source: int) -> tuple[int, ...]:
    distance = hop_distances(graph, source)
    return tuple(torch.bincount(distance[distance >= 0]).cumsum(0).tolist())


def _walk(graph: Graph, adjacency: Rows | None, source: str, target: str, hops: int) -> Walk:
    start, end = node_called(graph, source), node_called(graph, target)
    updates = int(hop_distances(graph, start)[end])
    exact = None if adjacency is None else _exact_walk(adjacency, start, end, hops)
    entries = powers_entry(graph, end, start, hops) if exact is None else list(map(float, exact))
    return Walk(source, target, None if updates < 0 else updates, tuple(entries), exact)


def _exact_walk(adjacency: Rows, source: int, target: int, hops: int) -> tuple[Root, ...]:
    """``(A~ (D~⁻¹A~)^{k-1})[target, source] / √(D~_target D~_source)`` for k = 1 … hops."""
    looped = _with_loops(adjacency)
    degrees = [sum(row, Fraction(0)) for row in looped]
    ends = _inverse(degrees[source]) * _inverse(degrees[target])
    carried = [Fraction(node == source) for node in range(len(looped))]
    found = []
    for hop in range(hops):
        scaled = carried if hop == 0 else [value * _inverse(d) for value, d in zip(carried, degrees, strict=True)]
        carried = [sum((a * b for a, b in zip(row, scaled, strict=True) if a and b), Fraction(0)) for row in looped]
        found.append(Root.of(carried[target], ends))
    return tuple(found)

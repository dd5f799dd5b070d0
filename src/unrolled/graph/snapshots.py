"""`Snapshots`: the graphs of a sequence, one for all steps or one a step, each sequence's own or shared by a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.graph.batch import side_by_side
from unrolled.graph.memo import graph_of
from unrolled.graph.value import Graph

__all__ = ["Snapshots"]


@dataclass(frozen=True, eq=False)
class Snapshots:
    """T graphs of N nodes each, or one that stays.

    Args:
        steps: one graph for all steps, or one a step. Where every sequence of a batch has graphs of its own, a step's
            graph is those side by side, B·N nodes.
        rows: how many sequences' graphs stand side by side in each step's: B, or 1 where a batch shares them.
    """

    steps: tuple[Graph, ...]
    rows: int = 1

    @classmethod
    def of(cls, owner: str, given: Any, T: int, B: int, N: int, *, batch_first: bool = False) -> Snapshots:
        """What a layer was called with: a graph; one a step; or, of a batch, one a step and sequence.

        Args:
            owner: who asks, for the messages.
            given: a `Graph`, an edge_index ``[2, E]`` or a sparse torch matrix whose rows receive; or a list of T of
                them; or a list of T lists of B (of B lists of T under `batch_first`).
            T: steps.
            B: sequences.
            N: nodes.
            batch_first: how nested lists are meant.

        Raises:
            InputError: no graphs.
            ShapeError: another number of them, or of nodes.
        """
        if _is_graph(given):
            return cls((_checked(owner, given, N, "the graph"),))
        if not isinstance(given, list | tuple):
            raise InputError(
                f"{owner}: the graph is a {type(given).__name__}; "
                "a Graph, an edge_index or a list of one a step would do"
            )
        if not given:
            raise ShapeError(f"{owner}: a list of no graphs; one for each of the {T} steps would do")
        if not any(isinstance(each, list | tuple) for each in given):
            _count(owner, given, T, "graphs", f"x has {T} steps")
            shared = all(each is given[0] for each in given)
            kept = given[:1] if shared else given
            return cls(tuple(_checked(owner, each, N, f"the graph of step {t}") for t, each in enumerate(kept)))
        outer, inner = (B, T) if batch_first else (T, B)
        what, part = ("sequences", "steps") if batch_first else ("steps", "sequences")
        _count(owner, given, outer, "lists of graphs", f"x has {outer} {what}")
        for each in given:
            if not isinstance(each, list | tuple):
                raise InputError(f"{owner}: graphs and lists of graphs beside each other; all of one kind would do")
            _count(owner, each, inner, "graphs in a list", f"x has {inner} {part}")
        by_step = zip(*given, strict=True) if batch_first else given
        return cls(
            tuple(
                side_by_side([_checked(owner, each, N, f"a graph of step {t}") for each in at_step])
                for t, at_step in enumerate(by_step)
            ),
            rows=B,
        )

    @property
    def fixed(self) -> bool:
        """Whether one graph serves all steps."""
        return len(self.steps) == 1

    @cached_property
    def as_one(self) -> Graph:
        """All steps' graphs side by side, T·N nodes."""
        return side_by_side(self.steps)

    def among(self, present: Tensor) -> Snapshots:
        """At each step the edges between nodes that are there.

        Args:
            present: ``[T, N]``, or ``[T, B, N]`` where sequences differ, bool.
        """
        T, rows = present.shape[0], self.rows
        graphs = self.steps * T if self.fixed else self.steps
        if present.dim() == 3 and rows == 1:
            rows = present.shape[1]
            graphs = tuple(side_by_side([graph] * rows) for graph in self.steps) * (T if self.fixed else 1)
        if present.dim() == 2 and rows > 1:
            present = present.unsqueeze(1).expand(-1, rows, -1)
        found: dict[tuple[int, bytes], Graph] = {}
        cut = []
        for graph, there in zip(graphs, present.reshape(T, -1), strict=True):
            key = (id(graph), there.cpu().numpy().tobytes())
            if key not in found:
                found[key] = graph.among(there)
            cut.append(found[key])
        return Snapshots(tuple(cut[:1] if all(each is cut[0] for each in cut) else cut), rows)


def _is_graph(given: Any) -> bool:
    return isinstance(given, Graph | Tensor)


def _checked(owner: str, given: Any, nodes: int, what: str) -> Graph:
    if not _is_graph(given):
        raise InputError(f"{owner}: {what} is a {type(given).__name__}; a Graph or an edge_index [2, E] would do")
    graph = given if isinstance(given, Graph) else graph_of(given, nodes)
    if graph.num_nodes != nodes:
        raise ShapeError(f"{owner}: x has {nodes} nodes, {what} {graph.num_nodes}")
    return graph


def _count(owner: str, given: Sequence[Any], wanted: int, what: str, because: str) -> None:
    if len(given) != wanted:
        raise ShapeError(f"{owner}: {because}, but {len(given)} {what} were given; {wanted} would do, or one Graph")

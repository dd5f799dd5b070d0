"""Graphs as one writes them on paper: ``A-B A-E B->C C<-D E``.

``A-B`` is an undirected edge (two directed ones, a loop ``A-A`` one), ``A->B`` and ``B<-A`` a directed one,
``A-B:2.5`` has a weight, and ``A`` alone is a node.  Words are separated by white space, commas, semicolons
or lines; ``#`` starts a remark.  Names are letters, digits, dots and underscores; nodes are numbered in the
order of their names, numbers before words.  ::

    >>> Graph.from_text("A-B B->C D").edge_index.tolist()
    [[0, 1, 1], [1, 2, 0]]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from unrolled.errors import InputError

if TYPE_CHECKING:
    from unrolled.graph.value import Graph

__all__ = ["read", "write"]

_EDGE = re.compile(r"(?P<a>[\w.]+)(?:(?P<way><-|->|-)(?P<b>[\w.]+)(?::(?P<weight>[-+.\w]+))?)?")


def _place(name: str) -> tuple[int, int, str]:
    """Numbers in their order, then words in theirs."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def _weight(word: str, text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        raise InputError(f"{word!r}: the weight {text!r} is no number") from None


def read(lines: str) -> dict[str, Any]:
    """A graph's fields from text; the given edges in their order, then the reverses of the undirected ones.

    Raises:
        InputError: a word that is no edge.
    """
    edges: list[tuple[str, str, float]] = []
    reverses: list[tuple[str, str, float]] = []
    names: set[str] = set()
    weighted = False
    for line in lines.splitlines():
        for word in re.split(r"[\s,;]+", line.partition("#")[0].strip()):
            if not word:
                continue
            found = _EDGE.fullmatch(word)
            if found is None:
                raise InputError(f"{word!r} is no edge; A-B, A->B, A<-B, A-B:0.5, or A for a node alone, would do")
            a, b, way = found["a"], found["b"], found["way"]
            names.add(a)
            if b is None:
                continue
            names.add(b)
            weight = _weight(word, found["weight"])
            weighted = weighted or found["weight"] is not None
            edges.append((b, a, weight) if way == "<-" else (a, b, weight))
            if way == "-" and a != b:
                reverses.append((b, a, weight))
    ordered = tuple(sorted(names, key=_place))
    number = {name: place for place, name in enumerate(ordered)}
    edges += reverses
    return {
        "senders": torch.tensor([number[a] for a, _, _ in edges], dtype=torch.long),
        "receivers": torch.tensor([number[b] for _, b, _ in edges], dtype=torch.long),
        "num_nodes": len(ordered),
        "edge_weight": torch.tensor([weight for _, _, weight in edges]) if weighted else None,
        "names": ordered,
    }


def write(graph: Graph) -> str:
    """The text of a graph: every edge directed and in its order, then the nodes that have none.

    Read again, it has the same edges between the same names; nodes are then numbered by their names' order.

    Raises:
        InputError: a name that a text cannot hold.
    """
    names = [str(name) for name in graph.names or range(graph.num_nodes)]
    for name in names:
        if not re.fullmatch(r"[\w.]+", name):
            raise InputError(f"node {name!r}: names in a text are letters, digits, dots and underscores")
    ends = zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True)
    words = [f"{names[a]}->{names[b]}" for a, b in ends]
    if graph.edge_weight is not None:
        words = [f"{word}:{weight!r}" for word, weight in zip(words, graph.edge_weight.detach().tolist(), strict=True)]
    alone = ((graph.in_degree + graph.out_degree) == 0).nonzero().squeeze(1)
    return " ".join([*words, *(names[node] for node in alone.tolist())])

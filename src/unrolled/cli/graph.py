"""``unrolled graph GRAPH``: what one works out on paper, exactly."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from unrolled.analysis.graph_attention import AttentionLook
    from unrolled.analysis.graph_look import GraphLook
    from unrolled.graph import Graph

__all__ = ["graph"]

SHOWN = 16
"""The most nodes whose matrices are printed."""


def graph(
    graph: str,
    /,
    *,
    source: Annotated[str | None, Parameter(name="--from")] = None,
    target: Annotated[str | None, Parameter(name="--to")] = None,
    hops: int = 5,
    attention: str | None = None,
    heads: int = 1,
    seed: int = 0,
    svg: Path | None = None,
    nodes: str | None = None,
    directed: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Show a graph's matrices exactly, its row sums and distances, and how far news travels in k updates.

    Args:
        graph: written out (A-B A-E B->C), a registered graph (unrolled data list), or a file.
        source: a node from which news starts.
        target: a node where it is awaited.
        hops: how many powers of Â to show between the two.
        attention: show GAT's α: random, or a JSON file with W, a and perhaps h.
        heads: heads of random attention.
        seed: of random attention.
        svg: write a picture to this file.
        nodes: for a list of edges (.csv), a file with what is known of each node.
        directed: for a list of edges, each goes one way.
        as_json: as JSON, for programs.
    """
    from unrolled.analysis.graph_attention import random_attention, read_attention
    from unrolled.analysis.graph_look import look_at
    from unrolled.cli.data import announce
    from unrolled.data import graph_or_text

    announce(graph)
    found = graph_or_text(graph, nodes, directed=directed)
    look = look_at(found, source=source, target=target, hops=hops)
    seen = None
    if attention is not None:
        given = attention == "random"
        seen = random_attention(found, heads=heads, seed=seed) if given else read_attention(found, Path(attention))
    if svg is not None:
        _draw(found, graph, source, svg)
    if as_json:
        print(json.dumps(_plain(look, seen), indent=1, ensure_ascii=False))
        return
    print("\n".join(_lines(look, seen)))
    for warning in look.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if svg is not None:
        print(f"{svg}  a picture")


def _draw(graph: Graph, title: str, source: str | None, svg: Path) -> None:
    from unrolled.analysis.graph_look import node_called
    from unrolled.graph.reach import hop_distances
    from unrolled.record import write_whole
    from unrolled.report import render_graph

    tones = None
    if source is not None:
        tones = tuple(hop_distances(graph, node_called(graph, source)).tolist())
    write_whole(svg, render_graph(graph, title, tones) + "\n")


# ── as text ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(look: GraphLook, attention: AttentionLook | None) -> list[str]:
    low, mean, high = look.degree
    kind = f"{look.edges // 2} edges both ways" if look.is_symmetric and not look.self_loops else f"{look.edges} edges"
    loops = f", {look.self_loops} of them loops" if look.self_loops else ""
    lines = [
        f"{len(look.nodes)} nodes, {kind}{loops}; a node receives {low} to {high} edges, {mean:.2f} on average; "
        f"{look.isolated} isolated"
    ]
    is_small = len(look.nodes) <= SHOWN
    if is_small:
        for matrix in look.matrices:
            exact = [[str(entry) for entry in row] for row in matrix.entries]
            lines += ["", f"{matrix.name} = {matrix.meaning}", *_table(look.nodes, look.nodes, exact)]
            if matrix.name == "Â":
                decimals = [[f"{value:.6f}" for value in row] for row in matrix.decimals]
                lines += ["", f"{matrix.name} in decimals", *_table(look.nodes, look.nodes, decimals)]
    lines += ["", *_row_sums(look, is_small)]
    if is_small and look.distances is not None:
        hops = [[str(value) if value >= 0 else "–" for value in row] for row in look.distances]
        lines += [
            "",
            "hops from (row) to (column), which are the updates it takes",
            *_table(look.nodes, look.nodes, hops),
        ]
    if not is_small:
        lines += ["", f"matrices are shown of at most {SHOWN} nodes; --json has them up to 64"]
    lines += _travel(look)
    return lines if attention is None else [*lines, *_attention(look, attention)]


def _row_sums(look: GraphLook, is_small: bool) -> list[str]:
    if not is_small:
        return [
            f"rows of {sums.symbol} ({sums.normalisation}) sum to {min(sums.sums):.4f} … {max(sums.sums):.4f}"
            for sums in look.row_sums
        ]
    header = [f"{sums.symbol} ({sums.normalisation})" for sums in look.row_sums]
    rows = [
        [
            sums.exact[node] if total == round(total) else f"{total:.4f} = {sums.exact[node]}"
            for sums in look.row_sums
            for total in [sums.sums[node]]
            if sums.exact is not None
        ]
        for node in range(len(look.nodes))
    ]
    return ["row sums", *_table(look.nodes, header, rows)]


def _travel(look: GraphLook) -> list[str]:
    lines = []
    if look.reached is not None:
        counts = ", ".join(f"{count} after {hop}" for hop, count in enumerate(look.reached))
        lines += ["", f"nodes that have heard the news: {counts} updates"]
    if look.walk is not None:
        walk = look.walk
        takes = "never gets there" if walk.updates is None else f"takes {walk.updates} updates"
        lines += ["", f"{walk.source} → {walk.target} {takes}"]
        for hop, value in enumerate(walk.entries):
            exact = f" = {walk.exact[hop]}" if walk.exact is not None and value else ""
            lines.append(f"  (Â^{hop + 1})[{walk.target},{walk.source}] = {value:.6f}{exact}")
    return lines


def _attention(look: GraphLook, attention: AttentionLook) -> list[str]:
    lines = []
    for number, head in enumerate(attention.heads, start=1):
        rows = [[f"{value:.4f}" if value else "·" for value in row] for row in head]
        which = f", head {number}" if len(attention.heads) > 1 else ""
        lines += ["", f"α of graph attention{which}, weights {attention.weights}; rows sum to one"]
        lines += _table(look.nodes, look.nodes, rows)
    return lines


def _table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Right-aligned columns under their names, each row after its own."""
    left = max(map(len, rows))
    widths = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(columns)]
    lines = [[" " * left, *(name.rjust(width) for name, width in zip(columns, widths, strict=True))]]
    for name, row in zip(rows, cells, strict=True):
        lines.append([name.ljust(left), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))])
    return ["  " + "  ".join(line).rstrip() for line in lines]


# ── as JSON ─────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(look: GraphLook, attention: AttentionLook | None) -> dict[str, Any]:
    content = dataclasses.asdict(dataclasses.replace(look, matrices=(), walk=None))
    content["matrices"] = {
        matrix.name: {
            "meaning": matrix.meaning,
            "exact": [[str(entry) for entry in row] for row in matrix.entries],
            "decimals": matrix.decimals,
        }
        for matrix in look.matrices
    }
    if look.walk is not None:
        walk = dataclasses.asdict(dataclasses.replace(look.walk, exact=None))
        exact = None if look.walk.exact is None else [str(entry) for entry in look.walk.exact]
        content["walk"] = {**walk, "exact": exact}
    content["attention"] = None if attention is None else dataclasses.asdict(attention)
    return content

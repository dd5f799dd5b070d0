"""A graph as an SVG: circles with names, lines for edges, arrows where an edge goes one way."""

from __future__ import annotations

import math
from html import escape

from unrolled.analysis.graph_layout import layout
from unrolled.analysis.graph_look import node_names
from unrolled.graph import Graph
from unrolled.report.figures import LIGHT

__all__ = ["render_graph"]

EDGE, RADIUS, MARGIN = 90.0, 15.0, 34.0
"""Length of an edge, radius of a node and width of the margin, in the picture's units."""


def render_graph(graph: Graph, title: str, tones: tuple[int, ...] | None = None) -> str:
    """The graph as one ``<svg>`` element, to stand in a page or alone in a file.

    Args:
        graph: of as many nodes as can be laid out.
        title: what screen readers say.
        tones: which of the report's colours each node has; by default its label, or all the same.

    Raises:
        InputError: a graph too large for a picture.
    """
    places = [(EDGE * x, EDGE * y) for x, y in layout(graph)]
    names = node_names(graph)
    if tones is None:
        tones = (0,) * len(names) if graph.labels is None else tuple(graph.labels.flatten().tolist())
    left, top = min(x for x, _ in places) - MARGIN, min(y for _, y in places) - MARGIN
    width = max(x for x, _ in places) + MARGIN - left
    height = max(y for _, y in places) + MARGIN - top
    radius = RADIUS if len(names) <= 60 else 5.0
    parts = [
        f'<svg role="img" aria-label="{escape(title, quote=True)}" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" font-family="DejaVu Sans, sans-serif" '
        'font-size="13" text-anchor="middle" color="#1b242c">'
    ]
    pairs = set(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True))
    for sender, receiver in sorted(pairs):
        if sender == receiver:
            x, y = places[sender]
            parts.append(_circle(x, y - radius - 5, 9, 'fill="none" stroke="currentColor" stroke-width="1.3"'))
        elif (receiver, sender) not in pairs:
            parts.append(_line(places[sender], places[receiver], radius, arrow=True))
        elif sender < receiver:
            parts.append(_line(places[sender], places[receiver], radius, arrow=False))
    for (x, y), name, tone in zip(places, names, tones, strict=True):
        colour = f"var(--tone-{tone % len(LIGHT)}, {LIGHT[tone % len(LIGHT)]})"
        parts.append(_circle(x, y, radius, f'fill="{colour}"'))
        if radius == RADIUS:
            size = "" if len(name) <= 3 else f' font-size="{max(5.0, 40 / len(name)):.1f}"'
            parts.append(f'<text x="{x:.1f}" y="{y + 4.5:.1f}" fill="#ffffff"{size}>{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"])


def _circle(x: float, y: float, radius: float, style: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {style}/>'


def _line(start: tuple[float, float], end: tuple[float, float], radius: float, *, arrow: bool) -> str:
    """From the edge of one circle to that of the other."""
    length = max(math.dist(start, end), 1e-6)
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    x1, y1 = start[0] + radius * ux, start[1] + radius * uy
    x2, y2 = end[0] - radius * ux, end[1] - radius * uy
    path = f"M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}"
    if arrow:
        for side in (0.45, -0.45):
            c, s = math.cos(math.pi - side), math.sin(math.pi - side)
            path += f" M{x2:.1f} {y2:.1f} l{9 * (ux * c - uy * s):.1f} {9 * (ux * s + uy * c):.1f}"
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.3"/>'

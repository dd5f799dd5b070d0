"""A graph as a picture: every node and edge is there once, whatever its names hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from unrolled.data import karate_club
from unrolled.graph import Graph
from unrolled.report import render_graph

SPACE = "{http://www.w3.org/2000/svg}"


def test_nodes_edges_arrows_and_loops() -> None:
    svg = render_graph(Graph.from_text("A-B B->C A-A"), "three")
    root = ElementTree.fromstring(svg)
    assert [text.text for text in root.iter(f"{SPACE}text")] == ["A", "B", "C"]
    assert len(list(root.iter(f"{SPACE}circle"))) == 3 + 1
    arrows = [path for path in root.iter(f"{SPACE}path") if path.attrib["d"].count("M") == 3]
    assert len(list(root.iter(f"{SPACE}path"))) == 2
    assert len(arrows) == 1
    assert svg == render_graph(Graph.from_text("A-B B->C A-A"), "three")


def test_labels_are_tones_and_names_are_escaped() -> None:
    assert set(re.findall(r"--tone-(\d)", render_graph(karate_club(), "karate"))) == {"0", "1"}
    graph = Graph.from_edge_index([[0], [1]], names=("<b>", "&"))
    ElementTree.fromstring(render_graph(graph, '"<&'))

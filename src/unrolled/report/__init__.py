"""Showing: one self-contained page about claims or about runs.

`write_report` writes it, `write_instrument` one about what the microscope or the measure of reach saw, `render_svg`
draws one figure of it, `render_graph` a graph.
"""

from __future__ import annotations

from unrolled.report.figures import render_svg
from unrolled.report.graph_picture import render_graph
from unrolled.report.page import render_report, verdict_sentence, write_instrument, write_report

__all__ = ["render_graph", "render_report", "render_svg", "verdict_sentence", "write_instrument", "write_report"]

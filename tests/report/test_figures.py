"""The same numbers give the same bytes; what is drawn stands alone and can be read."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest

from unrolled.experiments import Curve, Figure, Heat
from unrolled.report import render_svg
from unrolled.report.figures import DARK, LIGHT, MARKERS


def test_equal_figures_give_equal_bytes(figure: Figure) -> None:
    assert render_svg(figure) == render_svg(dataclasses.replace(figure))


def test_another_number_gives_another_drawing_and_other_ids(figure: Figure) -> None:
    changed = dataclasses.replace(figure, curves=(Curve("RNN", (1.0, 2.0), (0.1, 0.9)),))
    first, second = render_svg(figure), render_svg(changed)
    assert first != second
    assert not _ids(first) & _ids(second)


def test_every_reference_is_to_an_id_of_the_figure_itself(figure: Figure) -> None:
    svg = render_svg(figure)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    assert used and used <= _ids(svg)


def test_no_two_elements_have_one_id(figure: Figure) -> None:
    ids = re.findall(r'\bid="([^"]+)"', render_svg(figure))
    assert len(ids) == len(set(ids))


def test_it_is_well_formed_and_has_no_date_and_no_size_of_its_own(figure: Figure) -> None:
    svg = render_svg(figure)
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)
    assert "metadata" not in svg


def test_ink_is_the_page_s_and_tones_are_variables_with_fallbacks(figure: Figure) -> None:
    svg = render_svg(figure)
    assert "currentColor" in svg
    assert f"var(--tone-0, {LIGHT[0]})" in svg
    assert f"var(--tone-1, {LIGHT[1]})" in svg
    assert "#0a0a0" not in svg
    assert "#0b0b0" not in svg
    assert "#000000" not in svg
    assert "#ffffff" not in svg


def test_text_is_text_and_large_enough(figure: Figure) -> None:
    svg = render_svg(figure)
    words = "".join(ET.fromstring(svg).itertext())
    for word in ("RNN", "LSTM", "chance", "steps", "accuracy"):
        assert word in words
    sizes = [float(size) for size in re.findall(r"font(?:-size)?:\s*([\d.]+)px", svg)]
    assert sizes and min(sizes) >= 9


def test_a_label_is_in_the_legend_once(figure: Figure) -> None:
    words = [text for text in ET.fromstring(render_svg(figure)).itertext() if text.strip() == "RNN"]
    assert len(words) == 1


def test_a_name_for_those_who_cannot_see(figure: Figure) -> None:
    svg = render_svg(dataclasses.replace(figure, title='a "quoted" <title>'))
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith('a "quoted" <title>')


@pytest.mark.parametrize("label", ["$x", "a $\\frac$ b", "<script>", "x_{", "50 %", "μ_t & co"])
def test_any_label_can_be_drawn(figure: Figure, label: str) -> None:
    svg = render_svg(dataclasses.replace(figure, curves=(Curve(label, (1.0, 2.0), (0.1, 0.9)),), x_label=label))
    ET.fromstring(svg)
    assert "<script" not in svg


def test_an_index_is_set_low(figure: Figure) -> None:
    svg = render_svg(dataclasses.replace(figure, y_label="W_hh"))
    assert "W_hh" not in "".join(ET.fromstring(svg).itertext())


def test_a_matrix_and_a_surface_are_drawn_without_loading_anything(figure: Figure) -> None:
    heat = Heat(((0.0, 0.5), (1.0, 0.2)), 0, 1, "gate")
    ring = Curve("", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    for drawn in (
        render_svg(dataclasses.replace(figure, curves=(), levels=(), heat=heat)),
        render_svg(dataclasses.replace(figure, contours=(ring,), log_x=True, log_y=True)),
    ):
        ET.fromstring(drawn)
        assert not re.search(r'(?:href|src)="(?!#|data:)', drawn)


def test_no_curves_at_all_is_still_a_figure(figure: Figure) -> None:
    ET.fromstring(render_svg(dataclasses.replace(figure, curves=(), levels=())))


def test_the_caller_s_matplotlib_is_left_alone(figure: Figure) -> None:
    before = dict(matplotlib.rcParams)
    render_svg(figure)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(("colours", "ground"), [(LIGHT, "#ffffff"), (DARK, "#13171b")])
def test_every_tone_stands_out_from_the_page(colours: tuple[str, ...], ground: str) -> None:
    assert len(colours) == len(MARKERS)
    for colour in colours:
        assert _contrast(colour, ground) >= 4.5


def _ids(svg: str) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', svg))


def _contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)

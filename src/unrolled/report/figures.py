"""From a `Figure` of numbers to an SVG that reads well on paper, on a phone, in the light and in the dark.

Equal figures give equal bytes: the ids are hashed with a fixed salt, no date is written, and nothing goes
through pyplot's global state. Colours are CSS variables with fallbacks (``var(--tone-0, #0b5fa5)``), so that
the page's theme decides, while the same SVG stands alone in a README. Every tone has its own marker as well:
colour is never alone.
"""

from __future__ import annotations

import hashlib
import io
import re
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from unrolled.experiments import Curve, Figure
from unrolled.report.mathematics import subscripts

__all__ = ["DARK", "LIGHT", "draw", "render_svg"]

LIGHT = ("#0b5fa5", "#b8400c", "#00735a", "#86358c", "#7a5c00", "#4c5a66")
"""Colour of each tone on white: at least 5 to 1 in contrast, and told apart by colour-blind eyes."""

DARK = ("#74bdf5", "#ff9f68", "#4fd0a5", "#e3a0ea", "#e6c650", "#b4c0ca")
"""Colour of each tone on the page's dark ground."""

MARKERS = "osD^vP"
SIZE_INCHES = (4.5, 3.25)
POINTS = 10.5

# Stand-ins that matplotlib writes into the SVG and `_theme` replaces.
_INK = "#0a0a01"
_FAINT = "#0a0a02"
_TONES = tuple(f"#0b0b0{n}" for n in range(len(LIGHT)))

_SETTINGS: Any = {
    "svg.hashsalt": "unrolled",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": POINTS,
    "axes.titlesize": POINTS,
    "axes.labelsize": POINTS,
    "xtick.labelsize": POINTS - 0.5,
    "ytick.labelsize": POINTS - 0.5,
    "legend.fontsize": POINTS - 0.5,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "mathtext.default": "regular",
    "path.simplify": True,
}


def draw(figure: Figure) -> Canvas:
    """The figure on a matplotlib canvas of its own, in stand-in colours."""
    canvas = Canvas(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasSVG(canvas)
    canvas.patch.set_alpha(0)
    axes = canvas.add_subplot()
    axes.patch.set_alpha(0)
    if figure.heat is not None:
        _draw_heat(canvas, axes, figure)
    else:
        _draw_curves(canvas, axes, figure)
    axes.set_xlabel(_math(figure.x_label))
    axes.set_ylabel(_math(figure.y_label))
    return canvas


def _draw_curves(canvas: Canvas, axes: Axes, figure: Figure) -> None:
    axes.grid(axis="y", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for contour in figure.contours:
        axes.plot(contour.x, contour.y, color=_FAINT, linewidth=0.9, zorder=1)
    if figure.log_x:
        axes.set_xscale("log")
    if figure.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))
    if not figure.log_x:
        axes.xaxis.set_major_locator(MaxNLocator(6))
    else:
        axes.xaxis.set_minor_formatter(NullFormatter())
    labelled: set[str] = set()
    handles = []
    for curve in figure.curves:
        line = _draw_curve(axes, curve)
        if not curve.style.startswith(("thin", "dots")) and curve.label and curve.label not in labelled:
            labelled.add(curve.label)
            line.set_label(_math(curve.label))
            handles.append(line)
    for value, label in figure.levels:
        axes.axhline(value, color=_INK, linewidth=0.9, linestyle=(0, (2, 2.5)), zorder=1.5)
        axes.annotate(
            _math(label),
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=POINTS - 1,
        )
    if figure.y_range is not None:
        axes.set_ylim(*figure.y_range)
    if figure.x_ticks:
        axes.set_xticks([place for place, _ in figure.x_ticks], [_math(name) for _, name in figure.x_ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    if figure.y_ticks:
        axes.set_yticks([place for place, _ in figure.y_ticks], [_math(name) for _, name in figure.y_ticks])
        axes.yaxis.set_minor_locator(NullLocator())
    if handles:
        columns = 2 if len(handles) > 1 and max(len(str(line.get_label())) for line in handles) <= 24 else 1
        canvas.legend(
            handles=handles,
            loc="outside upper left",
            ncols=columns,
            frameon=False,
            handlelength=2.8,
            borderpad=0,
            labelspacing=0.35,
            columnspacing=1.4,
        )


def _draw_curve(axes: Axes, curve: Curve) -> Any:
    tone = curve.tone % len(_TONES)
    thin = curve.style.startswith("thin")
    dots = curve.style == "dots"
    points = dots or curve.style == "points"
    (line,) = axes.plot(
        curve.x,
        curve.y,
        color=_TONES[tone],
        linewidth=0.8 if thin else 2.1,
        alpha=0.55 if thin or dots else 1,
        linestyle="none" if points else (0, (4, 2)) if "dashed" in curve.style else "solid",
        marker=None if thin else MARKERS[tone],
        markersize=2.8 if dots else 6 if points else 4.5,
        fillstyle="none" if "dashed" in curve.style else "full",
        markevery=1 if points else _sparse(len(curve.x), tone),
        solid_capstyle="round",
        zorder=2 if thin or dots else 3,
    )
    return line


def _sparse(count: int, tone: int) -> list[int]:
    """About five places for markers, other ones for every tone."""
    if count <= 6:
        return list(range(count))
    gap = count / 5
    return sorted({min(count - 1, round(gap * (index + 0.15 + 0.7 * tone / len(_TONES)))) for index in range(5)})


def _math(text: str) -> str:
    """Indices as indices in matplotlib's way; a dollar stays a dollar."""
    return subscripts(text.replace("$", r"\$"), lambda base, index: f"{base}$_{{{index}}}$")


def _draw_heat(canvas: Canvas, axes: Axes, figure: Figure) -> None:
    heat = figure.heat
    assert heat is not None
    image = axes.imshow(
        heat.values,
        vmin=heat.low,
        vmax=heat.high,
        cmap="PuOr" if heat.low < 0 < heat.high else "cividis",
        aspect="auto",
        interpolation="nearest",
    )
    if figure.x_ticks:
        axes.set_xticks([place for place, _ in figure.x_ticks], [_math(name) for _, name in figure.x_ticks])
    if figure.y_ticks:
        axes.set_yticks([place for place, _ in figure.y_ticks], [_math(name) for _, name in figure.y_ticks])
    bar = canvas.colorbar(image, ax=axes, pad=0.02, fraction=0.06)
    bar.set_label(_math(heat.unit))
    bar.outline.set_visible(False)


def render_svg(figure: Figure) -> str:
    """The figure as one ``<svg>`` element, to stand in a page or alone in a file.

    It loads nothing, names itself to screen readers, and has ids that do not meet those of another figure.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        canvas = draw(figure)
        canvas.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _own_ids(_theme(_plain(buffer.getvalue().decode())), figure)


def _plain(svg: str) -> str:
    """Without the XML head and the metadata, which mean nothing inside a page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)


def _theme(svg: str) -> str:
    """The page's colours in place of the stand-ins."""
    svg = svg.replace(_INK, "currentColor").replace(_FAINT, "var(--faint, #d4d9de)")
    for index, (stand_in, colour) in enumerate(zip(_TONES, LIGHT, strict=True)):
        svg = svg.replace(stand_in, f"var(--tone-{index}, {colour})")
    return svg


def _own_ids(svg: str, figure: Figure) -> str:
    """Ids with a prefix made from the figure's content, and a name for those who cannot see it."""
    prefix = "f" + hashlib.sha256(repr(figure).encode()).hexdigest()[:10]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    name = escape(f"{figure.title}: {figure.y_label} against {figure.x_label}", quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)

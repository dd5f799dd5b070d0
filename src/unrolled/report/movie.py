"""A protein's motion as a moving SVG, which needs no script: true and forecast chains over one another."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from torch import Tensor

from unrolled.analysis.motion import Motion
from unrolled.report.figures import LIGHT

__all__ = ["render_movie"]

SIZE, MARGIN, HEAD = 420.0, 14.0, 40.0
SECONDS_A_FRAME = 0.22


def render_movie(motion: Motion) -> str:
    """The motion as one ``<svg>`` element that repeats for ever, to stand in a page or alone in a file.

    The thin line is the chain when the forecast was made, the thick pale one where it went, the dark one the forecast.
    """
    low = motion.true.flatten(0, 1).min(0).values
    span = float((motion.true.flatten(0, 1).max(0).values - low).max())
    zoom = (SIZE - 2 * MARGIN) / max(span, 1e-9)
    height = HEAD + 2 * MARGIN + zoom * float(motion.true[..., 1].max() - motion.true[..., 1].min())
    seconds = f"{SECONDS_A_FRAME * len(motion.frames):.2f}s"

    def chain(places: Tensor, style: str) -> str:
        points = (places - low) * zoom + MARGIN
        points[..., 1] = height - points[..., 1]
        frames = [" ".join(f"{x:.0f},{y:.0f}" for x, y in frame) for frame in points.tolist()]
        return (
            f'<polyline points="{frames[0]}" fill="none" stroke-linejoin="round" stroke-linecap="round" {style}>'
            f"{_animate('points', frames, seconds)}</polyline>"
        )

    step = motion.ahead
    name = f"Motion of {motion.true.shape[1]} alpha carbons, true and forecast {step} frames before"
    true, forecast = f"var(--tone-1, {LIGHT[1]})", f"var(--tone-0, {LIGHT[0]})"
    parts = [
        f'<svg role="img" aria-label="{escape(name, quote=True)}" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {SIZE:.0f} {height:.0f}" font-family="DejaVu Sans, sans-serif" font-size="11" color="#1b242c">',
        _legend(f"{step} frames before", 12, 'stroke="currentColor" stroke-width="0.8" stroke-opacity="0.55"'),
        _legend("forecast from there", 150, f'stroke="{forecast}" stroke-width="1.8"'),
        _legend("as it came", 298, f'stroke="{true}" stroke-width="4" stroke-opacity="0.45"'),
        chain(motion.still, 'stroke="currentColor" stroke-width="0.8" stroke-opacity="0.55"'),
        chain(motion.true, f'stroke="{true}" stroke-width="4" stroke-opacity="0.45"'),
        chain(motion.forecast, f'stroke="{forecast}" stroke-width="1.8"'),
        _clock(motion.frames, height, seconds),
        "</svg>",
    ]
    return "\n".join(parts)


def _animate(attribute: str, values: Sequence[str], seconds: str) -> str:
    return (
        f'<animate attributeName="{attribute}" dur="{seconds}" repeatCount="indefinite" calcMode="discrete" '
        f'values="{";".join(values)}"/>'
    )


def _legend(word: str, x: float, style: str) -> str:
    return f'<line x1="{x}" y1="12" x2="{x + 22}" y2="12" {style}/><text x="{x + 28}" y="16">{escape(word)}</text>'


def _clock(frames: Sequence[int], height: float, seconds: str) -> str:
    """A bar that fills as the run goes on."""
    widths = [f"{(SIZE - 2 * MARGIN) * (number + 1) / len(frames):.0f}" for number in range(len(frames))]
    return (
        f'<rect x="{MARGIN}" y="{height - 5:.0f}" width="{widths[0]}" height="2" fill="currentColor" '
        f'fill-opacity="0.4">{_animate("width", widths, seconds)}</rect>'
    )

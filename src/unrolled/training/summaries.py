"""A run's samples as people read them: a line each, in ``summaries.txt``."""

from __future__ import annotations

from unrolled.generation.sampling import Sample
from unrolled.training.samples import third

__all__ = ["readable"]

_VISIBLE = {"\n": "⏎", "\t": "⇥", "\r": "␍"}


def readable(sample: Sample, steps: int) -> str:
    """One line: when, how long, how drawn, and after a bar the text; what it was begun with stands in ‹ ›.

    ::

        step   3334  1/3  30 characters  greedy                ‹T›he king was so beautiful that

    Args:
        sample: of a run.
        steps: of the whole run.
    """
    number = third(sample.step, steps) if sample.kind == "third" else None
    part = "   " if number is None else f"{number}/3"
    chosen = "greedy" if sample.temperature is None else f"T = {sample.temperature:g} (τ = {1 / sample.temperature:g})"
    written = f"‹{_visible(sample.start)}›{_visible(sample.text)}"
    return f"step {sample.step:>6}  {part}  {sample.length} characters  {chosen:<20}  {written}"


def _visible(text: str) -> str:
    """Every character in one line: line ends and tabs as their signs, other controls as U+FFFD."""
    return "".join(_VISIBLE.get(c, c if c.isprintable() else "�") for c in text)

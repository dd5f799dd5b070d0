"""One HTML file that holds everything it shows: no network, no scripts, no fonts, nothing to install."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from unrolled.errors import RecordError
from unrolled.experiments import VERDICTS, ClaimResult, Figure, Table, Text, Verdict
from unrolled.record import Run, write_whole
from unrolled.report.figures import DARK, LIGHT, render_svg
from unrolled.report.mathematics import formula
from unrolled.report.movie import render_movie
from unrolled.report.origins import Origin, origin
from unrolled.report.runs import RunView, origin_line, overview, run_table, view_run
from unrolled.report.visible import visible
from unrolled.version import __version__

__all__ = ["render_report", "verdict_sentence", "write_instrument", "write_report"]

MARKS: Mapping[Verdict, str] = {"reproduced": "✓", "differs": "≠", "not reached": "…", "measured": "○"}
"""A sign beside every verdict's word, so that it is never the colour alone."""

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("unrolled.report", ""),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["formula"] = formula


def write_report(
    path: Path | str,
    runs: Sequence[Run],
    claims: Sequence[ClaimResult] = (),
    *,
    on_damaged: Callable[[str], None] | None = None,
) -> Path:
    """Write the page, whole or not at all.

    Args:
        path: where to.
        runs: the runs to show; with ``claims``, the runs from which these were read.
        claims: results of claims; where there are any, the page is about them.
        on_damaged: told why, of each run that is damaged and therefore left out; without it that is an error.

    Raises:
        RecordError: a run to show is damaged; with ``on_damaged``, all of them are.
        StorageError: it cannot be written.
    """
    path = Path(path)
    write_whole(path, render_report(runs, claims, on_damaged=on_damaged))
    return path


def write_instrument(path: Path | str, result: ClaimResult, runs: Sequence[Run] = ()) -> Path:
    """Write what an instrument saw, with nothing published beside it.

    Args:
        path: where to.
        result: its title, question, answer, figures and tables.
        runs: those that were looked at.

    Raises:
        StorageError: it cannot be written.
    """
    path = Path(path)
    by_name = {run.name: run for run in runs}
    write_whole(path, _page(title=result.title, lead=result.question, runs=runs, claims=[_claim(result, by_name)]))
    return path


def render_report(
    runs: Sequence[Run], claims: Sequence[ClaimResult] = (), *, on_damaged: Callable[[str], None] | None = None
) -> str:
    """The page as HTML; see `write_report`."""
    views = [] if claims else _views(runs, on_damaged)
    runs = runs if claims else [run for run, _ in views]
    by_name = {run.name: run for run in runs}
    title = "Published beside measured" if claims else _runs_title(runs)
    return _page(
        title=title,
        lead=_lead(runs, claims),
        runs=runs,
        summary=bool(claims) or len(runs) != 1,
        verdict_sentence=verdict_sentence(claims),
        claims=[_claim(claim, by_name) for claim in claims],
        shortened=[(claim.title, "; ".join(claim.shortened)) for claim in claims if claim.shortened],
        shown_runs=[_run(view, by_name) for _, view in views],
        run_table=None if claims or len(runs) < 2 else _table(run_table(runs), by_name),
        overview=[] if claims else [_figure(figure, by_name) for figure in overview(runs)],
    )


def _views(runs: Sequence[Run], on_damaged: Callable[[str], None] | None) -> list[tuple[Run, RunView]]:
    """The runs that can be read, with what there is to see of them."""
    views = []
    for run in runs:
        try:
            views.append((run, view_run(run)))
        except RecordError as error:
            if on_damaged is None:
                raise
            on_damaged(str(error))
    if runs and not views:
        raise RecordError("every run is damaged: there is none to report on")
    return views


def _page(
    *,
    title: str,
    lead: str,
    runs: Sequence[Run],
    claims: Sequence[Mapping[str, Any]],
    summary: bool = False,
    verdict_sentence: str = "",
    shortened: Sequence[tuple[str, str]] = (),
    shown_runs: Sequence[Mapping[str, Any]] = (),
    run_table: _Shown | None = None,
    overview: Sequence[_Shown] = (),
) -> str:
    html = _ENVIRONMENT.get_template("page.html.j2").render(
        title=title,
        lead=lead,
        light=LIGHT,
        dark=DARK,
        marks=MARKS,
        summary=summary,
        verdict_sentence=verdict_sentence,
        claims=claims,
        shortened=shortened,
        runs=shown_runs,
        run_table=run_table,
        overview=overview,
        footer=_footer(runs),
    )
    return html + "\n"


def verdict_sentence(claims: Iterable[ClaimResult]) -> str:
    """How much of what was published came out again, in one sentence."""
    claims = list(claims)
    counts = {verdict: sum(claim.count(verdict) for claim in claims) for verdict in VERDICTS}
    compared = sum(counts.values()) - counts["measured"]
    if not compared:
        return "Nothing published was compared."
    parts = [f"{counts['reproduced']} {'was' if counts['reproduced'] == 1 else 'were'} reproduced"]
    if counts["differs"]:
        parts.append(f"{counts['differs']} {'differs' if counts['differs'] == 1 else 'differ'}")
    if counts["not reached"]:
        parts.append(f"{counts['not reached']} {'was' if counts['not reached'] == 1 else 'were'} not reached")
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Of {compared} published result{'s' if compared != 1 else ''}, {listed}."


@dataclass(frozen=True)
class _Shown:
    """Something with its title and caption, and what stands behind it."""

    title: str
    caption: str
    behind: Origin
    svg: Any = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def _claim(claim: ClaimResult, runs: Mapping[str, Run]) -> dict[str, Any]:
    return {
        "anchor": claim.claim,
        "title": claim.title,
        "question": claim.question,
        "answer": claim.answer,
        "command": claim.command,
        "rows": claim.rows,
        "counts": [(verdict, claim.count(verdict)) for verdict in VERDICTS if claim.count(verdict)],
        "figures": [_figure(figure, runs) for figure in claim.figures],
        "tables": [_table(table, runs) for table in claim.tables],
        "texts": list(map(_text, claim.texts)),
        "behind": replace(origin(claim.runs, runs), summary=f"All {len(claim.runs)} runs of this claim"),
        "cells": claim.cells,
        "shortened": claim.shortened,
        "failed": claim.failed,
        "seconds": _duration(claim.seconds),
    }


def _run(view: RunView, runs: Mapping[str, Run]) -> dict[str, Any]:
    return {
        "anchor": f"run-{view.name}",
        "name": view.name,
        "title": view.title,
        "outcome": view.outcome,
        "evaluation": _table(view.evaluation, runs) if view.evaluation else None,
        "tables": [_table(table, runs) for table in view.tables],
        "note": view.note,
        "figures": _movie(view) + [_figure(figure, runs) for figure in view.figures],
        "samples": list(map(_text, view.samples)),
        "yaml": view.yaml,
        "origin": view.origin,
    }


def _movie(view: RunView) -> list[_Shown]:
    if view.motion is None:
        return []
    caption = (
        f"The test run, frame by frame: each forecast was made {view.motion.ahead} frames before. The chain of alpha "
        "carbons is seen along the direction in which it is flattest."
    )
    svg = Markup(render_movie(view.motion))
    return [_Shown("True and forecast motion", caption, origin((), {}), svg=svg)]


def _figure(figure: Figure, runs: Mapping[str, Run]) -> _Shown:
    svg = Markup(render_svg(figure))
    return _Shown(figure.title, figure.caption, origin(figure.sources, runs, figure.settings), svg=svg)


def _table(table: Table, runs: Mapping[str, Run]) -> _Shown:
    return _Shown(table.title, table.caption, origin(table.sources, runs), header=table.header, rows=table.rows)


def _text(text: Text) -> dict[str, Any]:
    return {"title": text.title, "caption": text.caption, "samples": tuple(map(visible, text.samples))}


def _duration(seconds: float) -> str:
    if seconds < 1:
        return ""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def _runs_title(runs: Sequence[Run]) -> str:
    return runs[0].name if len(runs) == 1 else f"{len(runs)} runs"


def _lead(runs: Sequence[Run], claims: Sequence[ClaimResult]) -> str:
    if not claims:
        return "What these runs were asked to do, how they learnt, and what they can do now."
    budgets = " and ".join(dict.fromkeys(claim.budget for claim in claims))
    count = len({name for claim in claims for name in claim.runs})
    return (
        f"Every number that was published stands beside the one measured here, from {count} training runs "
        "under the "
        f"{budgets} budget. The specs and seeds are folded under every figure."
    )


def _footer(runs: Sequence[Run]) -> str:
    origins = dict.fromkeys(
        line.rsplit(" · ", 1)[0] if line.endswith("seconds") else line for line in map(origin_line, runs) if line
    )
    return " · ".join([f"Written by unrolled {__version__}", *(f"runs made with {line}" for line in origins)])

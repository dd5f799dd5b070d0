"""Every claim from specs to page, with networks too small to learn anything: nothing breaks, nothing is guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from unrolled.experiments import CLAIMS, VERDICTS, ClaimResult, optimisers, reach
from unrolled.record import Run
from unrolled.report import render_report
from unrolled.spec import NodesSpec, RunSpec, TextSpec
from unrolled.training import train


def test_every_page_says_question_command_expectation_and_time() -> None:
    from unrolled.experiments import (
        binary_palindromes,
        citations,
        course_graphs,
        gates,
        gradients,
        palindromes,
        text,
    )

    pages = (palindromes, binary_palindromes, gradients, reach, text, optimisers, gates, course_graphs, citations)
    assert [page.CLAIM for page in pages] == list(CLAIMS.values())
    for page in pages:
        assert page.__doc__ is not None
        assert page.__doc__.splitlines()[0].endswith("?")
        assert f"``{page.CLAIM.command('quick')}``" in page.__doc__
        assert "Expected:" in page.__doc__
        assert "Time:" in page.__doc__
        assert page.CLAIM.question.endswith("?")
        assert set(page.CLAIM.minutes) == {"quick", "full"}


def test_quick_fits_the_time_that_is_promised() -> None:
    assert sum(claim.minutes["quick"] for claim in CLAIMS.values()) <= 6
    assert all(claim.minutes["quick"] <= claim.minutes["full"] for claim in CLAIMS.values())


@pytest.mark.conformance
@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("joined", [False, True], ids=["alone", "with a cell of one's own"])
def test_from_specs_to_page(
    name: str,
    joined: bool,
    own_cell: str,
    shrink: Callable[..., RunSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optimisers, "VALLEY_STEPS", 50)
    monkeypatch.setitem(reach.SIZES, "quick", reach.Sizes(4, 6, 4, 2, 1, 2))
    tale = tmp_path / "tale.txt"
    tale.write_text("Sleeping beauty is asleep. " + "the king said to his daughter that " * 60)
    claim, cells = CLAIMS[name], (own_cell,) if joined else ()
    runs: list[Run] = []
    for place, spec in enumerate(claim.specs("quick", cells)):
        if isinstance(spec.task, TextSpec):
            spec = dataclasses.replace(spec, task=TextSpec(source=str(tale), window=8))
        if isinstance(spec.task, NodesSpec):
            spec = dataclasses.replace(spec, task=dataclasses.replace(spec.task, graph="karate", labelled=2))
        *_, last = train(shrink(spec), name=f"{name}-{place}", runs=tmp_path / "runs")
        assert last.run is not None
        runs.append(last.run)
    findings = claim.measure(runs, "quick", cells)
    assert findings.answer.endswith(".")
    assert findings.rows
    assert {row.verdict for row in findings.rows} <= set(VERDICTS)
    names = {run.name for run in runs}
    shown = {source for figure in findings.figures for source in figure.sources}
    assert shown <= names
    if joined and name not in ("text", "reach", "course-graphs", "citations"):
        assert any(run.name in shown for run in runs if run.spec.network == own_cell)
    result = ClaimResult(
        claim=name,
        budget="quick",
        title=claim.title,
        question=claim.question,
        command=claim.command("quick"),
        answer=findings.answer,
        rows=findings.rows,
        figures=findings.figures,
        tables=findings.tables,
        texts=findings.texts,
        runs=tuple(names),
    )
    html = render_report(runs, [result])
    assert html.count("<figure>") == len(findings.figures)
    assert html.count("<svg") == len(findings.figures)
    assert "Not among the runs" not in html

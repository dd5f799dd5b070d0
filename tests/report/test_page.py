"""The page holds all it shows, says what the data say, and lets nothing run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from unrolled.errors import StorageError
from unrolled.experiments import ClaimResult, Row, Text
from unrolled.record import Run
from unrolled.report import render_report, verdict_sentence, write_report

MakeRun = Callable[..., Run]
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>&amp;{{ 7*7 }}'


class Page(HTMLParser):
    """Every element with its attributes, and the text by the element it is in."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "path", "use", "image", "rect", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def words(self) -> str:
        return " ".join("".join(self.text).split())


def test_every_row_stands_with_both_numbers_and_its_verdict(result: ClaimResult, make_run: MakeRun) -> None:
    words = Page(render_report([make_run()], [result])).words()
    for row in result.rows:
        assert row.what in words
        assert row.measured in words
        assert row.verdict in words
        assert row.published in words
    assert "Of 3 published results, 1 was reproduced, 1 differs and 1 was not reached." in words
    assert result.answer in words
    assert result.command in words
    assert "steps: 4000 instead of 10 000" in words
    assert "palindromes, lstm, seed 2: it broke" in words


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "Nothing published was compared."),
        (["measured"], "Nothing published was compared."),
        (["reproduced"], "Of 1 published result, 1 was reproduced."),
        (["differs", "differs", "measured"], "Of 2 published results, 0 were reproduced and 2 differ."),
        (
            ["reproduced", "reproduced", "not reached"],
            "Of 3 published results, 2 were reproduced and 1 was not reached.",
        ),
    ],
)
def test_the_summary_counts_what_the_rows_say(result: ClaimResult, verdicts: list[str], sentence: str) -> None:
    rows = tuple(Row("w", "p", "m", verdict) for verdict in verdicts)  # type: ignore[arg-type]
    assert verdict_sentence([dataclasses.replace(result, rows=rows)]) == sentence


def test_the_spec_and_every_seed_stand_behind_a_figure(result: ClaimResult, make_run: MakeRun, figure) -> None:  # type: ignore[no-untyped-def]
    runs = [make_run(f"seed-{seed}", seed=seed, length=12) for seed in (3, 4)]
    runs.append(make_run("other", cell="rnn", length=12))
    names = tuple(run.name for run in runs)
    sourced = dataclasses.replace(result, figures=(dataclasses.replace(figure, sources=(*names, "gone")),), runs=names)
    html = render_report(runs, [sourced])
    assert "Specs and seeds (3 runs)" in html
    assert "seeds 3, 4" in html
    assert "length: 12" in html
    assert "cell: rnn" in html
    assert "Not among the runs of this report: gone." in html


def test_nothing_is_loaded_and_nothing_runs(result: ClaimResult, make_run: MakeRun) -> None:
    for html in (render_report([make_run("a")], [result]), render_report([make_run("b"), make_run("c", seed=1)])):
        page = Page(html)
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "img"}
        for _, attributes in page.elements:
            for key, value in attributes.items():
                assert not key.startswith("on")
                if key in ("src", "href", "xlink:href", "srcset", "action", "poster"):
                    assert (value or "").startswith(("#", "data:image/png;base64,"))
        assert "@import" not in html
        assert not re.search(r"url\((?!#)", html)


def test_hostile_text_is_shown_not_run(result: ClaimResult, make_run: MakeRun, figure) -> None:  # type: ignore[no-untyped-def]
    hostile = dataclasses.replace(
        result,
        title=HOSTILE,
        question=HOSTILE,
        answer=HOSTILE,
        command=HOSTILE,
        rows=(Row(HOSTILE, HOSTILE, HOSTILE, "differs", HOSTILE),),
        figures=(dataclasses.replace(figure, title=HOSTILE, caption=HOSTILE, y_label=HOSTILE, settings=HOSTILE),),
        texts=(Text(HOSTILE, (HOSTILE, HOSTILE), HOSTILE),),
        shortened=(HOSTILE,),
        failed=(HOSTILE,),
        cells=(HOSTILE,),
    )
    html = render_report([make_run()], [hostile])
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert 'alert("1")' in page.words()
    assert "{{ 7*7 }}" in page.words()


def test_a_run_s_own_report_shows_settings_outcome_curves_and_samples(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    samples = [
        {"step": 0, "kind": "progress", "temperature": None, "start": "T", "text": "he <b>king</b>\n", "length": 16},
        {"step": 7, "kind": "third", "temperature": 0.5, "start": "X", "text": "awning", "length": 6},
    ]
    run = make_run("tale", samples=samples, task="text", text_sha256="0" * 64)
    html = render_report([run])
    words = Page(html).words()
    assert "Solved after 200 steps, accuracy 0.995 on held-out text." in words
    assert "window: 30" in words
    assert "Summary" not in words
    assert "The <b>king</b>↵" in words
    assert "Step 7, T = 0.5 (τ = 2)" in words
    assert "Xawning" in words
    assert "The text grimm is not in the cache, and a report fetches nothing." in words
    assert html.count("<svg") == 3
    assert "torch 2.13.0" in words
    assert "{" not in Page(html).words().split("torch kernels")[-1]


def test_several_runs_are_listed_and_drawn_over_one_another(make_run: MakeRun) -> None:
    runs = [make_run("one"), make_run("two", cell="rnn", accuracies=((100, 0.1), (200, 0.12)))]
    words = Page(render_report(runs)).words()
    assert words.startswith("2 runs")
    assert "Summary" in words
    assert "0.995" in words
    assert "0.120" in words


def test_a_run_without_an_end_is_said_to_have_none(make_run: MakeRun) -> None:
    run = make_run("cut", finished=False, steps=500)
    assert "Not finished: 200 of 500 steps are on record." in Page(render_report([run])).words()


def test_no_two_parts_of_the_page_have_one_id(result: ClaimResult, make_run: MakeRun) -> None:
    again = dataclasses.replace(result, claim="again", figures=())
    ids = [
        value
        for _, attributes in Page(render_report([make_run()], [result, again])).elements
        if (value := attributes.get("id"))
    ]
    assert len(ids) == len(set(ids))


def test_every_entry_of_the_contents_leads_somewhere(result: ClaimResult, make_run: MakeRun) -> None:
    page = Page(render_report([make_run()], [result]))
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert {"#summary", "#memory"} <= set(links)
    assert {str(link)[1:] for link in links} <= ids


def test_equal_data_give_equal_bytes(result: ClaimResult, make_run: MakeRun) -> None:
    run = make_run()
    assert render_report([run], [result]) == render_report([run], [result])


def test_it_is_written_whole_and_a_place_that_cannot_be_is_named(
    result: ClaimResult, make_run: MakeRun, tmp_path: Path
) -> None:
    path = write_report(tmp_path / "report.html", [make_run()], [result])
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(StorageError, match="nowhere"):
        write_report(tmp_path / "nowhere" / "report.html", [], [result])
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".tmp"] == []

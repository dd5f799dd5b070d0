"""The graph claims: exact where nothing is trained, and honest about what was left out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import torch

from unrolled import nn
from unrolled.experiments import citations, course_graphs
from unrolled.experiments.course_graphs import heard
from unrolled.graph import Graph
from unrolled.record import Run, open_run
from unrolled.spec import RunSpec


def test_the_course_graphs_come_out_and_report_a_differs() -> None:
    findings = course_graphs.measure((), "quick", ())
    verdicts = {row.what: row.verdict for row in findings.rows}
    assert verdicts.pop("course-2020: do the rows of Â sum to one?") == "differs"
    assert set(verdicts.values()) == {"reproduced"}
    assert len(verdicts) == 9
    assert "4 updates on the graph of 2020 and 3 on that of 2019" in findings.answer
    assert findings.figures[0].curves[0].y[:3] == (0, 0, 0)


def test_a_wrong_matrix_would_be_seen() -> None:
    graph = Graph.from_text("A-B B-C C-D")
    near = heard(graph, [nn.GCNConv(1, 1, bias=False)])
    assert near.sum(1).tolist() == [2, 3, 3, 2]
    assert torch.equal(heard(graph, [nn.GCNConv(1, 1, bias=False, hops=3)]), torch.ones(4, 4, dtype=torch.bool))


def _tested(run: Run, accuracy: float) -> Run:
    result = json.loads((run.path / "result.json").read_text())
    (run.path / "result.json").write_text(
        json.dumps({**result, "test": {"accuracy": accuracy, "loss_nats": 1, "count": 9}})
    )
    return open_run(run.path)


def test_verdicts_of_the_citation_graphs(made_up: Callable[..., Run]) -> None:
    def measured(specs: tuple[RunSpec, ...], **accuracies: float) -> dict[str, Any]:
        runs = []
        for spec in specs:
            accuracy = accuracies.get(f"{spec.network}_{spec.task.graph}", 0.5)  # type: ignore[union-attr]
            runs.append(_tested(made_up(spec, [(100, 0.8), (200, 0.79)]), accuracy))
        budget = "full" if len(specs) > 30 else "quick"
        findings = citations.measure(runs, budget, ())
        assert findings.figures[0].sources
        return {row.what.split(":")[0]: row for row in findings.rows}

    quick = citations.specs("quick", ())
    rows = measured(quick, gcn_cora=0.814, gat_cora=0.80)
    assert rows["GCN on Cora"].verdict == "reproduced"
    assert rows["GCN on Cora"].measured == "81.4 ± 0.0 % (3 seeds)"
    assert rows["GAT on Cora"].verdict == "not reached"  # one seed decides nothing
    assert rows["GCN on Pubmed"].note == "not trained under this budget"
    full = citations.specs("full", ())[:40]  # without the variants
    rows = measured(full, gcn_cora=0.80, gat_cora=0.84, gcn_citeseer=0.70, gcn_pubmed=0.79)
    assert [row.verdict for row in rows.values()] == ["differs", "reproduced", "reproduced", "reproduced"]


def test_variants_differ_from_the_first_in_what_they_say() -> None:
    quick = citations.specs("quick", ())
    assert len(quick) == len(set(quick)) == 3 + 1 + len(citations.VARIANTS) - 1
    assert all(dataclasses.replace(spec.training, seed=0).steps in (200, 2000) for spec in quick)

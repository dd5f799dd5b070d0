"""`unrolled graph` and `train nodes`: what they say, and that it is what was worked out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unrolled.record import open_run

COURSE = "A-B A-E A-F B-D C-D D-F"


def test_the_courses_question(cli: Any) -> None:
    answer = cli("graph", COURSE, "--from", "C", "--to", "E", "--hops", 5)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("6 nodes, 6 edges both ways; a node receives 1 to 3 edges, 2.00 on average; 0 isolated")
    assert "  A    1/4  1/√12     0      0  1/√8  1/√12" in lines
    assert "  A          4                     1  1.1809 = 1/√8 + 2/√12 + 1/4" in lines
    assert "C → E takes 4 updates" in lines
    assert "  (Â^4)[E,C] = 0.020833 = 1/48" in lines
    assert answer.err.startswith("warning: “The rows of Â sum to one” is false here: they sum to 0.8536 … 1.1809.")
    assert cli("graph", "course-2020", "--from", "C", "--to", "E").out == answer.out


def test_rows_of_nothing_are_not_said_to_sum_to_one(cli: Any) -> None:
    answer = cli("graph", "A-B:-1")
    assert answer.code == 0
    assert "Those of D~⁻¹A~ (random-walk) do where D~ is not 0; those of Â only" in answer.err
    assert "Those of D~⁻¹A~ (random-walk) do; those of Â only" in cli("graph", COURSE).err


def test_a_larger_graph_is_summed_up(cli: Any) -> None:
    out = cli("graph", "karate", "--from", 1).out
    assert "34 nodes, 78 edges both ways" in out
    assert "nodes that have heard the news: 1 after 0, 17 after 1" in out
    assert "matrices are shown of at most 16 nodes" in out
    assert len(out.splitlines()) < 15


def test_for_programs(cli: Any) -> None:
    content = json.loads(
        cli("graph", "A->B", "--attention", "random", "--heads", 2, "--from", "A", "--to", "B", "--json").out
    )
    assert content["matrices"]["Â"]["exact"] == [["1", "0"], ["1/√2", "1/2"]]
    assert content["walk"]["updates"] == 1
    assert content["walk"]["exact"][0] == "1/√2"
    assert [len(head) for head in content["attention"]["heads"]] == [2, 2]
    assert content["is_symmetric"] is False


def test_a_picture(cli: Any) -> None:
    answer = cli("graph", COURSE, "--svg", "graph.svg", "--attention", "random")
    assert answer.out.splitlines()[-1] == "graph.svg  a picture"
    assert Path("graph.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "rows sum to one" in answer.out


def test_training_on_the_karate_club(cli: Any) -> None:
    words = ("train", "nodes", "--graph", "karate", "--labelled", 2, "--steps", 20)
    answer = cli(*words)
    assert answer.code == 0, answer
    lines = answer.out.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["0/20", "20/20"]
    assert "test nodes right" in lines[-2]
    assert lines[-2].endswith("after 20 steps, with the weights of step 20")
    run = open_run("runs/nodes-gcn-karate-seed0")
    assert run.result is not None
    assert run.result["test"]["count"] + run.result["evaluation"]["count"] == 30
    assert cli(*words, "--name", "again").code == 0
    both = [Path("runs", name, "weights.safetensors").read_bytes() for name in ("again", run.name)]
    assert both[0] == both[1]
    assert cli("train", "--config", "runs/again/spec.yaml", "--name", "third").code == 0
    assert cli("report", "again", run.name).code == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "on test data" in page
    assert "nodes of karate" in page
    assert "gcn" in cli("runs").out
    assert "learnt nodes, not text" in cli("generate", "again").mistake


def test_training_on_files_of_ones_own(cli: Any) -> None:
    Path("e.csv").write_text("source,target\n" + "".join(f"n{n},n{(n + 2) % 40}\n" for n in range(40)))
    Path("n.csv").write_text("node,label\n" + "".join(f"n{n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(40)))
    answer = cli(
        "train", "nodes", "--graph", "e.csv", "--nodes", "n.csv", "--layer", "sage", "--steps", 5, "--labelled", 5
    )
    assert answer.code == 0, answer
    assert "of 24 test nodes right" in answer.out
    assert open_run("runs/nodes-sage-e-seed0").spec.task.graph_sha256 is not None


def test_what_the_help_says_of_papers(cli: Any) -> None:
    shown = cli("train", "nodes", "--help").out
    assert "gat (Veličković et al. 2018): hidden 8, heads 8" in " ".join(shown.split())
    assert "graph_sha256" not in shown

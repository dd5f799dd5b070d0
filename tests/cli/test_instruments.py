"""``unrolled gradients`` and ``unrolled reach``: tables, JSON, pages, mistakes."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from unrolled.analysis.gradients import phase
from unrolled.record import list_runs

BOTH = ("untrained", "trained")
SMALL = ("--hidden", "6", "--batch", "3", "--length", "8")


def test_the_microscope_in_a_terminal(cli: Any) -> None:
    answer = cli("gradients", "--cell", "lstm", "--layers", "2", *SMALL)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert sum("untrained, layer" in line.replace("  ", " ") or "layer" in line for line in lines) >= 4
    assert "singular values" in answer.out
    assert not Path("runs").exists()


def test_the_microscope_as_json(cli: Any) -> None:
    found = json.loads(cli("gradients", "--cell", "rnn", "--scale", "0.5", "--json", *SMALL).out)
    network = found["networks"]["rnn, untrained"]
    assert (network["steps"], network["sequences"]) == (8, 3)
    (layer,) = network["layers"]
    assert len(layer["norms"]["hidden"]) == 8
    assert set(layer["contributions"]) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}
    assert network["lyapunov_nats_per_step"][0] < 0


def test_what_is_no_number_is_null(cli: Any) -> None:
    found = json.loads(cli("gradients", "--cell", "rnn", "--scale", "1e308", "--json", *SMALL).out)
    assert None in found["networks"]["rnn, untrained"]["layers"][0]["norms"]["hidden"]
    assert "is inf or no number" in cli("reach", "--cell", "rnn", "--scale", "1e308", *SMALL).mistake


@pytest.mark.parametrize("task", ["adding", "copying"])
def test_every_task_on_sequences_can_be_looked_at(cli: Any, quick: tuple[str, ...], task: str) -> None:
    assert cli("train", task, "--name", "mine", "--look-every", "2", *quick).code == 0
    assert len(list_runs("runs")[0].looks()) == 3
    assert "trained" in cli("gradients", "mine").out
    assert "trained, replaced" in json.loads(cli("reach", "mine", "--replacement", "--json").out)


def test_a_run_of_ones_own_cell_is_looked_at_once_the_cell_is_named_again(cli: Any, quick: tuple[str, ...]) -> None:
    cell = f"{Path(__file__).parents[2] / 'examples' / 'minimal_gated_unit.py'}:MinimalGatedUnit"
    assert cli("train", "palindromes", "--name", "mine", "--cell", cell, *quick).code == 0
    assert cli("train", "palindromes", "--name", "theirs", "--cell", "rnn", *quick).code == 0
    assert "name it again (--cell)" in cli("gradients", "mine").mistake
    for command in ("gradients", "reach"):
        found = json.loads(cli(command, "mine", "theirs", "--cell", cell, "--json").out)
        assert list(found.get("networks", found)) == [f"{n}, {w}" for n in ("mine", "theirs") for w in BOTH]
    assert "--cell is for an untrained network" in cli("gradients", "theirs", "--cell", cell).mistake
    assert "--hidden is for an untrained network" in cli("gradients", "mine", "--cell", cell, "--hidden", 3).mistake
    assert "is not a cell of the house" in cli("gradients", "mine", "--cell", cell, "--phase").mistake


def test_a_page_says_how_it_is_made_again_and_what_was_read(cli: Any, quick: tuple[str, ...]) -> None:
    for name, length in (("a & b", 3), ("longer", 5)):
        assert cli("train", "palindromes", "--name", name, "--length", length, *quick).code == 0
    assert cli("gradients", "a & b", "longer", "--batch", 4, "--out", "page.html").code == 0
    page = html.unescape(Path("page.html").read_text(encoding="utf-8"))
    assert "unrolled gradients 'a & b' longer --batch 4 --out page.html" in page
    assert "4 sequences of T = 2 or 4" in page
    for command in ("gradients", "reach"):
        assert cli(command, "--cell", "rnn", *SMALL, "--out", "page.html").code == 0
        page = html.unescape(Path("page.html").read_text(encoding="utf-8"))
        assert f"unrolled {command} --cell rnn {' '.join(SMALL)} --out page.html" in page


def test_the_map_is_of_the_network_that_is_asked_for(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase, "SCALES", (0.5, 2.0))
    monkeypatch.setattr(phase.phase_points, "__kwdefaults__", {**phase.phase_points.__kwdefaults__, "scales": (0.5, 2)})

    def drawn(*more: object) -> Any:
        found = json.loads(cli("gradients", "--cell", "rnn", *SMALL, "--phase", "--json", *more).out)["phase"]
        return found["steps"], [point["powers_of_ten"] for point in found["points"]]

    steps, points = drawn()
    assert steps == 8
    for option in (("--seed", 1), ("--input", "scalar"), ("--initialisation", "normal")):
        assert drawn(*option)[1] != points


def test_reach_as_json(cli: Any) -> None:
    found = json.loads(cli("reach", "--cell", "gru", "--ring", "2", "--replacement", "--json", *SMALL).out)
    assert list(found) == ["gru, untrained", "gru, untrained, replaced", "GCN of 2 layers on a ring"]
    assert len(found["gru, untrained"]["influence"]) == 8
    assert len(found["GCN of 2 layers on a ring"]["influence"]) == 3
    assert found["GCN of 2 layers on a ring"]["unit"] == "hops"


def test_a_run_is_seen_as_it_began_and_as_it_is(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", "--name", "mine", "--cell", "rnn", *quick).code == 0
    answer = cli("gradients", "mine", "--out", "[b]look.html")
    assert answer.code == 0
    assert "[b]look.html  open it in a browser" in answer.out
    page = Path("[b]look.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 5  # h; the parts and the gates of each
    assert "trained" in answer.out
    assert "Published beside measured" not in page
    answer = cli("reach", "mine", "--length", "12", "--out", "[b]reach.html")
    assert answer.code == 0
    assert "[b]reach.html  open it in a browser" in answer.out
    assert "12" in Path("[b]reach.html").read_text(encoding="utf-8")


def test_a_run_begins_with_the_weights_that_training_drew(cli: Any, quick: tuple[str, ...]) -> None:
    options = [word if word != "3" else "0" for word in quick]
    assert cli("train", "palindromes", "--name", "still", *options[:5], "0").code == 0
    found = json.loads(cli("gradients", "still", "--json").out)["networks"]
    assert found["untrained"]["layers"][0]["norms"] == found["trained"]["layers"][0]["norms"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("gradients nobody", "no run 'nobody'"),
        ("gradients --cell lstn", "no cell 'lstn'; did you mean 'lstm'?"),
        ("gradients --batch 0", "batch is 0: at least 1 sequence"),
        ("gradients --length 0", "length is 0: at least 1"),
        ("gradients nobody --length -1", "length is -1: at least 1"),
        ("reach --length 0", "length is 0: at least 1"),
        ("gradients --scale -1 --cell rnn", "scale is -1.0: 0 or more"),
        ("gradients --hiden 5", "no option '--hiden'; did you mean '--hidden'?"),
        ("gradients nobody --hidden 5", "--hidden is for an untrained network"),
        ("reach --ring 0", "ring is 0: a GCN has at least 1 layer"),
        ("reach --probes 1", "probes is 1: at least 2"),
    ],
)
def test_a_mistake_costs_one_line(cli: Any, words: str, expected: str) -> None:
    assert expected in cli(*words.split()).mistake


def test_what_was_seen_along_training_is_drawn(cli: Any, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", "--name", "seen", "--cell", "lstm", "--look-every", "1", *quick).code == 0
    found = json.loads(cli("gradients", "seen", "--json").out)["along_training"]
    assert [look["step"] for look in found["seen"]] == [0, 1, 2, 3]
    for command in (("gradients", "seen"), ("report", "runs/seen")):
        assert cli(*command, "--out", "page.html").code == 0
        page = Path("page.html").read_text(encoding="utf-8")
        assert "Along training: how much of the loss reaches h_t" in page
        assert "Along training: how much of the loss reaches c_t" in page

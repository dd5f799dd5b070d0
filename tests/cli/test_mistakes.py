"""Whatever a user gets wrong costs one line and exit code 2."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("trian", "no command 'trian'; did you mean 'train'? commands: train, sweep, generate, report, graph, runs"),
        ("train palindrome", "no task 'palindrome'; did you mean 'palindromes'? tasks: palindromes, binary-"),
        ("train --steps 3", "no task is given before '--steps'; tasks: palindromes"),
        (
            "train palindromes --cell lstn",
            "no cell 'lstn'; did you mean 'lstm'? cells: rnn, gru, lstm, peephole",
        ),
        ("train palindromes --lenght 5", "no option '--lenght'; did you mean '--length'?"),
        ("train palindromes --processes 2", "processes is 2, but engine is local: give --engine ray with it, or start"),
        ("train palindromes --address here:1", "address is 'here:1', but engine is local: give --engine ray with it"),
        ("train palindromes --engine ray --processes 0", "processes is 0: at least 1"),
        ("train palindromes --length ten", "--length is 'ten': not a whole number"),
        ("train palindromes --learning-rate x", "--learning-rate is 'x': not a number"),
        ("train palindromes --bidirectional=maybe", "--bidirectional is 'maybe': not yes or no"),
        (
            "train palindromes --stop neverr",
            "--stop is 'neverr': did you mean 'never'? choose from never, solved",
        ),
        ("train palindromes --length", "--length needs a value"),
        ("train palindromes --length 5 --length 6", "--length is given twice"),
        ("train palindromes 5", "'5' is not expected here"),
        ("train palindromes --length 1", "length"),
        ("train palindromes --clip -1", "clip is -1.0: a number above 0, or none"),
        ("train palindromes --chrono 40 --cell rnn", "forget gate"),
        ("train palindromes --device tpu", "device is 'tpu'"),
        ("train palindromes --name a/b", "name is 'a/b'"),
        ("train palindromes --cell here.py:Mine", "no file 'here.py' to take the cell 'Mine' from"),
        ("train palindromes --config absent.yaml", "no file 'absent.yaml'"),
        ("train text --source absent.txt", "no text file 'absent.txt'"),
        ("train text --source grimm", "fetching is switched off"),
        ("train nodes --graph cora", "fetching is switched off"),
        ("train nodes --graph corra", "no graph 'corra'; did you mean 'cora'? graphs: cora, citeseer"),
        ("train nodes --graph absent.npz", "no file 'absent.npz' (.npz, .csv, .tsv, .txt)"),
        ("train nodes --graph course-2020", "course-2020 has no labels to learn"),
        ("train nodes --graph rmat:6", "rmat:6 has no labels to learn"),
        ("train nodes --graph planted:many", "graph 'planted:many': nodes is 'many'; a whole number would do"),
        ("train nodes --graph karate:3", "graph 'karate:3': nothing may follow its name"),
        ("train nodes --graph karate --nodes n.csv", "graph 'karate' is registered and comes as it is"),
        ("train nodes --graph karate --layer gnc", "no layer 'gnc'; did you mean 'gcn'? layers: gcn, gat, gatv2"),
        ("train nodes --graph karate --heads 4", "heads is 4 but layer is 'gcn': it is an option of gat and gatv2"),
        ("train nodes --graph karate --fanouts 5,x", "fanouts is '5,x': a number of neighbours for each layer"),
        (
            "train nodes --graph karate --batching neighbours --fanouts 5",
            "fanouts is '5' but layers is 2: one number for each layer",
        ),
        ("train nodes --graph karate --features given", "karate has no features to use given"),
        ("train nodes --graph karate --batching clusters", "50 parts of 34 nodes"),
        ("train nodes --graph rmat:18:1 --features one-hot", "has no labels"),
        ("train nodes --graph planted:30000 --features one-hot", "too many for one each (at most 20000)"),
        ("train palindromes --decay first-layer", "decay is 'first-layer': it is for networks on graphs"),
        ("graph", "GRAPH needs a value"),
        ("graph A-B,B>C", "'B>C' is no edge; A-B, A->B, A<-B"),
        ("graph course-2021", "no graph 'course-2021'; did you mean 'course-2020'?"),
        ("graph absent.csv", "no file 'absent.csv'"),
        ("graph course-2020 --from X", "no node 'X'"),
        ("graph course-2020 --to E", "to 'E': from where? give both ends"),
        ("graph course-2020 --hops 0 --from A", "hops is 0: 1 or more"),
        ("graph course-2020 --attention absent.json", "no weights can be read from 'absent.json'"),
        ("graph planted:500 --svg big.svg", "a picture shows at most 400 nodes; this graph has 500"),
        ("graph planted:500 --attention random", "attention as a matrix is for at most 64 nodes"),
        ("train text --source=", "source is empty"),
        ("train text --tied", "tied is on but input is 'one-hot'"),
        ("train palindromes --tied --input embedding", "it is an option of text"),
        ("train text --state carry", "--state is 'carry': did you mean 'carried'?"),
        ("generate nobody", "no run 'nobody'"),
        ("report nobody", "no run 'nobody'"),
        ("report", "no runs in 'runs'"),
        ("data fetch grim", "no source 'grim'; did you mean 'grimm'?"),
        ("data lst", "no command 'lst'; did you mean 'list'? commands: list, fetch"),
        ("reproduce palindrom", "did you mean 'palindromes'?"),
        ("info --jsn", "no option '--jsn'; did you mean '--json'?"),
    ],
)
def test_a_wrong_command_costs_one_line(cli: Any, words: str, expected: str) -> None:
    assert expected in cli(*words.split()).mistake
    assert not Path("runs").exists(), "a mistake must leave nothing behind"


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("model: {hiden: 5}", "no key 'model.hiden'; did you mean 'model.hidden'?"),
        ("modle: {hidden: 5}", "no key 'modle'; did you mean 'model'?"),
        ("task: {lenght: 5}", "no key 'task.lenght'; did you mean 'task.length'?"),
        ("model: {hidden: many}", "model.hidden is 'many'"),
        ("model: {hidden: 5.5}", "model.hidden is 5.5"),
        ("training: {stop: neverr}", "training.stop is 'neverr'"),
        ("training: [1, 2]", "a section is a mapping"),
        ("task: {name: text}", "this spec is for the task 'text', the command is for 'palindromes'"),
        ("model: {hidden: 5, hidden: 6}", "the key 'hidden' is given twice"),
        ("- 1", "a spec is a mapping"),
        ("model: {hidden: 5", "not YAML"),
        ("format: 99", "format 99"),
        ("model: {cell: lstn}", "no cell 'lstn'"),
    ],
)
def test_a_wrong_config_costs_one_line(cli: Any, yaml: str, expected: str) -> None:
    Path("spec.yaml").write_text(yaml, encoding="utf-8")
    assert expected in cli("train", "palindromes", "--config", "spec.yaml").mistake


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"caf\xe9 and cr\xe8me " * 30, "is not UTF-8"),
        (b"too short", "window"),
        (b"\xff\xfea\x00", "UTF-16"),
    ],
)
def test_an_unusable_text_costs_one_line(cli: Any, content: bytes, expected: str) -> None:
    Path("novel.txt").write_bytes(content)
    assert expected in cli("train", "text", "--source", "novel.txt").mistake


EDGES, NODES = "source,target\na,b\nb,c\n", "node,label\na,x\nb,y\nc,x\n"


@pytest.mark.parametrize(
    ("edges", "nodes", "expected"),
    [
        ("from,to\na,b\n", NODES, "no column 'source'"),
        ("source,target\na,b,c\n", NODES, "line 2 has 3 fields, the header 2"),
        (EDGES, "name,label\na,x\n", "it needs one called node"),
        (EDGES, "node,label\na,x\nb,y\n", "has node 'c', which 'nodes.csv' does not have"),
        (EDGES, "node,label\na,x\nb,y\nc,x\nc,x\n", "has node 'c' twice"),
        (EDGES, "node,size\na,1\nb,2\nc,3\n", "has no labels to learn"),
        (
            EDGES,
            "node,label,f1,f2\na,x,1,1\nb,y,2,nan\nc,x,3,3\n",
            "'nodes.csv' has nan in the column 'f2' of node 'b': features are finite numbers",
        ),
        (EDGES, "node,label,f1\na,x,1\nb,y,-inf\nc,x,3\n", "has -inf in the column 'f1' of node 'b'"),
        (EDGES, "node,label,f1\na,x,1\nb,y,1e300\nc,x,3\n", "has 1e+300 in the column 'f1' of node 'b'"),
        (
            EDGES,
            "node,label,f1\na,x,1\nb,y,\nc,x,3\n",
            "'nodes.csv' has no number in the column 'f1' of node 'b': every feature is one",
        ),
        *(
            (
                EDGES,
                f'node,label,f1\na,x,1\nb,y,"{cell}"\nc,x,3\n',
                f"'nodes.csv' has {cell!r}, no number, in the column 'f1' of node 'b': every feature is one",
            )
            for cell in ("NA", "null", "oops", "1,5", "5%")
        ),
        (EDGES, "node,label,f1,f1\na,x,1,1\nb,y,2,2\nc,x,3,3\n", "'nodes.csv' has more than one column 'f1'"),
        ("source,target,source \na,b,c\n", NODES, "'edges.csv' has more than one column 'source'"),
        ("source,target\na,b\n ,b\n", NODES, "'edges.csv' line 3 has no source: an edge needs both its ends"),
        ("source,target\na,\n", NODES, "'edges.csv' line 2 has no target"),
        (EDGES, NODES + ",x\n", "'nodes.csv' line 5 has no node"),
        (EDGES, "node,label,split\na,x,train\nb,y,dev\nc,x,test\n", "has the split 'dev'"),
        (EDGES, "node,label,split\na,x,train\nb,y,test\nc,x,test\n", "no labelled node to use for validation"),
    ],
)
def test_an_unusable_graph_costs_one_line(cli: Any, edges: str, nodes: str, expected: str) -> None:
    Path("edges.csv").write_text(edges)
    Path("nodes.csv").write_text(nodes)
    assert expected in cli("train", "nodes", "--graph", "edges.csv", "--nodes", "nodes.csv").mistake
    assert not Path("runs").exists()


def test_a_bias_for_a_cell_of_ones_own_costs_one_line(cli: Any) -> None:
    cell = Path(__file__).parents[2] / "examples" / "minimal_gated_unit.py"
    for option in (("--forget-bias", 1), ("--chrono", 40)):
        answer = cli("train", "palindromes", "--cell", f"{cell}:MinimalGatedUnit", *option)
        assert "MinimalGatedUnit does not say where its forget gate is" in answer.mistake
    answer = cli("train", "palindromes", "--cell", f"{cell}:MinimalGatedUnit", "--bias", "one")
    assert "MinimalGatedUnit' is your own: bias is for built-in cells" in answer.mistake
    assert not Path("runs").exists()


def test_a_class_that_a_file_does_not_have_costs_one_line(cli: Any) -> None:
    Path("cell.py").write_text("import torch\nclass MyCell(torch.nn.RNNCell):\n    pass\n")
    assert "no class 'Nope'. classes: MyCell" in cli("train", "palindromes", "--cell", "cell.py:Nope").mistake


QUITS = """
import sys
import torch

class Quits(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        sys.exit(3)

class Mine(torch.nn.RNNCell):
    where = "WHERE"

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.where != "__init__" or sys.exit(3)

    def initialise(self, name, *, forget_bias, chrono, generator):
        self.where != "initialise" or sys.exit(3)

    def forward(self, x_t, state):
        self.where != "forward" or sys.exit(3)
        new = super().forward(x_t, state)
        return Quits.apply(new) if self.where == "backward" else new
"""


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("__init__", "cannot be built as Mine(10, 4): SystemExit: 3"),
        ("initialise", "Mine.initialise(name, forget_bias=…, chrono=…, generator=…) failed: SystemExit: 3"),
        ("forward", "Mine.forward(x_t, state) failed on x_t [500, 10]: SystemExit: 3"),
        ("backward", "code that is not ours ended the command: SystemExit: 3"),
    ],
)
def test_a_cell_that_ends_the_program_costs_one_line(
    cli: Any, quick: tuple[str, ...], where: str, message: str
) -> None:
    Path("cells.py").write_text(QUITS.replace("WHERE", where))
    answer = cli("train", "palindromes", "--cell", "cells.py:Mine", "--initialisation", "xavier", *quick)
    assert answer.code == 2
    assert message in answer.err.splitlines()[-1]


def test_attention_of_the_wrong_size_costs_one_line(cli: Any) -> None:
    Path("w.json").write_text('{"W": [[1, 2]], "a": [1, 2]}')
    mistake = cli("graph", "A-B B-C", "--attention", "w.json").mistake
    assert "h is [3, 3], and W [1, 1, 2] on this graph needs [3, 2]" in mistake


def test_a_graph_too_large_for_memory_costs_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.data.graph_memory.available_bytes", lambda: 10**6)
    mistake = cli("train", "nodes", "--graph", "planted:3000").mistake
    assert "a full batch of 3000 nodes" in mistake
    assert "GB" in mistake
    assert "sampled neighbours or cluster batches would do" in mistake


def test_a_folder_without_texts_costs_one_line(cli: Any) -> None:
    assert "the folder '.' holds no text" in cli("train", "text", "--source", ".").mistake
    Path("tales").mkdir()
    Path("tales", "a.txt").write_bytes(b"a tale")
    Path("tales", "b.txt").write_bytes(b"\x89PNG\r\n")
    assert "b.txt' is not UTF-8: byte 0x89 at offset 0" in cli("train", "text", "--source", "tales").mistake
    assert "the text is too short: 5 characters to train on" in (
        cli("train", "text", "--source", "tales/a.txt", "--state", "carried").mistake
    )
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("piped", "expected"),
    [
        (None, "standard input is closed"),
        (b"", "the text is empty"),
        (b"\xff", "standard input is not UTF-8: byte 0xFF"),
        (b"short", "the text is too short"),
    ],
)
def test_an_unusable_standard_input_costs_one_line(
    cli: Any, piped: bytes | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None if piped is None else io.TextIOWrapper(io.BytesIO(piped)))
    assert expected in cli("train", "text", "--source", "-").mistake


def test_a_text_that_came_down_a_pipe_is_resumed_without_it(
    cli: Any, quick: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a tale of a fox and an owl. " * 30)))
    options = ("--window", "5", "--sample-every", "0", "--state", "carried")
    answer = cli("train", "text", "--source", "-", *options, *quick)
    assert answer.code == 0, answer
    run = Path("runs", "text-lstm-stdin-seed0")
    (run / "result.json").unlink()
    monkeypatch.setattr(sys, "stdin", None)
    assert cli("train", "text", "--name", run.name, "--resume").code == 0
    shutil.rmtree("cache")
    assert cli("generate", run.name, "--length", "5").code == 0  # the run knows its characters
    again = cli("train", "--config", run / "spec.yaml", "--name", "again")
    assert "came from standard input and is no longer in" in again.mistake


def test_a_text_that_came_down_a_pipe_and_is_kept_no_longer_is_piped_in_again(
    cli: Any, quick: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipe(text: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    text = b"a tale of a fox and an owl. " * 30
    pipe(text)
    options = ("--window", "5", "--sample-every", "0", "--checkpoint-every", "1", *quick, "--name", "piped")
    assert cli("train", "text", "--source", "-", *options).code == 0
    run = Path("runs", "piped")
    whole = (run / "weights.safetensors").read_bytes()
    for ended in ("result.json", "weights.safetensors"):
        (run / ended).unlink()
    shutil.rmtree("cache")
    again = ("train", "text", "--name", "piped", "--resume")
    pipe(b"")  # nothing is piped in
    assert "is no longer in cache/texts: pipe it in again" in cli(*again).mistake
    pipe(text[:-1])
    assert "the text that is piped in has hash" in cli(*again).mistake
    pipe(text)
    assert cli(*again).code == 0
    assert (run / "weights.safetensors").read_bytes() == whole


def test_a_character_that_the_model_has_never_seen(cli: Any, novel: Path) -> None:
    mistake = cli("generate", novel, "--prompt", "naïve").mistake
    assert "ï" in mistake
    assert "vocabulary" in mistake


@pytest.fixture
def trained(cli: Any, quick: tuple[str, ...]) -> Path:
    assert cli("train", "palindromes", "--length", "3", "--name", "mine", *quick).code == 0
    return Path("runs/mine")


def test_a_cut_checkpoint(cli: Any, trained: Path) -> None:
    weights = trained / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert "weights.safetensors' is damaged" in cli("gradients", "mine").mistake


def test_a_changed_checkpoint(cli: Any, trained: Path) -> None:
    weights = trained / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "checksum" in cli("gradients", "mine").mistake


def test_a_foreign_checkpoint(cli: Any, trained: Path) -> None:
    (trained / "weights.safetensors").write_bytes(b"\x80\x04 something pickled")
    assert "weights.safetensors" in cli("gradients", "mine").mistake


def test_somebody_elses_checkpoint(cli: Any, trained: Path, quick: tuple[str, ...]) -> None:
    assert cli("train", "palindromes", "--name", "other", *quick, "--hiden", "5").code == 2
    assert cli("train", "palindromes", "--cell", "rnn", "--name", "other", *quick).code == 0
    shutil.copy("runs/other/weights.safetensors", trained)
    assert "has the weights of another run" in cli("gradients", "mine").mistake


def test_a_damaged_run(cli: Any, trained: Path) -> None:
    (trained / "result.json").write_text('{"format": 1, ')
    assert "damaged" in cli("report", "mine").mistake
    assert "damaged" in cli("train", "palindromes", "--name", "mine", "--resume").mistake


def test_a_folder_that_is_no_run(cli: Any) -> None:
    Path("runs/photos").mkdir(parents=True)
    Path("runs/photos/cat.jpg").write_bytes(b"meow")
    assert "is no run" in cli("report", "photos").mistake
    assert "is no run" in cli("train", "palindromes", "--name", "photos").mistake


def test_a_name_that_is_taken(cli: Any, trained: Path, quick: tuple[str, ...]) -> None:
    mistake = cli("train", "palindromes", "--length", "3", "--name", "mine", *quick).mistake
    assert "--resume" in mistake


def test_resuming_another_spec(cli: Any, trained: Path) -> None:
    mistake = cli("train", "palindromes", "--name", "mine", "--resume", "--hidden", "5").mistake
    assert "model.hidden 4, now 5" in mistake


def test_letting_a_palindrome_model_write(cli: Any, trained: Path) -> None:
    assert "palindromes, not text" in cli("generate", "mine").mistake


def test_two_temperatures(cli: Any, trained: Path) -> None:
    assert "--tau" in cli("generate", "mine", "--temperature", "1", "--tau", "1").mistake


def test_a_place_that_cannot_be_written(cli: Any, quick: tuple[str, ...], read_only_disk: Path) -> None:
    mistake = cli("train", "palindromes", *quick, "--runs", read_only_disk).mistake
    assert "read-only" in mistake
    assert str(read_only_disk) in mistake


def test_a_report_that_cannot_be_written(cli: Any, trained: Path, read_only_disk: Path) -> None:
    assert "read-only" in cli("report", "mine", "--out", read_only_disk / "report.html").mistake


def test_a_runs_folder_that_is_a_file(cli: Any, quick: tuple[str, ...]) -> None:
    Path("runs").write_text("not a folder")
    assert "cannot write" in cli("train", "palindromes", *quick).mistake


def test_a_full_disk(cli: Any, quick: tuple[str, ...], tiny_disk: Path) -> None:
    mistake = cli("train", "palindromes", "--hidden", "128", "--steps", "3", "--runs", tiny_disk).mistake
    assert "the disk is full" in mistake
    assert str(tiny_disk) in mistake


def test_a_bug_keeps_its_traceback(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("unrolled.cli.info._facts", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        cli("info")

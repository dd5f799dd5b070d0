"""How fast is text written beside torch.nn.LSTM, LSTMCell and ONNX Runtime, a step at a time, and is it the same text?

    python benchmarks/generation.py                    the table at batch 1 and 64, and the command
    options: --threads 2  --repeats 7  --characters 4000  --command 1000000  --check  --write

Two LSTM layers of 128 over 87 symbols, one set of weights, greedy from one beginning: every side's text is asserted
equal to torch.nn's first (bf16 and int8 weights round: most of their first symbols).  Sides run in one process, in
turns; a time is the median of its turns, the spread half the distance between the quartiles.  Ours includes packing the
weights; peers get what serves them: their one-hot rows are looked up in a
ready matrix, gradients are off, ONNX Runtime has the argmax in its graph, and one thread where more are slower.  The
last row is `unrolled generate`, a process of its own, from its start to its last character, beside torch.nn's loop
without its start.  ``--write`` keeps the table in benchmarks/results/generation.md and .json, ``--check`` ends with 1
where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch

import onnx
from onnx import TensorProto, helper, numpy_helper
from unrolled import data, nn, training
from unrolled.generation import Choice, Stream
from unrolled.kernels import recurrent
from unrolled.spec import default_spec

RESULTS = Path(__file__).with_name("results")
H, V, LAYERS = 128, 87, 2
VOCABULARY = data.Vocabulary(chr(code) for code in range(33, 33 + V))

BOUNDS = {  # (row, batch): our time over theirs, at most
    ("float32 / torch.nn.LSTM", 1): 1 / 40,
    ("float32 / ONNX Runtime", 1): 1 / 7,
    ("float32 / torch.nn.LSTM", 64): 1 / 5,
    ("unrolled generate / torch.nn.LSTM", 1): 1 / 20,
}

Write = Callable[[int], torch.Tensor]
"""So many greedy symbols of every row, [T, B], from the beginning."""


def ours(model: nn.CharacterModel, batch: int, weights: str, choice: Choice) -> Write:
    """The package, with the packing of the weights."""

    def write(length: int) -> torch.Tensor:
        stream = Stream(model, VOCABULARY, starts(batch), choice=choice, seed=0, weights=weights)  # type: ignore[arg-type]
        return torch.cat([piece.symbols for piece in stream.pieces(length)])

    return write


def starts(batch: int) -> list[str]:
    """Every row begins with another symbol, as far as there are some."""
    return [VOCABULARY[row % V] for row in range(batch)]


def torch_loop(model: nn.CharacterModel, batch: int) -> Write:
    """torch.nn.LSTM, called for one step at a time."""
    layer = torch.nn.LSTM(V, H, num_layers=LAYERS)
    layer.load_state_dict(model.layer.state_dict())
    identity, output = torch.eye(V), model.output

    @torch.no_grad()
    def write(length: int) -> torch.Tensor:
        symbols, state, written = VOCABULARY.encode("".join(starts(batch))), None, []
        for _ in range(length):
            hidden, state = layer(identity[symbols][None], state)
            symbols = output(hidden[0]).argmax(1)
            written.append(symbols)
        return torch.stack(written)

    return write


def cell_loop(model: nn.CharacterModel, batch: int) -> Write:
    """torch.nn.LSTMCell, one for each layer."""
    cells = [torch.nn.LSTMCell(V if k == 0 else H, H) for k in range(LAYERS)]
    for k, cell in enumerate(cells):
        cell.load_state_dict({name: getattr(model.layer, f"{name}_l{k}") for name in cell.state_dict()})
    identity, output = torch.eye(V), model.output

    @torch.no_grad()
    def write(length: int) -> torch.Tensor:
        symbols, written = VOCABULARY.encode("".join(starts(batch))), []
        states = [(torch.zeros(batch, H), torch.zeros(batch, H)) for _ in cells]
        for _ in range(length):
            x = identity[symbols]
            for k, cell in enumerate(cells):
                states[k] = cell(x, states[k])
                x = states[k][0]
            symbols = output(x).argmax(1)
            written.append(symbols)
        return torch.stack(written)

    return write


def onnx_loop(model: nn.CharacterModel, batch: int, threads: int) -> Write:
    """ONNX Runtime on two LSTM nodes, a product and an argmax."""

    def turned(name: str) -> np.ndarray:
        i, f, g, o = getattr(model.layer, name).detach().numpy().reshape(4, H, -1)
        return np.concatenate([i, o, f, g]).astype(np.float32)

    constants = {"identity": np.eye(V, dtype=np.float32), "zero": np.array([0], np.int64)}
    nodes = [
        helper.make_node("Gather", ["identity", "symbols"], ["rows"]),
        helper.make_node("Unsqueeze", ["rows", "zero"], ["x0"]),
    ]
    for k in range(LAYERS):
        constants[f"W{k}"], constants[f"R{k}"] = turned(f"weight_ih_l{k}")[None], turned(f"weight_hh_l{k}")[None]
        constants[f"B{k}"] = np.concatenate([turned(f"bias_ih_l{k}"), turned(f"bias_hh_l{k}")])[None, :, 0]
        inputs = [f"x{k}", f"W{k}", f"R{k}", f"B{k}", "", f"h{k}", f"c{k}"]
        nodes.append(helper.make_node("LSTM", inputs, ["", f"h{k}_out", f"c{k}_out"], hidden_size=H))
        if k + 1 < LAYERS:
            nodes.append(helper.make_node("Identity", [f"h{k}_out"], [f"x{k + 1}"]))
    constants["W"], constants["b"] = model.output.weight.detach().numpy(), model.output.bias.detach().numpy()
    nodes.append(helper.make_node("Squeeze", [f"h{LAYERS - 1}_out", "zero"], ["top"]))
    nodes.append(helper.make_node("Gemm", ["top", "W", "b"], ["logits"], transB=1))
    nodes.append(helper.make_node("ArgMax", ["logits"], ["next"], axis=1, keepdims=0))
    states = [f"{name}{k}" for k in range(LAYERS) for name in "hc"]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "step",
        [value("symbols", TensorProto.INT64, [batch]), *(value(s, TensorProto.FLOAT, [1, batch, H]) for s in states)],
        [
            value("next", TensorProto.INT64, [batch]),
            *(value(f"{s}_out", TensorProto.FLOAT, [1, batch, H]) for s in states),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if batch == 1 else threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning slows the side timed next
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = ["next", *(f"{s}_out" for s in states)]

    def write(length: int) -> torch.Tensor:
        feed = {s: np.zeros((1, batch, H), np.float32) for s in states}
        feed["symbols"] = VOCABULARY.encode("".join(starts(batch))).numpy()
        written = []
        for _ in range(length):
            feed["symbols"], *new = session.run(outputs, feed)
            feed.update(zip(states, new, strict=True))
            written.append(feed["symbols"])
        return torch.from_numpy(np.stack(written))

    return write


class Speed(NamedTuple):
    """Characters a second: the median of the turns, and half the distance between their quartiles."""

    median: float
    spread: float

    def __str__(self) -> str:
        return f"{self.median:,.0f} ± {self.spread:,.0f}"


class Row(NamedTuple):
    """One line of the table."""

    name: str
    batch: int
    ours: Speed
    theirs: Speed

    @property
    def ratio(self) -> float:
        """How many times as fast as theirs."""
        return self.ours.median / self.theirs.median

    @property
    def bound(self) -> float | None:
        """What the ratio should be at least."""
        found = BOUNDS.get((self.name, self.batch))
        return None if found is None else 1 / found

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's columns."""
        bound = "" if self.bound is None else f"{self.bound:.0f}"
        return self.name, str(self.batch), str(self.ours), str(self.theirs), f"{self.ratio:.1f}", bound


HEAD = ("ours / theirs", "batch", "ours, characters/s", "theirs", "times as fast", "at least")


def in_turns(sides: dict[str, Write], lengths: dict[str, int], batch: int, repeats: int) -> dict[str, Speed]:
    """Every side `repeats` times, one after the other; one turn is not counted."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, write in sides.items():
            began = time.perf_counter()
            write(lengths[name])
            if turn:
                found[name].append(batch * lengths[name] / (time.perf_counter() - began))
    speeds = {}
    for name, rates in found.items():
        low, middle, high = statistics.quantiles(rates, n=4)
        speeds[name] = Speed(middle, (high - low) / 2)
    return speeds


def same(sides: dict[str, Write]) -> None:
    """Stop unless every side writes torch.nn's text; rounded weights, its first symbols in most rows."""
    want = sides["torch.nn.LSTM"](200)
    for name, write in sides.items():
        got = write(200)
        rounded = name in ("bf16", "int8")
        agree = float((got[:3] == want[:3]).float().mean()) > 0.8 if rounded else torch.equal(got, want)
        if not agree and "sampling" not in name:
            raise SystemExit(f"{name} writes another text than torch.nn.LSTM")


def rows_of(batch: int, arguments: argparse.Namespace, model: nn.CharacterModel) -> list[Row]:
    """The table at one batch."""
    greedy = Choice(temperature=None)
    sides = {precision: ours(model, batch, precision, greedy) for precision in ("float32", "bf16", "int8")}
    sides["float32, sampling at T = 0.8"] = ours(model, batch, "float32", Choice(temperature=0.8))
    mine = list(sides)
    sides |= {"torch.nn.LSTM": torch_loop(model, batch), "torch.nn.LSTMCell": cell_loop(model, batch)}
    sides["ONNX Runtime"] = onnx_loop(model, batch, arguments.threads)
    same(sides)
    length = max(arguments.characters // batch, 50)
    lengths = {name: 8 * length if name in mine else length for name in sides}
    speeds = in_turns(sides, lengths, batch, arguments.repeats)
    pairs = [("float32", peer) for peer in ("torch.nn.LSTM", "torch.nn.LSTMCell", "ONNX Runtime")]
    pairs += [(side, "torch.nn.LSTM") for side in mine[1:]]
    return [Row(f"{side} / {peer}", batch, speeds[side], speeds[peer]) for side, peer in pairs]


def command_row(arguments: argparse.Namespace, theirs: Speed) -> tuple[Row, str]:
    """The command in a process of its own, text into a file, start included; and how much memory it took."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text("".join(VOCABULARY) * 30, encoding="utf-8")
        spec = default_spec("text", source=str(text), hidden=H, layers=LAYERS, steps=0)
        for _ in training.train(spec, name="model", runs=folder):
            pass
        words = ["generate", str(Path(folder) / "model"), "--prompt", "A", "--length", str(arguments.command)]
        began = time.perf_counter()
        with (Path(folder) / "out").open("wb") as out:
            subprocess.run(
                [sys.executable, "-m", "unrolled.cli", *words], stdout=out, stderr=subprocess.DEVNULL, check=True
            )
        speed = Speed(arguments.command / (time.perf_counter() - began), 0)
        assert (Path(folder) / "out").stat().st_size == arguments.command + 2
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)
    note = f"`unrolled generate` wrote {arguments.command:,} characters with at most {most:.0f} MiB of memory."
    return Row("unrolled generate / torch.nn.LSTM", 1, speed, theirs), note


def write_results(rows: list[Row], about: str, note: str) -> None:
    """Keep the table, for readers and for programs."""
    RESULTS.mkdir(exist_ok=True)
    lines = "".join(f"| {' | '.join(row.cells)} |\n" for row in rows)
    page = (
        f"# Writing text beside torch's and ONNX Runtime's loops\n\n{about}\n\n{note}\n\n"
        f"| {' | '.join(HEAD)} |\n|{'-|' * len(HEAD)}\n{lines}\n"
        f"Two LSTM layers of {H}, {V} symbols. Written by `python benchmarks/generation.py --write`; "
        "its docstring says what each side does.\n"
    )
    (RESULTS / "generation.md").write_text(page, encoding="utf-8")
    entries = [
        {
            "row": row.name,
            "batch": row.batch,
            "ours_per_second": row.ours.median,
            "theirs_per_second": row.theirs.median,
        }
        | {"ours_spread": row.ours.spread, "theirs_spread": row.theirs.spread, "ratio": row.ratio, "bound": row.bound}
        for row in rows
    ]
    content = json.dumps({"about": about, "note": note, "rows": entries}, indent=1)
    (RESULTS / "generation.json").write_text(content + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, write and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--characters", type=int, default=4000)
    parser.add_argument("--command", type=int, default=1_000_000)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    about = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads; "
        f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}), "
        f"onnxruntime {onnxruntime.__version__}; {recurrent.path().reason}; 1-minute load {os.getloadavg()[0]:.1f}."
    )
    print(about)
    torch.manual_seed(0)
    model = nn.CharacterModel(nn.LSTM(V, H, num_layers=LAYERS), symbols=V).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # so that the text does not stand still
    rows: list[Row] = []
    print(" | ".join(HEAD))
    for batch in (1, 64):
        for row in rows_of(batch, arguments, model):
            rows.append(row)
            print(" | ".join(row.cells), flush=True)
    row, note = command_row(arguments, rows[0].theirs)
    rows.append(row)
    print(" | ".join(row.cells), note, sep="\n")
    if arguments.write:
        write_results(rows, about, note)
    missed = [row for row in rows if row.bound is not None and row.ratio < row.bound]
    for row in missed:
        print(f"short of its bound: {row.name} at batch {row.batch}: {row.ratio:.1f} times, wanted {row.bound:.0f}")
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())

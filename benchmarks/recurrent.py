"""How long do recurrent layers take beside torch's and torchrecurrent's, forward + backward, and do they say the same?

    python benchmarks/recurrent.py              the table, ragged batches, observing, stepping, AVX2, errors, loading
    options: --threads 2  --sizes a b c d  --repeats 15  --quick  --check  --write

What is compared runs in one process, in turns, after its outputs and gradients were asserted equal.  A time is the
median of its turns; the spread behind it is half the distance between the quartiles.  ``--write`` keeps the table in
benchmarks/results/recurrent.md and .json, ``--check`` ends with 1 where a ratio of `BOUNDS` is missed.

Each side does what a training step needs: the output, and the gradients of all weights; none has a loss, an optimiser
or a gradient for the one-hot input.  Left out on theirs: torch.nn's layers and torchrecurrent's read one-hot rows that
were made beforehand.  On ours: with token input the rows are never made, which a reader of tokens need not.
torch.nn has no peepholes: in that row it computes less than we do.  Stepping is a user's own loop in Python; the loop
that writes text, in C, is timed by benchmarks/generation.py.  The AVX2 rows come from a process of their own, in which
torch is held to AVX2 by ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA.

An error is the worst of the output and of the gradients of x, the initial state and all weights, each relative to its
largest value, against the same layer in float64; torch's layers are measured in the same way.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_padded_sequence

from measuring import turns
from unrolled import nn
from unrolled.kernels import recurrent

RESULTS = Path(__file__).with_name("results")

Run = Callable[[], list[Tensor]]


@dataclass(frozen=True)
class Size:
    """A shape of the table: layers, input (symbols), hidden units, batch, steps."""

    layers: int
    I: int  # noqa: E741
    H: int
    B: int
    T: int

    def __str__(self) -> str:
        return f"{self.layers} x H{self.H}, I{self.I}, B{self.B}, T{self.T}"


SIZES = {
    "a": Size(1, 10, 128, 128, 9),
    "b": Size(1, 10, 128, 128, 49),
    "c": Size(2, 87, 128, 64, 30),
    "d": Size(2, 87, 512, 64, 100),
}

BOUNDS = {  # time of ours / time of theirs, at a, b, c, d: two threads of an AVX-512 machine
    "LSTM / torch.nn.LSTM": (0.60, 0.40, 0.66, 0.83),
    "LSTM on tokens / torch.nn.LSTM": (0.54, 0.34, 0.50, 0.76),
    "PeepholeLSTM / torch.nn.LSTM": (0.64, 0.43, 0.66, 0.83),
    "PeepholeLSTM / torchrecurrent": (0.22, 0.17, 0.17, 0.50),
    "RNN / torch.nn.RNN": (0.40, 0.32, 0.38, 0.62),
    "GRU / torch.nn.GRU": (0.34, 0.29, 0.40, 0.66),
    "LSTM bf16 / torch.nn.LSTM bf16": (0.42, 0.28, 0.28, 0.44),
    "ragged LSTM / padded x mean length / T": (None, 1.15, 1.15, None),
    "ragged LSTM / torch.nn.LSTM packed": (None, 0.30, 0.30, None),
    "observing LSTM / not observing": (None, 1.30, 1.30, None),
    "stepping LSTM, batch 1 / torch.nn.LSTM": (None, None, 0.50, None),
    "stepping LSTM, batch 64 / torch.nn.LSTM": (None, None, 0.60, None),
    "vanishing LSTM / LSTM": (None, 1.10, 1.10, None),
    "LSTM AVX2 / torch.nn.LSTM AVX2": (1.0, 1.0, 1.0, None),
}

ERRORS = {torch.float32: 3e-6, torch.bfloat16: 7e-3}
"""The largest that an error may be."""
LOADING_MS = 50


class Timing(NamedTuple):
    """Milliseconds: the median of the turns, and half the distance between their quartiles."""

    median: float
    spread: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ± {self.spread:.2f}"


def in_turns(runs: dict[str, Run], repeats: int) -> dict[str, Timing]:
    """Every run `repeats` times, one after the other, so that all meet the same machine; two turns are not counted."""
    taken = turns.in_turns(runs, repeats)
    return {name: Timing(*(1000 * seconds for seconds in turns.middle(times))) for name, times in taken.items()}


def same(name: str, ours: list[Tensor], theirs: list[Tensor], tolerance: float = 1e-4) -> None:
    """Stop unless each pair agrees, relative to its largest value."""
    for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        error = float((mine - other).abs().max() / other.abs().max())
        if not error < tolerance:
            raise SystemExit(f"{name}: number {index} differs by {error:.1e} of its largest value")


def step(layer: torch.nn.Module, x: Tensor, cotangent: Tensor, **options: object) -> Run:
    """Forward over x, backward to every weight: [output, gradients in the order of weight_ih, weight_hh, ...]."""
    weights = [parameter for _, parameter in sorted(layer.named_parameters(), key=_place)]

    def run() -> list[Tensor]:
        output = layer(x, **options)[0]
        output = getattr(output, "data", output) if not isinstance(output, Tensor) else output
        return [output.detach(), *torch.autograd.grad(output, weights, cotangent)]

    return run


KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole", "weight_ph")


def _place(named: tuple[str, Tensor]) -> tuple[int, int]:
    """Layer and kind of a parameter: ours and torch.nn's end in _l0, torchrecurrent's begin with cells.0."""
    name = named[0]
    kind = next(index for index, kind in enumerate(KINDS) if kind in name)
    digits = [int(part) for part in name.replace("_l", ".").split(".") if part.isdigit()]
    return digits[0], min(kind, 4)


def take_weights(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    """Give `theirs` the weights of `ours`, as far as it has them."""
    mine = {_place(named): named[1] for named in ours.named_parameters()}
    with torch.no_grad():
        for named in theirs.named_parameters():
            named[1].copy_(mine[_place(named)])


class Problem:
    """One size: tokens, their one-hot rows, a cotangent, and layers that share their weights."""

    def __init__(self, size: Size) -> None:
        torch.manual_seed(0)
        self.size = size
        self.tokens = torch.randint(size.I, (size.T, size.B))
        self.x = one_hot(self.tokens, size.I).float()
        self.cotangent = torch.randn(size.T, size.B, size.H)

    def pair(self, ours: type[torch.nn.Module], theirs: type[torch.nn.Module]) -> tuple[torch.nn.Module, ...]:
        """Both layers, with one set of weights."""
        made = [kind(self.size.I, self.size.H, num_layers=self.size.layers) for kind in (ours, theirs)]
        take_weights(*made)
        return made[0], made[1]


def products(size: Size, gates: int, *, tokens: bool = False, dtype: torch.dtype = torch.float32) -> Run:
    """The matrix products of a layer of `gates` gates and nothing else, at torch's speed, step by step."""
    T, B, H, rows = size.T, size.B, size.H, gates * size.H
    h, W, d, pre, back, W_grad = (
        torch.randn(shape, dtype=dtype)
        for shape in ((T * B, H), (rows, H), (T * B, rows), (T * B, rows), (T * B, H), (rows, H))
    )
    inputs = [] if tokens else [torch.randn(T * B, size.I, dtype=dtype)]
    inputs += [torch.randn(T * B, H, dtype=dtype)] * (size.layers - 1)
    weights = [torch.randn(x.shape[1], rows, dtype=dtype) for x in inputs]

    def run() -> list[Tensor]:
        for x, W_ih in zip(inputs, weights, strict=True):
            torch.mm(x, W_ih, out=pre)
            torch.mm(d.t(), x)
            if W_ih.shape[0] == H:  # a layer above: the gradient goes on to the one below
                torch.mm(d, W, out=back)
        for _ in range(size.layers):
            for t in range(T):
                torch.mm(h[t * B : (t + 1) * B], W.t(), out=pre[t * B : (t + 1) * B])
            for t in range(T):
                torch.mm(d[t * B : (t + 1) * B], W, out=back[t * B : (t + 1) * B])
            torch.mm(d.t(), h, out=W_grad)
        return []

    return run


def halved(layer: torch.nn.Module, x: Tensor, cotangent: Tensor) -> Run:
    """As `step`, under bfloat16 autocast."""
    weights = [parameter for _, parameter in sorted(layer.named_parameters(), key=_place)]

    def run() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            output = layer(x)[0]
        return [output.detach(), *torch.autograd.grad(output, weights, cotangent)]

    return run


class Row(NamedTuple):
    """One line of the table at one size."""

    name: str
    size: str
    ours: Timing
    theirs: Timing
    scale: float = 1.0
    limit: Timing | None = None

    @property
    def ratio(self) -> float:
        """The time of ours over the time of theirs."""
        return self.ours.median / (self.theirs.median * self.scale)

    @property
    def bound(self) -> float | None:
        """What the ratio should be at most."""
        return BOUNDS[self.name]["abcd".index(self.size)]

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's columns."""
        over = "" if self.limit is None else f"{self.ours.median / self.limit.median:.2f}"
        bound = "" if self.bound is None else f"{self.bound:.3g}"
        return self.name, self.size, str(self.ours), str(self.theirs), f"{self.ratio:.3g}", bound, over


HEAD = ("ours / theirs", "size", "ours ms", "theirs ms", "ratio", "bound", "ours / its products alone")


def dense_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """The table itself."""
    from torchrecurrent import PeepholeLSTM

    x, tokens, cotangent = problem.x, problem.tokens, problem.cotangent
    runs: dict[str, Run] = {}
    for name, kind, gates in (("LSTM", nn.LSTM, 4), ("GRU", nn.GRU, 3), ("RNN", nn.RNN, 1)):
        mine, theirs = problem.pair(kind, getattr(torch.nn, name))
        runs[name], runs[f"torch.nn.{name}"] = step(mine, x, cotangent), step(theirs, x, cotangent)
        same(name, runs[name](), runs[f"torch.nn.{name}"]())
        runs[f"{name} products"] = products(problem.size, gates)
        if name == "LSTM":
            runs["LSTM on tokens"] = step(mine, tokens, cotangent)
            same("LSTM on tokens", runs["LSTM on tokens"](), runs["torch.nn.LSTM"]())
            runs["LSTM on tokens products"] = products(problem.size, gates, tokens=True)
    mine, theirs = problem.pair(nn.PeepholeLSTM, PeepholeLSTM)
    runs["PeepholeLSTM"], runs["torchrecurrent"] = step(mine, x, cotangent), step(theirs, x, cotangent)
    same("PeepholeLSTM", runs["PeepholeLSTM"](), runs["torchrecurrent"]())
    timed = in_turns(runs, repeats)
    limits = {**timed, "PeepholeLSTM products": timed["LSTM products"]}
    found = []
    for name in list(BOUNDS)[:6]:
        ours, theirs_name = name.split(" / ")
        found.append(Row(name, size, timed[ours], timed[theirs_name], limit=limits[f"{ours} products"]))
    return found


def torch_has(layer: type[torch.nn.Module], dtype: torch.dtype) -> bool:
    """Whether torch computes the layer so on this processor: its LSTM in bfloat16 is oneDNN's and wants AVX-512."""
    return layer is not torch.nn.LSTM or dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def half_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """Both under autocast: float32 weights, everything else in bfloat16; none where torch has no such LSTM."""
    if not torch_has(torch.nn.LSTM, torch.bfloat16):
        print(f"LSTM bf16 | {size} | left out: torch's LSTM has no bfloat16 on this processor", flush=True)
        return []
    mine, theirs = problem.pair(nn.LSTM, torch.nn.LSTM)
    cotangent = problem.cotangent.bfloat16()
    runs = {"ours": halved(mine, problem.x, cotangent), "theirs": halved(theirs, problem.x, cotangent)}
    same("LSTM bf16", runs["ours"](), runs["theirs"](), tolerance=3e-2)
    timed = in_turns({**runs, "products": products(problem.size, 4, dtype=torch.bfloat16)}, repeats)
    return [
        Row("LSTM bf16 / torch.nn.LSTM bf16", size, timed["ours"], timed["theirs"], limit=timed["products"]),
    ]


def ragged_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """Lengths uniform in 1..T: beside our own time without lengths, and beside a PackedSequence."""
    T, B = problem.size.T, problem.size.B
    lengths = torch.randint(1, T + 1, (B,))
    mine, theirs = problem.pair(nn.LSTM, torch.nn.LSTM)
    packed = pack_padded_sequence(problem.x, lengths, enforce_sorted=False)
    cotangent = pack_padded_sequence(problem.cotangent, lengths, enforce_sorted=False).data
    runs = {
        "ragged": step(mine, problem.x, problem.cotangent, lengths=lengths),
        "padded": step(mine, problem.x, problem.cotangent),
        "packed": step(theirs, packed, cotangent),
    }
    same("ragged LSTM", runs["ragged"]()[1:], runs["packed"]()[1:])
    timed = in_turns(runs, repeats)
    share = float(lengths.float().mean()) / T
    return [
        Row("ragged LSTM / padded x mean length / T", size, timed["ragged"], timed["padded"], share),
        Row("ragged LSTM / torch.nn.LSTM packed", size, timed["ragged"], timed["packed"]),
    ]


def observing_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """Every gate of every step, beside the call; forward only."""
    layer = nn.LSTM(problem.size.I, problem.size.H, num_layers=problem.size.layers)

    def observing() -> list[Tensor]:
        with torch.no_grad():
            return [layer.observe(problem.x).output]

    def calling() -> list[Tensor]:
        with torch.no_grad():
            return [layer(problem.x)[0]]

    same("observing", observing(), calling())
    timed = in_turns({"observing": observing, "calling": calling}, repeats)
    return [Row("observing LSTM / not observing", size, timed["observing"], timed["calling"])]


def stepping_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """One step after another, each from the last, as a sampler does; T steps are one time."""
    found = []
    mine, theirs = problem.pair(nn.LSTM, torch.nn.LSTM)
    for batch in (1, 64):
        x = problem.x[:, :batch].contiguous()

        def ours(x: Tensor = x) -> list[Tensor]:
            state = None
            with torch.no_grad():
                for x_t in x:
                    output, state = mine.step(x_t, state)
            return [output]

        def torchs(x: Tensor = x) -> list[Tensor]:
            state = None
            with torch.no_grad():
                for x_t in x:
                    output, state = theirs(x_t.unsqueeze(0), state)
            return [output[0]]

        same("stepping", ours(), torchs())
        timed = in_turns({"ours": ours, "theirs": torchs}, repeats)
        found.append(Row(f"stepping LSTM, batch {batch} / torch.nn.LSTM", size, timed["ours"], timed["theirs"]))
    return found


def vanishing_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """A gradient of 1e-30, which leaves the range of normal numbers on its way back, beside one of order 1."""
    layer = nn.LSTM(problem.size.I, problem.size.H, num_layers=problem.size.layers)
    runs = {
        "vanishing": step(layer, problem.x, 1e-30 * problem.cotangent),
        "plain": step(layer, problem.x, problem.cotangent),
    }
    timed = in_turns(runs, repeats)
    return [Row("vanishing LSTM / LSTM", size, timed["vanishing"], timed["plain"])]


def avx2_rows(problem: Problem, size: str, repeats: int) -> list[Row]:
    """Our variant for AVX2 beside torch held to it."""
    held = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "UNROLLED_KERNELS": "native-v3"}
    code = "import sys; sys.path.insert(0, sys.argv[1]); import recurrent; recurrent.print_lstm(*sys.argv[2:])"
    given = [str(RESULTS.parent), size, str(repeats), str(torch.get_num_threads())]
    printed = subprocess.check_output([sys.executable, "-c", code, *given], text=True, env={**os.environ, **held})
    ours, theirs = (Timing(*timing) for timing in json.loads(printed))
    return [Row("LSTM AVX2 / torch.nn.LSTM AVX2", size, ours, theirs)]


def print_lstm(size: str, repeats: str, threads: str) -> None:
    """The LSTM's two timings in this process, as JSON."""
    torch.set_num_threads(int(threads))
    problem = Problem(SIZES[size])
    mine, theirs = problem.pair(nn.LSTM, torch.nn.LSTM)
    runs = {"ours": step(mine, problem.x, problem.cotangent), "theirs": step(theirs, problem.x, problem.cotangent)}
    same("LSTM AVX2", runs["ours"](), runs["theirs"]())
    timed = in_turns(runs, int(repeats))
    print(json.dumps([timed["ours"], timed["theirs"]]))


class Error(NamedTuple):
    """Against float64, of one layer at one size; torch's is None where torch.nn has no such layer here."""

    name: str
    dtype: torch.dtype
    size: str
    ours: float
    theirs: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's columns."""
        theirs = "" if self.theirs is None else f"{self.theirs:.1e}"
        kind = {torch.float32: "float32", torch.bfloat16: "bf16 autocast"}[self.dtype]
        return f"{self.name} {kind}", self.size, f"{self.ours:.1e}", theirs, f"{ERRORS[self.dtype]:.0e}"


HEAD_OF_ERRORS = ("worst error against float64", "size", "ours", "torch.nn's", "bound")

LAYERS: dict[str, tuple[Callable[..., torch.nn.Module], type[torch.nn.Module] | None]] = {
    "LSTM": (nn.LSTM, torch.nn.LSTM),
    "GRU": (nn.GRU, torch.nn.GRU),
    "GRU, reset before": (functools.partial(nn.GRU, reset_before=True), None),
    "RNN": (nn.RNN, torch.nn.RNN),
    "PeepholeLSTM": (nn.PeepholeLSTM, None),
    "FullPeepholeLSTM": (nn.FullPeepholeLSTM, None),
}


def errors(problem: Problem, size: str) -> list[Error]:
    """Of every layer in float32 and under bfloat16 autocast."""
    found = []
    for name, (ours, theirs) in LAYERS.items():
        sizes = {"input_size": problem.size.I, "hidden_size": problem.size.H, "num_layers": problem.size.layers}
        torch.manual_seed(0)
        mine = ours(**sizes)
        fields = 2 if "LSTM" in name else 1
        state = [torch.randn(problem.size.layers, problem.size.B, problem.size.H) / 2 for _ in range(fields)]
        exact = copy.deepcopy(mine).double()
        other = None if theirs is None else theirs(**sizes)
        if other is not None:
            take_weights(mine, other)
        for dtype in ERRORS:
            want = everything(exact, problem, state, torch.float64)
            got = [
                None
                if layer is None or not torch_has(type(layer), dtype)
                else worst(everything(layer, problem, state, dtype), want)
                for layer in (mine, other)
            ]
            assert got[0] is not None
            found.append(Error(name, dtype, size, got[0], got[1]))
    return found


def everything(layer: torch.nn.Module, problem: Problem, state: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """The output, and the gradients of x, the initial state and all weights."""
    own = torch.float64 if dtype == torch.float64 else torch.float32
    x, *fields = (t.detach().to(own).requires_grad_() for t in (problem.x, *state))
    weights = [parameter for _, parameter in sorted(layer.named_parameters(), key=_place)]
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        output = layer(x, tuple(fields) if len(fields) > 1 else fields[0])[0]
    cotangent = problem.cotangent.to(output.dtype)
    return [output.detach(), *torch.autograd.grad(output, [x, *fields, *weights], cotangent)]


def worst(got: list[Tensor], want: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each; of what is zero throughout, as it is."""
    return max(
        float((mine - exact).abs().max() / (exact.abs().max() or 1)) for mine, exact in zip(got, want, strict=True)
    )


def loading_ms() -> float:
    """What importing `unrolled.nn` and loading the library adds to torch's import, in processes of their own.

    The median of five, after one that leaves bytecode behind, as an installation does.
    """
    code = (
        "import time, torch; began = time.perf_counter(); import unrolled.nn; from unrolled.kernels import recurrent; "
        "recurrent.path(); print(1000 * (time.perf_counter() - began))"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", code]
        taken = [float(subprocess.check_output(command, text=True, env=environment)) for _ in range(6)]
    return statistics.median(taken[1:])


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All rows asked for, printed as they come."""
    plan = [
        (dense_rows, "abcd"),
        (half_rows, "abcd"),
        (ragged_rows, "bc"),
        (observing_rows, "bc"),
        (stepping_rows, "c"),
        (vanishing_rows, "bc"),
        (avx2_rows, "abc"),
    ]
    rows: list[Row] = []
    print(" | ".join(HEAD))
    for section, sizes in plan:
        for size in (size for size in sizes if size in arguments.sizes):
            repeats = max(3, arguments.repeats // 3) if size == "d" else arguments.repeats
            for row in section(Problem(SIZES[size]), size, repeats):
                rows.append(row)
                print(" | ".join(row.cells), flush=True)
    return rows


def measure_errors(arguments: argparse.Namespace) -> list[Error]:
    """The errors at the sizes asked for but d, printed as they come."""
    found: list[Error] = []
    print(" | ".join(HEAD_OF_ERRORS))
    for size in (size for size in "abc" if size in arguments.sizes):
        for error in errors(Problem(SIZES[size]), size):
            found.append(error)
            print(" | ".join(error.cells), flush=True)
    return found


def page(rows: list[Row], wrong: list[Error], about: str) -> str:
    """The tables in Markdown."""
    sizes = "".join(f"* ({name}) {size}\n" for name, size in SIZES.items())
    lines = "".join(f"| {' | '.join(row.cells)} |\n" for row in rows)
    errors = "".join(f"| {' | '.join(error.cells)} |\n" for error in wrong)
    return (
        f"# Recurrent layers beside torch's and torchrecurrent's\n\n{about}\n\n{sizes}\n"
        f"| {' | '.join(HEAD)} |\n|{'-|' * len(HEAD)}\n{lines}\n"
        f"| {' | '.join(HEAD_OF_ERRORS)} |\n|{'-|' * len(HEAD_OF_ERRORS)}\n{errors}\n"
        "Written by `python benchmarks/recurrent.py --write`; its docstring says what each side leaves out. "
        "Forward and backward; observing, stepping: forward.\n"
    )


def write(rows: list[Row], wrong: list[Error], about: str) -> None:
    """Keep the tables, for readers and for programs."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recurrent.md").write_text(page(rows, wrong, about), encoding="utf-8")
    entries = [
        {"row": row.name, "size": row.size, "ours_ms": row.ours.median, "theirs_ms": row.theirs.median}
        | {"ours_spread_ms": row.ours.spread, "theirs_spread_ms": row.theirs.spread, "ratio": row.ratio}
        | {"bound": row.bound, "over_products": row.limit and row.ours.median / row.limit.median}
        for row in rows
    ]
    table = [error._asdict() | {"dtype": str(error.dtype).removeprefix("torch.")} for error in wrong]
    text = json.dumps({"about": about, "rows": entries, "errors": table}, indent=1)
    (RESULTS / "recurrent.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, write and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="sizes a and b, five repeats")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.sizes, arguments.repeats = ["a", "b"], 5
    torch.set_num_threads(arguments.threads)
    loading = loading_ms()
    about = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads; "
        f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}); {recurrent.path().reason}; "
        f"import and load {loading:.0f} ms after torch's; 1-minute load {os.getloadavg()[0]:.1f}."
    )
    print(about)
    rows = measure(arguments)
    wrong = measure_errors(arguments)
    if arguments.write:
        write(rows, wrong, about)
    missed = [
        *(f"{r.name} ({r.size}): {r.ratio:.3g} > {r.bound:.3g}" for r in rows if r.bound and r.ratio > r.bound),
        *(f"{e.name} ({e.size}): {e.ours:.1e} > {ERRORS[e.dtype]:.0e}" for e in wrong if e.ours > ERRORS[e.dtype]),
        *([f"import and load: {loading:.0f} ms > {LOADING_MS} ms"] if loading > LOADING_MS else []),
    ]
    for sentence in missed:
        print(f"above its bound: {sentence}")
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())

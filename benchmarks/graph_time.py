"""How long do layers over a graph and time take beside PyG Temporal's algorithms, and how much memory?

    python benchmarks/graph_time.py gates       GConvLSTM and GConvGRU beside a ChebConv a gate and step
    python benchmarks/graph_time.py snapshots   GCN → LSTM on a graph a step, beside a GCNConv and an LSTMCell a step
    python benchmarks/graph_time.py memory      the most one step of training takes, each in a process of its own
    python benchmarks/graph_time.py scale       1000 snapshots of 10 000 nodes and 100 000 edges, trained
    options: --threads 2  --repeats 9  --check  --write

PyTorch Geometric Temporal does not install beside a current torch, so its algorithms are written here with PyG 2.8:
every gate has its own ChebConv of x and its own of h, every step calls them all.  A batch goes through PyG as
[B, N, F], which spares it B - 1 normalisations.

A time is forward and backward, to x and to every parameter.  Everything that is compared runs in one process, in turns,
after its output and x's gradient were asserted equal.  A time is the median of its turns, the spread behind it half the
distance between the quartiles.  Memory is the highest resident
size during the first step over that before it.  ``--write`` keeps the figures in benchmarks/results/graph_time.json and
their table in graph_time.md; ``--check`` ends with 1 where a bound of `AT_MOST` is missed.  PyG is needed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graph import compare, highest_during, resident
from measuring.parts import Benchmark, Results, in_fresh_process
from unrolled.graph import Graph
from unrolled.nn import LSTM, GCNConv, GConvGRU, GConvLSTM, GraphRecurrent, load_pyg_temporal

SIZES = {  # nodes, edges, features, hidden, Chebyshev terms, steps, batch
    "207 K3": (207, 3_200, 2, 64, 3, 12, 1),
    "2000 K2": (2_000, 40_000, 16, 64, 2, 12, 1),
    "207 K2 B32": (207, 3_200, 2, 64, 2, 12, 32),
}
FRAMES = (214, 1_900, 16, 64, 98)  # nodes, edges, features, hidden, steps
SCALE = (10_000, 100_000, 1_000)  # nodes, edges, snapshots
WINDOW = 10  # snapshots between two optimiser steps, the state carried on

AT_MOST = {  # ours over theirs, two threads
    "lstm 207 K3 / pyg": 0.12,
    "lstm 2000 K2 / pyg": 0.18,
    "lstm 207 K2 B32 / pyg": 0.22,
    "gcn→lstm / pyg": 0.35,
    "scale gconv-gru GB": 8.0,
    "scale graph-recurrent GB": 8.0,
}

Step = Callable[[], tuple[Tensor, ...]]


# ── their algorithms ──────────────────────────────────────────────────────────────────────────────────────


class TheirGates(nn.Module):
    """PyG Temporal's GConvLSTM or GConvGRU over a sequence: a ChebConv of x and one of h for every gate."""

    def __init__(self, kind: str, inputs: int, hidden: int, terms: int) -> None:
        super().__init__()
        from torch_geometric.nn import ChebConv

        self.kind, self.hidden = kind, hidden
        for gate in {"lstm": "ifco", "gru": "zrh"}[kind]:
            setattr(self, f"conv_x_{gate}", ChebConv(inputs, hidden, terms))
            setattr(self, f"conv_h_{gate}", ChebConv(hidden, hidden, terms))
        if kind == "lstm":
            for gate in "ifo":
                self.register_parameter(f"w_c_{gate}", nn.Parameter(torch.randn(1, hidden) / hidden**0.5))
            for gate in "ifco":
                self.register_parameter(f"b_{gate}", nn.Parameter(torch.zeros(1, hidden)))

    def forward(self, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        """The hidden states of all steps."""
        h = c = x.new_zeros(*x.shape[1:-1], self.hidden)
        outputs = []
        for x_t in x:
            if self.kind == "lstm":
                h, c = self.lstm(x_t, index, weight, h, c)
            else:
                h = self.gru(x_t, index, weight, h)
            outputs.append(h)
        return torch.stack(outputs)

    def lstm(self, x: Tensor, index: Tensor, weight: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        i = self.conv_x_i(x, index, weight) + self.conv_h_i(h, index, weight)
        i = torch.sigmoid(i + self.w_c_i * c + self.b_i)
        f = self.conv_x_f(x, index, weight) + self.conv_h_f(h, index, weight)
        f = torch.sigmoid(f + self.w_c_f * c + self.b_f)
        g = torch.tanh(self.conv_x_c(x, index, weight) + self.conv_h_c(h, index, weight) + self.b_c)
        c = f * c + i * g
        o = self.conv_x_o(x, index, weight) + self.conv_h_o(h, index, weight)
        o = torch.sigmoid(o + self.w_c_o * c + self.b_o)
        return o * torch.tanh(c), c

    def gru(self, x: Tensor, index: Tensor, weight: Tensor, h: Tensor) -> Tensor:
        """One step."""
        z = torch.sigmoid(self.conv_x_z(x, index, weight) + self.conv_h_z(h, index, weight))
        r = torch.sigmoid(self.conv_x_r(x, index, weight) + self.conv_h_r(h, index, weight))
        n = torch.tanh(self.conv_x_h(x, index, weight) + self.conv_h_h(h * r, index, weight))
        return z * h + (1 - z) * n


class TheirFrames(nn.Module):
    """A GCNConv on each step's graph, then an LSTMCell for every node."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        from torch_geometric.nn import GCNConv as TheirGCN

        self.conv, self.cell = TheirGCN(inputs, hidden), nn.LSTMCell(hidden, hidden)

    def forward(self, x: Tensor, graphs: list[tuple[Tensor, Tensor]]) -> Tensor:
        """The hidden states of all steps."""
        state, outputs = None, []
        for x_t, (index, weight) in zip(x, graphs, strict=True):
            state = self.cell(self.conv(x_t, index, weight).relu(), state)
            outputs.append(state[0])
        return torch.stack(outputs)


# ── what is compared ──────────────────────────────────────────────────────────────────────────────────────


def weighted_edges(nodes: int, edges: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Undirected, no loops: so many directed edges at most, each pair with one weight."""
    ends = torch.randint(nodes, (2, edges // 2), generator=generator)
    ends = torch.unique(ends.sort(0).values, dim=1)
    ends = ends[:, ends[0] != ends[1]]
    weight = torch.rand(ends.shape[1], generator=generator) + 0.1
    return torch.cat([ends, ends.flip(0)], 1), torch.cat([weight, weight])


def gates_pair(kind: str, size: str) -> tuple[Step, Step]:
    """One forward and backward of ours and of theirs at equal weights; both give the output and x's gradient."""
    nodes, edges, features, hidden, terms, steps, batch = SIZES[size]
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    index, weight = weighted_edges(nodes, edges, generator)
    theirs = TheirGates(kind, features, hidden, terms)
    ours = {"lstm": GConvLSTM, "gru": GConvGRU}[kind](features, hidden, terms)
    load_pyg_temporal(ours, theirs.state_dict())
    graph = Graph.from_edge_index(index, weight, nodes)
    lead = (steps, batch, nodes) if batch > 1 else (steps, nodes)
    x = torch.randn(*lead, features, generator=generator).requires_grad_()
    cotangent = torch.randn(*lead, hidden, generator=generator)
    return (
        stepper(ours, lambda: ours(x, graph)[0], x, cotangent),
        stepper(theirs, lambda: theirs(x, index, weight), x, cotangent),
    )


def frames_runs() -> dict[str, Step]:
    """GCN → LSTM on 98 graphs: ours on graphs that are kept from step to step, on new ones each time, and theirs."""
    nodes, edges, features, hidden, steps = FRAMES
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    pairs = [weighted_edges(nodes, edges, generator) for _ in range(steps)]
    theirs = TheirFrames(features, hidden)
    ours = GraphRecurrent(GCNConv(features, hidden), LSTM(hidden, hidden), activation="relu")
    own = {f"conv.{key}": value for key, value in theirs.conv.state_dict().items()}
    ours.load_state_dict(own | {f"cell.{key}_l0": value for key, value in theirs.cell.state_dict().items()})
    x = torch.randn(steps, nodes, features, generator=generator).requires_grad_()
    cotangent = torch.randn(steps, nodes, hidden, generator=generator)

    def graphs() -> list[Graph]:
        return [Graph.from_edge_index(index, weight, nodes) for index, weight in pairs]

    kept = graphs()
    return {
        "ours": stepper(ours, lambda: ours(x, kept)[0], x, cotangent),
        "ours, new graphs": stepper(ours, lambda: ours(x, graphs())[0], x, cotangent),
        "pyg": stepper(theirs, lambda: theirs(x, pairs), x, cotangent),
    }


def stepper(module: nn.Module, call: Callable[[], Tensor], x: Tensor, cotangent: Tensor) -> Step:
    """Forward and backward to every parameter and to x; what is compared is the output and x's gradient."""
    parameters = list(module.parameters())

    def run() -> tuple[Tensor, ...]:
        y = call()
        return y.detach(), torch.autograd.grad(y, [x, *parameters], cotangent)[0]

    return run


def gates(arguments: argparse.Namespace, results: Results) -> None:
    """Both cells at the sizes of METR-LA, of a larger graph and of a batch."""
    for kind in ("lstm", "gru"):
        for size in SIZES:
            ours, theirs = gates_pair(kind, size)
            compare(f"{kind} {size}", {"ours": ours, "pyg": theirs}, arguments.repeats, results)


def snapshots(arguments: argparse.Namespace, results: Results) -> None:
    """A graph a step, as a protein's contacts change from frame to frame."""
    compare("gcn→lstm", frames_runs(), arguments.repeats, results)


# ── memory and scale, each in a process of its own ────────────────────────────────────────────────────────


def step_alone(what: str, size: str, whose: str) -> dict[str, float]:
    """The first step of a layer; libraries are warm from a tiny one."""
    SIZES["tiny"] = (10, 30, 2, 4, 2, 2, 1)
    gates_pair("gru", "tiny")[whose != "ours"]()
    if what == "gcn→lstm":
        runs = frames_runs()
        return {"bytes": highest_during(runs[whose])}
    return {"bytes": highest_during(gates_pair(what, size)[whose != "ours"])}


def memory(arguments: argparse.Namespace, results: Results) -> None:
    """The most that one step takes beyond its inputs."""
    for what, size in (*(("lstm", size) for size in SIZES), ("gcn→lstm", "")):
        taken = {whose: in_fresh_process(__file__, "step", what, size, whose)["bytes"] for whose in ("ours", "pyg")}
        name = f"{what} {size}".strip() + " memory"
        results |= {f"{name} {whose} MB": found / 1e6 for whose, found in taken.items()}
        results[f"{name} / pyg"] = taken["ours"] / taken["pyg"]
        print(f"{name}: " + ", ".join(f"{whose} {found / 1e6:.1f} MB" for whose, found in taken.items()), flush=True)


def scale_alone(kind: str, shots: str) -> dict[str, float]:
    """One pass over snapshots of 10 000 nodes and 100 000 edges, a new graph each, to forecast the next.

    A node's signal is a mixture of where it was and where its neighbours were, so there is something to learn.
    Backpropagation is cut every `WINDOW` snapshots and the state carried over the cuts, as such a sequence is trained:
    the graphs and signals of a window are made when it comes.
    """
    nodes, edges, _ = SCALE
    features, hidden = 8, 16
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    base = torch.randint(nodes, (2, edges), generator=generator)
    layer: nn.Module
    if kind == "gconv-gru":
        layer = GConvGRU(features, hidden, 2, normalization="rw", lambda_max=2.0)
    else:
        layer = GraphRecurrent(GCNConv(features, hidden), LSTM(hidden, hidden), activation="relu")
    readout = nn.Linear(hidden, features)
    optimiser = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=1e-2)
    x = torch.randn(nodes, features, generator=generator)
    state: Any = None
    losses, total = [], int(shots)
    began = time.perf_counter()
    for _ in range(total // WINDOW):
        graphs, signals = [], [x]
        for _ in range(WINDOW):
            changed = torch.randint(edges, (edges // 10,), generator=generator)  # a tenth of the edges moves
            base = base.clone()
            base[:, changed] = torch.randint(nodes, (2, len(changed)), generator=generator)
            graph = Graph.from_edge_index(base, num_nodes=nodes)
            heard = graph.operator("random-walk") @ x
            x = 0.3 * x + 0.6 * heard + 0.5 * torch.randn(nodes, features, generator=generator)
            graphs.append(graph)
            signals.append(x)
        seen = torch.stack(signals)
        output, state = layer(seen[:-1], graphs, state)
        loss = (readout(output) - seen[1:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        losses.append(float(loss.detach()))
    return {
        "s": time.perf_counter() - began,
        "GB": resident("VmHWM") / 1e9,
        "first loss": losses[0],
        "last loss": sum(losses[-5:]) / 5,
    }


def scale(arguments: argparse.Namespace, results: Results) -> None:
    """A thousand snapshots, each layer in a process of its own; memory is all of that process's."""
    for kind in ("gconv-gru", "graph-recurrent"):
        found = in_fresh_process(__file__, "scale", kind, str(SCALE[2]))
        results |= {f"scale {kind} {name}": value for name, value in found.items()}
        print(f"scale {kind}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()), flush=True)


BENCHMARK = Benchmark(
    __file__,
    __doc__,
    "Layers over a graph and time beside PyG Temporal's algorithms",
    {"gates": gates, "snapshots": snapshots, "memory": memory, "scale": scale},
    usual=("gates", "snapshots"),
    repeats=9,
    alone={"step": step_alone, "scale": scale_alone},
    at_most=AT_MOST,
)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())

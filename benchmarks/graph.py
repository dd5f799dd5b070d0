"""How long do graph layers take beside PyG's, how much memory, and do they say the same?

    python benchmarks/graph.py layers       forward + backward of GCN, GAT and GATv2, several sizes and widths
    python benchmarks/graph.py compiled     GCN and GAT beside PyG compiled
    python benchmarks/graph.py large        one million nodes
    python benchmarks/graph.py memory       the most one step takes, each in a process of its own
    python benchmarks/graph.py sampler      sampled neighbourhoods a second
    python benchmarks/graph.py epoch        1 M nodes / 10 M edges: a full-batch epoch beside PyG's
    python benchmarks/graph.py training     2 M nodes from the first edge to the accuracy
    options: --threads 2  --repeats 15  --check  --write

Everything that is compared runs in one process, in turns, after its outputs and gradients were asserted equal.  A time
is the median of its turns, the spread behind it half the distance between the quartiles.  Memory is the highest
resident size during the step over that before it, of everything: torch's, ours and the system's.  ``--write`` keeps
the figures in benchmarks/results/graph.json, those of other parts with them, and their table in graph.md; ``--check``
ends with 1 where a bound of `AT_MOST` or `AT_LEAST` is missed.  PyG is needed.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from measuring.parts import Benchmark, Results, in_fresh_process
from measuring.turns import in_turns, middle
from unrolled.data.graph_memory import full_batch_bytes, mapped_features
from unrolled.data.graphs import planted_partition
from unrolled.data.neighbours import NeighbourSampler
from unrolled.graph import Graph
from unrolled.nn.gat_conv import GATConv
from unrolled.nn.gatv2_conv import GATv2Conv
from unrolled.nn.gcn_conv import GCNConv
from unrolled.nn.sage_conv import SAGEConv

SIZES = {"small": (1_000, 16_000), "middle": (10_000, 160_000), "large": (1_000_000, 10_000_000)}

AT_MOST = {  # ours over theirs, two threads but where one is said
    "gcn middle 64 / pyg": 0.07,
    "gcn middle 64 / pyg compiled, normalised": 0.10,
    "gcn middle 64, one thread / pyg compiled, normalised": 0.85,
    "gat middle 64 / pyg": 0.10,
    "gat middle 64 / pyg compiled": 0.15,
    "gat middle 64 memory / pyg": 0.2,
    "training GB": 8.0,
}
AT_LEAST = {"sampler seeds/s": 50_000.0, "sampler replace seeds/s": 50_000.0, "training accuracy": 0.9}


def step(layer: nn.Module, x: Tensor, *edges: Any) -> Callable[[], tuple[Tensor, ...]]:
    """One forward and backward, to x and to every parameter; the cotangent is the same for all layers of a width."""
    parameters = list(layer.parameters())
    cotangent = torch.randn(layer(x, *edges).shape, generator=torch.Generator().manual_seed(1))

    def run() -> tuple[Tensor, ...]:
        y = layer(x, *edges)
        return (y.detach(), *torch.autograd.grad(y, [x, *parameters], cotangent))

    return run


def random_edges(size: str) -> tuple[int, Tensor]:
    """Nodes and edges without loops, which PyG would treat differently on its own paths."""
    nodes, edges = SIZES[size]
    index = torch.randint(nodes, (2, edges), generator=torch.Generator().manual_seed(0))
    return nodes, index[:, index[0] != index[1]]


def pair(kind: str, width: int) -> tuple[nn.Module, nn.Module]:
    """Our layer and PyG's with the same weights, from ``width`` to ``width`` features; attention in eight heads."""
    import torch_geometric.nn as pyg

    torch.manual_seed(0)
    layers: tuple[nn.Module, nn.Module]
    if kind == "gcn":
        layers = GCNConv(width, width), pyg.GCNConv(width, width)
    else:
        ours, theirs = {"gat": (GATConv, pyg.GATConv), "gatv2": (GATv2Conv, pyg.GATv2Conv)}[kind]
        layers = ours(width, width // 8, heads=8), theirs(width, width // 8, heads=8)
    layers[0].load_state_dict(layers[1].state_dict())
    return layers


def compare(name: str, runs: dict[str, Callable[[], tuple[Tensor, ...]]], repeats: int, results: Results) -> None:
    """Equal first, then timed; the first run is ours, the others' names end up in the ratio's."""
    expected = next(iter(runs.values()))()
    for run in list(runs.values())[1:]:
        for a, b in zip(run(), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5 * float(b.abs().max()))
    del expected
    taken = in_turns(runs, repeats, uncounted=1 + (repeats > 3))
    seconds = {name: middle(times) for name, times in taken.items()}
    ours = seconds["ours"][0]
    for each, (median, spread) in seconds.items():
        results[f"{name} {each} ms"], results[f"{name} {each} ± ms"] = 1e3 * median, 1e3 * spread
        if each != "ours":
            results[f"{name} / {each}"] = ours / median
    print(
        f"{name:26} "
        + "  ".join(f"{each} {1e3 * a:.2f} ± {1e3 * b:.2f} ms" for each, (a, b) in seconds.items())
        + "  "
        + "  ".join(f"/ {each} {ours / a:.3f}" for each, (a, _) in seconds.items() if each != "ours"),
        flush=True,
    )


def layers(arguments: argparse.Namespace, results: Results) -> None:
    """Three layers of three widths on two sizes, beside PyG's on its edge_index."""
    for size in ("small", "middle"):
        nodes, index = random_edges(size)
        graph = Graph.from_edge_index(index, num_nodes=nodes)
        for kind in ("gcn", "gat", "gatv2"):
            for width in (16, 64, 256):
                ours, theirs = pair(kind, width)
                x = torch.randn(nodes, width, requires_grad=True)
                runs = {"ours": step(ours, x, graph)}
                if width == 64 and size == "middle":
                    runs["ours on edge_index"] = step(ours, x, index)
                runs["pyg"] = step(theirs, x, index)
                compare(f"{kind} {size} {width}", runs, arguments.repeats if width < 256 else 5, results)


def compiled(arguments: argparse.Namespace, results: Results) -> None:
    """GCN beside PyG's compiled with edges normalised beforehand, GAT beside its compiled, and where they cross over.

    At 10 000 nodes and 64 features on one thread too.
    """
    cases = [("gcn", size, width) for size in ("small", "middle") for width in (16, 64, 256)]
    cases += [("gcn", "large", 16), *(("gat", size, 64) for size in ("small", "middle"))]
    for kind, size, width in cases:
        for threads in (2, 1) if (size, width) == ("middle", 64) else (2,):
            torch.set_num_threads(threads)
            _beside_compiled(kind, size, width, arguments.repeats if size != "large" else 2, results)
    torch.set_num_threads(arguments.threads)


def _beside_compiled(kind: str, size: str, width: int, repeats: int, results: Results) -> None:
    from torch_geometric.nn import GCNConv as TheirGCN
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    nodes, index = random_edges(size)
    graph = Graph.from_edge_index(index, num_nodes=nodes)
    x = torch.randn(nodes, width, requires_grad=True)
    ours, theirs = pair(kind, width)
    edges: tuple[Any, ...] = (index,)
    label = "pyg compiled"
    if kind == "gcn":
        label, edges = "pyg compiled, normalised", gcn_norm(index, None, nodes)
        plain = TheirGCN(width, width, normalize=False)
        plain.load_state_dict(theirs.state_dict())
        theirs = plain
    torch._dynamo.reset()
    began = time.perf_counter()
    run = step(torch.compile(theirs, dynamic=False), x, *edges)
    run()
    name = f"{kind} {size} {width}" + (", one thread" if torch.get_num_threads() == 1 else "")
    results[f"{name} / {label}: seconds to compile"] = time.perf_counter() - began
    compare(name, {"ours": step(ours, x, graph), label: run}, repeats, results)


def large(arguments: argparse.Namespace, results: Results) -> None:
    """A million nodes: beside PyG's where that fits beside us."""
    nodes, index = random_edges("large")
    graph = Graph.from_edge_index(index, num_nodes=nodes)
    cases = [("gcn", 16, True), ("gcn", 64, True), ("gcn", 256, False)]  # PyG's messages of 256 features: 10 GB
    cases += [("gat", 16, True), ("gat", 64, False), ("gat", 256, False)]
    for kind, width, theirs_too in cases:
        ours, theirs = pair(kind, width)
        x = torch.randn(nodes, width, requires_grad=True)
        runs = {"ours": step(ours, x, graph)}
        if theirs_too:
            runs["pyg"] = step(theirs, x, index)
        compare(f"{kind} large {width}", runs, 2, results)
        del runs, ours, theirs, x
        gc.collect()


# ── memory, each measurement in a process of its own ──────────────────────────────────────────────────────


def resident(field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process in bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def highest_during(run: Callable[[], Any]) -> int:
    """How far the resident size rises during a call."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the highest size is counted anew
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def step_alone(kind: str, size: str, width: str, whose: str) -> dict[str, float]:
    """The first step of a layer, what the graph caches with it; libraries are warm from a tiny graph."""
    nodes, index = random_edges(size)
    ours, theirs = pair(kind, int(width))
    layer = ours if whose == "ours" else theirs
    tiny = torch.randint(5, (2, 9))
    step(layer, torch.randn(5, int(width), requires_grad=True), tiny)()
    edges = Graph.from_edge_index(index, num_nodes=nodes) if whose == "ours" else index
    x = torch.randn(nodes, int(width), requires_grad=True)
    parameters = list(layer.parameters())
    cotangent = torch.randn(nodes, int(width))
    return {"bytes": highest_during(lambda: torch.autograd.grad(layer(x, edges), [x, *parameters], cotangent))}


def memory(arguments: argparse.Namespace, results: Results) -> None:
    """The most that one step takes beyond its inputs."""
    for kind in ("gcn", "gat", "gatv2"):
        size, width = "middle", "64"
        taken = {
            whose: in_fresh_process(__file__, "step", kind, size, width, whose)["bytes"] for whose in ("ours", "pyg")
        }
        name = f"{kind} {size} {width} memory"
        for whose, found in taken.items():
            results[f"{name} {whose} MB"] = found / 1e6
        results[f"{name} / pyg"] = taken["ours"] / taken["pyg"]
        print(f"{name}: ours {taken['ours'] / 1e6:.0f} MB, pyg {taken['pyg'] / 1e6:.0f} MB", flush=True)


# ── scale ─────────────────────────────────────────────────────────────────────────────────────────────────


def sampler(arguments: argparse.Namespace, results: Results) -> None:
    """[15, 10] neighbours of 1024 seeds at a time, of a million nodes of mean degree 10."""
    generator = torch.Generator().manual_seed(0)
    graph = planted_partition(1_000_000, 16, 10, generator=generator)
    weights = torch.rand(graph.num_edges, generator=generator)
    ways: dict[str, dict[str, Any]] = {
        "": {},
        " replace": {"replace": True},
        " weighted": {"weights": weights},
        " weighted, replace": {"weights": weights, "replace": True},
    }
    for name, options in ways.items():
        drawn = NeighbourSampler(graph, [15, 10], **options)
        list(drawn.batches(torch.arange(2048), 1024, generator=generator))
        began, seeds, edges = time.perf_counter(), 0, 0
        for sample in drawn.batches(torch.arange(40_960), 1024, generator=generator):
            seeds, edges = seeds + sample.seeds, edges + sample.graph.num_edges
        results[f"sampler{name} seeds/s"] = seeds / (time.perf_counter() - began)
        print(
            f"sampler{name}: {results[f'sampler{name} seeds/s']:.0f} seeds/s, {edges / seeds:.0f} edges a seed",
            flush=True,
        )


def epoch_alone(whose: str) -> dict[str, float]:
    """Two GCN layers 64 → 64 → 16 on 1 M nodes / 10 M edges: seconds of an epoch, memory beyond the data."""
    import torch_geometric.nn as pyg

    nodes, index = random_edges("large")
    graph = Graph.from_edge_index(index, num_nodes=nodes)
    x, labels = torch.randn(nodes, 64), torch.randint(16, (nodes,))
    kind = GCNConv if whose == "ours" else pyg.GCNConv
    model = nn.ModuleList([kind(64, 64), kind(64, 16)])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    edges = graph if whose == "ours" else index
    times = []

    def epoch() -> None:
        began = time.perf_counter()
        optimiser.zero_grad()
        F.cross_entropy(model[1](model[0](x, edges).relu(), edges), labels).backward()
        optimiser.step()
        times.append(time.perf_counter() - began)

    highest = highest_during(epoch)
    for _ in range(2 if whose == "ours" else 1):
        epoch()
    return {
        "first s": times[0],
        "s": times[-1],
        "GB": highest / 1e9,
        "estimate GB": full_batch_bytes(graph, [64, 64, 16]) / 1e9,
    }


def epoch(arguments: argparse.Namespace, results: Results) -> None:
    """A full-batch epoch, ours and PyG's; our first one makes and keeps the matrix and its transpose."""
    for whose in ("ours", "pyg"):
        found = in_fresh_process(__file__, "epoch", whose)
        results |= {f"epoch {whose} {name}": value for name, value in found.items()}
        print(f"epoch, {whose}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()), flush=True)
    results["epoch / pyg"] = results["epoch ours s"] / results["epoch pyg s"]
    results["epoch memory / pyg"] = results["epoch ours GB"] / results["epoch pyg GB"]


def training_alone(folder: str) -> dict[str, float]:
    """Two million nodes whose features lie on the disk, sampled GraphSAGE, accuracy against the planted truth."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    began = time.perf_counter()
    graph = planted_partition(2_000_000, 16, 10, features=32, signal=1.0, generator=generator)
    assert graph.node_features is not None and graph.labels is not None
    path = Path(folder) / "features.npy"
    np.save(path, graph.node_features.numpy())
    labels = graph.labels
    graph = Graph(graph.senders, graph.receivers, graph.num_nodes)
    features = mapped_features(path)
    drawn = NeighbourSampler(graph, [10, 10])
    made = time.perf_counter() - began
    shuffled = torch.randperm(graph.num_nodes, generator=generator)
    seen, unseen = shuffled[:102_400], shuffled[-20_480:]
    model = nn.ModuleList([SAGEConv(32, 64), SAGEConv(64, 16)])
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)

    def logits(sample: Any) -> Tensor:
        x = features[sample.nodes]
        for number, (layer, part) in enumerate(zip(model, sample.layers, strict=True)):
            x = layer(x[: part.num_nodes], part)
            x = x.relu() if number == 0 else x
        return x[: sample.seeds]

    for sample in drawn.batches(seen, 1024, generator=generator):
        loss = F.cross_entropy(logits(sample), labels[sample.nodes[: sample.seeds]])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = 0
    with torch.no_grad():
        for sample in drawn.batches(unseen, 1024, shuffle=False, generator=generator):
            right += int((logits(sample).argmax(1) == labels[sample.nodes[: sample.seeds]]).sum())
    return {
        "accuracy": right / len(unseen),
        "to make the graph s": made,
        "s": time.perf_counter() - began,
        "GB": resident("VmHWM") / 1e9,
    }


def training(arguments: argparse.Namespace, results: Results) -> None:
    """One pass over 102 400 of two million nodes, in a process of its own; memory is all of that process's."""
    with tempfile.TemporaryDirectory() as folder:
        found = in_fresh_process(__file__, "training", folder)
    results |= {f"training {name}": value for name, value in found.items()}
    print("training, 2 M nodes: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()), flush=True)


BENCHMARK = Benchmark(
    __file__,
    __doc__,
    "Graph layers beside PyG's",
    {
        "layers": layers,
        "compiled": compiled,
        "large": large,
        "memory": memory,
        "sampler": sampler,
        "epoch": epoch,
        "training": training,
    },
    usual=("layers",),
    repeats=15,
    alone={"step": step_alone, "epoch": epoch_alone, "training": training_alone},
    at_most=AT_MOST,
    at_least=AT_LEAST,
)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())

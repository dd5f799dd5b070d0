"""What does the microscope cost beside a training step, and how far can reach be measured?

    python benchmarks/microscope.py [look] [steps] [nodes]   --threads 2  --repeats 9  --check  --write PATH

* look: `model_gradients` (every state's gradient, every step's part of every weight's gradient, every gate) beside one
  training step of the same layer, H 128, B 128, float32: forward, loss, backward, clipping, RMSprop. One process, in
  turns; both losses are asserted equal first. Median and half the distance of the quartiles.
* steps: the reach of an LSTM of 64 units over 10^5 steps, 8 probes, float32.
* nodes: the reach of a two-layer GCN over 10^6 nodes, 32 nodes drawn, 8 probes each, float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from measuring.turns import in_turns, middle
from unrolled import nn
from unrolled.analysis.gradients import model_gradients
from unrolled.analysis.reach import graph_reach, sequence_reach
from unrolled.data import DecimalPalindromes

MOST_TIMES_A_STEP = 2.5
MOST_SECONDS = 300.0
MOST_GIGABYTES = 8.0


def peak_gigabytes() -> float:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def look(arguments: argparse.Namespace, results: dict[str, float]) -> None:
    """The microscope's time over a training step's, for every cell."""
    for name, build in nn.CELL_LAYERS.items():
        for length in (50, 101):
            batch = DecimalPalindromes(length=length).sample(128, torch.Generator().manual_seed(0))
            model = nn.SequenceClassifier(build(10, 128), symbols=10, classes=10)
            optimiser = torch.optim.RMSprop(model.parameters(), lr=0.0)

            def loss(model: torch.nn.Module, inputs: Tensor = batch.inputs, y: Tensor = batch.targets) -> Tensor:
                return cross_entropy(model(inputs), y)

            def step(model: torch.nn.Module = model, optimiser: torch.optim.Optimizer = optimiser) -> float:
                optimiser.zero_grad()
                total = loss(model)
                total.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
                optimiser.step()
                return float(total.detach())

            def see(model: torch.nn.Module = model) -> float:
                return model_gradients(model, loss)["layer"].loss

            if abs(step() - see()) > 1e-5:
                raise SystemExit(f"{name}: the microscope sees another loss")
            taken = in_turns({"step": step, "microscope": see}, arguments.repeats)
            times = {name: middle(seconds) for name, seconds in taken.items()}
            ratio = times["microscope"][0] / times["step"][0]
            results[f"{name} T{length - 1}"] = ratio
            shown = ", ".join(f"{what} {1000 * t:.1f} ± {1000 * spread:.1f} ms" for what, (t, spread) in times.items())
            print(f"{name:14} T {length - 1:3}  {shown}, ratio {ratio:.2f}", flush=True)


def steps(arguments: argparse.Namespace, results: dict[str, float]) -> None:
    """10^5 steps."""
    torch.manual_seed(0)
    layer = nn.LSTM(10, 64)
    layer.initialise("orthogonal", chrono=10_000)
    x = torch.randn(100_000, 1, 10)
    began = time.perf_counter()
    found = sequence_reach(layer, x, probes=8)
    _say("10^5 steps, LSTM", found.mean_distance, "steps", began, results)


def nodes(arguments: argparse.Namespace, results: dict[str, float]) -> None:
    """10^6 nodes."""
    torch.manual_seed(0)
    count, edges = 1_000_000, 5_000_000
    graph = nn.Graph.from_edge_index(torch.randint(count, (2, edges)), num_nodes=count)
    first, second = nn.GCNConv(16, 32), nn.GCNConv(32, 16)
    x = torch.randn(count, 16)
    began = time.perf_counter()
    found = graph_reach(lambda x: second(torch.relu(first(x, graph)), graph), x, graph, nodes=32, probes=8)
    _say("10^6 nodes, GCN", found.mean_distance, "hops", began, results)


def _say(what: str, distance: object, unit: str, began: float, results: dict[str, float]) -> None:
    seconds = time.perf_counter() - began
    results[f"{what}, s"], results[f"{what}, GB"] = seconds, peak_gigabytes()
    value, error = distance.value, distance.error  # type: ignore[attr-defined]
    print(
        f"{what}: mean distance {value:.3f} ± {error:.3f} {unit}, {seconds:.0f} s, peak {peak_gigabytes():.1f} GB",
        flush=True,
    )


def missed(results: dict[str, float]) -> list[str]:
    """The bounds that what was measured does not keep."""
    bounds = {", s": MOST_SECONDS, ", GB": MOST_GIGABYTES}
    found = []
    for name, value in results.items():
        bound = next((bound for end, bound in bounds.items() if name.endswith(end)), MOST_TIMES_A_STEP)
        if value > bound:
            found.append(f"{name}: {value:.2f} > {bound}")
    return found


def main() -> int:
    """Measure, print, write and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["look", "steps", "nodes"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results: dict[str, float] = {}
    for what in arguments.what:
        {"look": look, "steps": steps, "nodes": nodes}[what](arguments, results)
    if arguments.write:
        arguments.write.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if arguments.check and (wrong := missed(results)):
        print("missed: " + "; ".join(wrong))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

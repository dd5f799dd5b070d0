"""``unrolled reach [RUN...]``: how far back a network hears, and how far a graph network on a ring of that length."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import track
from rich.text import Text

from unrolled.cli.gradients import print_tables, settings_of, write_page
from unrolled.cli.json_text import json_text
from unrolled.cli.networks import Untrained, networks
from unrolled.cli.numbers import require_least

if TYPE_CHECKING:
    from unrolled.analysis.reach import Reach

__all__ = ["reach"]


def reach(
    *names: str,
    options: Annotated[Untrained, Parameter(name="*")] = Untrained(),  # noqa: B008
    length: int | None = None,
    batch: int = 32,
    seed: int = 0,
    probes: int | None = None,
    replacement: Annotated[bool, Parameter(negative=())] = False,
    ring: int | None = None,
    runs: Path = Path("runs"),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    out: Path | None = None,
) -> None:
    """Show how far back a network hears: the influence of each input on its last output, by distance.

    Args:
        names: runs by name or folder, each looked at as it began and as it is (default: an untrained network).
        options: of the untrained network.
        length: T, digits that are read (default: the run's own, or 100).
        batch: sequences averaged over.
        seed: of the sequences, the probes, and an untrained network's weights.
        probes: output features drawn for each sequence (default: all, exactly).
        replacement: also exchange each input for another and look how far the output moves.
        ring: also a GCN of this many layers over a ring of T nodes, in hops.
        runs: folder of runs.
        as_json: as JSON, for programs.
        out: also write a page with the figure.
    """
    import torch

    from unrolled.analysis.batches import last_answer
    from unrolled.analysis.reach import model_reach, sequence_replacement
    from unrolled.errors import InputError
    from unrolled.experiments.instruments import reach_findings

    console = Console(highlight=False, stderr=as_json)
    if ring is not None and ring < 1:
        raise InputError(f"ring is {ring}: a GCN has at least 1 layer")
    require_least(length=length)
    looked = networks(names, runs, options, length=length, batch=batch, seed=seed)
    found: dict[str, Reach] = {}
    for each in track(looked, "measuring", console=console, transient=True, disable=not console.is_terminal):
        draws = torch.Generator().manual_seed(seed)
        found[each.name] = model_reach(each.model, each.inputs, probes=probes, generator=draws)
        if replacement:
            answer = functools.partial(last_answer, copy.deepcopy(each.model).double().eval())
            found[f"{each.name}, replaced"] = sequence_replacement(answer, each.inputs, generator=draws)
    if ring is not None:
        found[f"GCN of {ring} layers on a ring"] = _ring(len(looked[0].inputs), ring, seed)
    findings = reach_findings(
        found,
        settings=settings_of(looked, seed),
        sources=list(dict.fromkeys(each.run.name for each in looked if each.run)),
    )
    if as_json:
        print(json_text({name: _mapping(each) for name, each in found.items()}, indent=1))
    else:
        print_tables(findings, console)
    if out is not None:
        write_page(out, "Reach", "How far away does each output still hear?", findings, looked)
        console.print(Text(f"{out}  open it in a browser"), soft_wrap=True)


def _ring(nodes: int, layers: int, seed: int) -> Reach:
    """A deep GCN with tanh, all of whose layers are drawn Glorot's way, over a ring."""
    import torch

    from unrolled.analysis.reach import graph_reach
    from unrolled.nn import GCNConv, Graph

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stack = [GCNConv(16, 16).double() for _ in range(layers)]
        x = torch.randn(nodes, 16, dtype=torch.float64)
    around = torch.arange(nodes)
    graph = Graph(around, (around + 1) % nodes, nodes).undirected()

    def function(x: torch.Tensor) -> torch.Tensor:
        for layer in stack:
            x = torch.tanh(layer(x, graph))
        return x

    return graph_reach(function, x, graph, nodes=min(nodes, 8), generator=torch.Generator().manual_seed(seed))


def _mapping(each: Reach) -> dict[str, object]:
    return {**dataclasses.asdict(each), "shares": each.shares, "horizon_95": each.horizon(0.95)}

"""What stands behind a figure: the specs of its runs, each once, with all the seeds it was run with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from unrolled.record import Run
from unrolled.spec import NETWORKS, NodesSpec, ProteinSpec, RunSpec, SensorsSpec, TextSpec, dump_yaml

__all__ = ["Origin", "SpecView", "describe", "origin"]


@dataclass(frozen=True)
class SpecView:
    """One spec: a line that tells it from the others, and the whole of it."""

    title: str
    yaml: str


@dataclass(frozen=True)
class Origin:
    """The specs and settings behind something shown, and the names of runs that are not at hand."""

    summary: str
    specs: tuple[SpecView, ...]
    settings: str
    missing: tuple[str, ...]


def origin(sources: Iterable[str], runs: Mapping[str, Run], settings: str = "") -> Origin:
    """The specs behind the runs called ``sources``, those that differ in the seed alone as one."""
    names = list(dict.fromkeys(sources))
    groups: dict[str, list[RunSpec]] = {}
    for name in names:
        if name in runs:
            spec = runs[name].spec
            seedless = dataclasses.replace(spec, training=dataclasses.replace(spec.training, seed=0))
            groups.setdefault(seedless.identity(), []).append(spec)
    specs = tuple(_view(group) for group in groups.values())
    count = sum(map(len, groups.values()))
    counted = f"{count} run{'s' if count != 1 else ''}"
    summary = f"Specs and seeds ({counted})" if specs else "Settings"
    return Origin(summary, specs, settings, tuple(name for name in names if name not in runs))


def _view(group: list[RunSpec]) -> SpecView:
    seeds = sorted({spec.training.seed for spec in group})
    listed = f"seed{'s' if len(seeds) != 1 else ''} {', '.join(map(str, seeds))}"
    first = min(group, key=lambda spec: spec.training.seed)
    head = f"# {listed}\n" if len(seeds) > 1 else ""
    return SpecView(f"{describe(first)}; {listed}", head + dump_yaml(first))


def describe(spec: RunSpec) -> str:
    """A spec in one line: task, network, training; the seed left out."""
    if isinstance(spec.task, NodesSpec):
        return _describe_nodes(spec, spec.task)
    if isinstance(spec.task, ProteinSpec):
        return _describe_protein(spec, spec.task)
    if isinstance(spec.task, SensorsSpec):
        return f"sensors {spec.task.readings}, {_asked(spec.task)}; {_describe_over_time(spec)}"
    task, model, training = spec.task, spec.recurrent, spec.training
    if isinstance(task, TextSpec):
        what = f"text {task.source}, window {task.window}"
    else:
        ((name, value),) = dataclasses.asdict(task).items()
        what = f"{spec.task_name}, {name} {value}"
    stacked = f"{model.layers} × " if model.layers > 1 else ""
    both = "bidirectional " if model.bidirectional else ""
    drawn = f", {model.initialisation}" if model.initialisation is not None else ""
    clip = f"clip {training.clip:g}" if training.clip is not None else "no clipping"
    return (
        f"{what}; {both}{stacked}{model.cell} {model.hidden}, {model.input}{drawn}; "
        f"{training.optimiser} {training.learning_rate:g}, batch {training.batch}, {training.steps} steps, "
        f"{clip}"
    )


def _describe_nodes(spec: RunSpec, task: NodesSpec) -> str:
    model, training = spec.on_graph, spec.training
    heads = f"{model.heads} × " if model.heads > 1 else ""
    hops = f", {model.hops} hops a layer" if model.hops > 1 else ""
    batching = {
        "full": "full batch",
        "neighbours": f"{training.batch} nodes with {task.fanouts} neighbours",
        "clusters": f"{training.batch} of {task.parts} clusters",
    }[task.batching]
    return (
        f"nodes of {task.graph}, {task.setting}; {model.layers} × {model.layer} {heads}{model.hidden}{hops}, "
        f"dropout {model.dropout:g}; {training.optimiser} {training.learning_rate:g}, weight decay "
        f"{training.weight_decay:g} ({training.decay}), {batching}, {training.steps} steps"
    )


def _asked(task: SensorsSpec) -> str:
    return f"windows of {task.window} steps, {task.horizons} ahead"


def _describe_protein(spec: RunSpec, task: ProteinSpec) -> str:
    what = "adenylate kinase" if task.trajectory is None else task.trajectory
    return f"protein {what}, windows of {task.window} frames, {task.horizons} ahead; {_describe_over_time(spec)}"


def _describe_over_time(spec: RunSpec) -> str:
    model, training = spec.over_time, spec.training
    own = NETWORKS[model.network].options
    parts = ", ".join(getattr(model, name) for name in ("layer", "cell") if name in own)
    return (
        f"{model.network}{f' ({parts})' if parts else ''} {model.hidden}, dropout "
        f"{model.dropout:g}; {training.optimiser} {training.learning_rate:g}, weight decay {training.weight_decay:g}, "
        f"batch {training.batch}, {training.steps} steps"
    )

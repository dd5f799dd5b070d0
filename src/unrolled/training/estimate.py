"""What many runs will cost, before they begin: a few steps of the cheapest and the dearest of each cell are timed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unrolled.data import Task
from unrolled.spec import (
    GraphTimeModelSpec,
    NodesSpec,
    RunSpec,
    TextSpec,
    build_network,
    build_task,
)
from unrolled.training.loop import train

__all__ = ["Estimate", "cost", "estimate"]

_STEPS = 5
_BYTES_A_LINE = 300
_COPIES = {"sgd": 2, "momentum": 3, "rmsprop": 3, "adam": 4, "adamw": 4}
"""Of the weights on disk: the final ones, the checkpoint's, and what the optimiser keeps of each."""


_NODE_WORK = 100_000
"""What a step on the nodes of a citation graph costs for each of its features, in the units of `cost`."""


_FORECAST_WORK = 100_000
"""Likewise of a window of a protein."""


@dataclass(frozen=True)
class Estimate:
    """An upper bound, for runs may stop early.

    Attributes:
        runs: how many.
        seconds: until the last has ended, all workers at work; a stop rule can only shorten it.
        bytes: on disk in the end.
    """

    runs: int
    seconds: float
    bytes: int


def cost(spec: RunSpec) -> float:
    """How long a run may take, in units that only compare, as if it did not stop early."""
    task = spec.task
    if isinstance(task, NodesSpec):
        return float(spec.training.steps * spec.on_graph.hidden * spec.on_graph.heads * _NODE_WORK)
    if isinstance(spec.model, GraphTimeModelSpec):
        return float(spec.training.steps * spec.training.batch * spec.model.hidden * _FORECAST_WORK)
    if isinstance(task, TextSpec):
        steps = task.window
    else:
        built = build_task(spec)
        assert isinstance(built, Task)
        steps = built.steps
    gates = 1 if spec.network == "rnn" else 4
    work = gates * spec.model.layers * spec.model.hidden * spec.training.batch
    return float(spec.training.steps * steps * work)


def estimate(specs: Sequence[RunSpec], workers: int) -> Estimate:
    """Time a few runs' first steps here and now, and reckon the others by their cost in between.

    Args:
        specs: what would be trained.
        workers: how many at once.
    """
    seconds = 0.0
    for alike in _by_cell(specs):
        low, high = min(alike, key=_step_cost), max(alike, key=_step_cost)
        (fast, first), (slow, last) = _seconds(low), _seconds(high)
        span = max(_step_cost(high) - _step_cost(low), 1.0)
        for spec in alike:
            share = (_step_cost(spec) - _step_cost(low)) / span
            evaluations = spec.training.steps / spec.training.evaluate_every + 1
            seconds += spec.training.steps * (fast + share * (slow - fast))
            seconds += evaluations * (first + share * (last - first))
    return Estimate(len(specs), seconds / max(1, min(workers, len(specs))), sum(map(_bytes, specs)))


def _by_cell(specs: Iterable[RunSpec]) -> list[list[RunSpec]]:
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in specs:
        groups.setdefault((spec.task_name, spec.network), []).append(spec)
    return list(groups.values())


def _step_cost(spec: RunSpec) -> float:
    return cost(spec) / spec.training.steps


def _seconds(spec: RunSpec) -> tuple[float, float]:
    """Of a step, and of an evaluation."""
    _trained(spec, 1)  # warm
    short, long = _trained(spec, 1), _trained(spec, 1 + _STEPS)
    step = max(long - short, 0.0) / _STEPS
    return step, max(short - step, 0.0) / 2  # a run evaluates at its first step and at its last


def _trained(spec: RunSpec, steps: int) -> float:
    training = dataclasses.replace(
        spec.training,
        steps=steps,
        evaluate_every=steps,
        sample_every=0,
        stop="never",
        checkpoint_every=steps,
        curriculum=None,
    )
    began = time.perf_counter()
    for _ in train(dataclasses.replace(spec, training=training)):
        pass
    return time.perf_counter() - began


def _bytes(spec: RunSpec) -> int:
    weights = 4 * sum(weight.numel() for weight in build_network(spec, build_task(spec)).parameters())
    lines = spec.training.steps // 50 + spec.training.steps // spec.training.evaluate_every
    return weights * _COPIES.get(spec.training.optimiser, 4) + _BYTES_A_LINE * lines

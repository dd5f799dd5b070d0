"""Names for runs that were given none: readable, and free."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from unrolled.data import is_graph_name
from unrolled.data.sources import STANDARD_INPUT
from unrolled.errors import RecordError
from unrolled.record import open_run
from unrolled.spec import NodesSpec, ProteinSpec, RunSpec, SensorsSpec, TextSpec, is_user_cell

__all__ = ["default_name", "free_name", "name_to_resume"]


def default_name(spec: RunSpec) -> str:
    """What a run is called when its user does not care: ``palindromes-lstm-10-seed5``."""
    network = spec.network.rpartition(":")[2] if is_user_cell(spec.network) else spec.network
    return "-".join([spec.task_name, _slug(network), _slug(_size(spec)), f"seed{spec.training.seed}"])


def free_name(spec: RunSpec, runs: Path) -> str:
    """The default name, with a number where a run of that name exists: ``…-seed5``, then ``…-seed5-2``."""
    return next(name for name in _numbered(spec) if not (runs / name).exists())


def name_to_resume(spec: RunSpec, runs: Path) -> str:
    """The run of this very spec under a default name, an unfinished one first; else a free name.

    Args:
        spec: resolved, so that its identity is the one its run was made with.
        runs: the folder of runs.
    """
    taken = itertools.takewhile(lambda name: (runs / name).exists(), _numbered(spec))
    finished = None
    for name in taken:
        try:
            run = open_run(runs / name)
        except RecordError:
            continue
        if run.spec.identity() != spec.identity():
            continue
        if run.status == "unfinished":
            return name
        finished = finished or name
    return finished or free_name(spec, runs)


def _numbered(spec: RunSpec) -> Iterator[str]:
    name = default_name(spec)
    yield name
    for number in itertools.count(2):
        yield f"{name}-{number}"


def _size(spec: RunSpec) -> str:
    match spec.task:
        case TextSpec(source=source):
            return "stdin" if source == STANDARD_INPUT else Path(source).stem
        case NodesSpec(graph=graph):
            return graph if is_graph_name(graph) else Path(graph).stem
        case ProteinSpec(structure=structure):
            return "adk" if structure is None else Path(structure).stem
        case SensorsSpec(readings=readings):
            return Path(readings).stem
        case _:
            return str(spec.size)


def _slug(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") or "x"

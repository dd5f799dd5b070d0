"""A whole run's spec: its three sections, its identity, and how it is read from plain dicts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from unrolled.errors import InputError, SpecError, UnknownName
from unrolled.spec.graph_model import GraphModelSpec
from unrolled.spec.graph_time_model import GraphTimeModelSpec
from unrolled.spec.model import ModelSpec, is_user_cell
from unrolled.spec.require import require
from unrolled.spec.table import TASKS, TaskEntry
from unrolled.spec.tasks import ForecastSpec, NodesSpec, TaskSpec
from unrolled.spec.training import TrainingSpec

__all__ = ["FORMAT", "RunSpec", "default_spec", "parse"]

FORMAT = 1
"""Version of the spec's meaning. A default that changes, or a key that changes its meaning, raises it."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides what a run computes. Its name and place do not."""

    task: TaskSpec
    model: ModelSpec | GraphModelSpec | GraphTimeModelSpec
    training: TrainingSpec

    def __post_init__(self) -> None:
        self._check_curriculum()
        if not isinstance(self.task, NodesSpec):
            require(self.training.decay == "all", "decay is 'first-layer': it is for networks on graphs")
            if isinstance(self.task, ForecastSpec):
                self._check_forecasts()
            return
        model = self.on_graph
        require(self.training.look_every == 0, "look_every is for sequences: a graph layer has no states over time")
        require(
            self.task.batching != "neighbours" or len(self.task.fan_outs) == model.layers,
            f"fanouts is {self.task.fanouts!r} but layers is {model.layers}: one number for each layer",
        )
        require(
            self.task.batching != "neighbours" or model.hops == 1,
            f"hops is {model.hops} but batching is 'neighbours': a layer then hears one hop; give more layers",
        )

    def _check_forecasts(self) -> None:
        stop, precision = self.training.stop, self.training.precision
        require(stop in ("never", "validation"), f"stop is {stop!r}: of forecasts never or validation")
        require(precision != "bf16", "precision is 'bf16': of forecasts float32 or float64")
        standard = TASKS[self.task_name].model
        assert isinstance(standard, GraphTimeModelSpec)
        self.over_time.check_options(standard)

    def _check_curriculum(self) -> None:
        first, size = self.training.curriculum, self.size
        if first is None:
            return
        require(size is not None, f"curriculum is {first}, but the task {self.task_name!r} has no size that could grow")
        assert size is not None
        require(first <= size, f"curriculum is {first} but {TASKS[self.task_name].size} is {size}: begin with less")

    @property
    def size(self) -> int | None:
        """How hard the task is: its length, digits …; None where it has no such number."""
        name = TASKS[self.task_name].size
        return None if name is None else int(getattr(self.task, name))

    def sized(self, size: int) -> RunSpec:
        """The same with the task of another size.

        Raises:
            SpecError: the task has no size.
        """
        name = TASKS[self.task_name].size
        if name is None:
            raise SpecError(f"the task {self.task_name!r} has no size")
        change: dict[str, Any] = {name: size}
        return dataclasses.replace(self, task=dataclasses.replace(self.task, **change))

    @property
    def recurrent(self) -> ModelSpec:
        """The section ``model`` of a run on sequences.

        Raises:
            SpecError: the run is on a graph.
        """
        if not isinstance(self.model, ModelSpec):
            raise SpecError(f"task {self.task_name!r} has a network of graph layers, not of cells")
        return self.model

    @property
    def on_graph(self) -> GraphModelSpec:
        """The section ``model`` of a run on a graph.

        Raises:
            SpecError: the run is on sequences.
        """
        if not isinstance(self.model, GraphModelSpec):
            raise SpecError(f"task {self.task_name!r} has a network of cells, not of graph layers")
        return self.model

    @property
    def over_time(self) -> GraphTimeModelSpec:
        """The section ``model`` of a run that forecasts.

        Raises:
            SpecError: the run does not.
        """
        if not isinstance(self.model, GraphTimeModelSpec):
            raise SpecError(f"task {self.task_name!r} has no network over graph and time")
        return self.model

    @property
    def network(self) -> str:
        """What the network is made of: the name of its cell, layer or network; a user's own cell as it was named."""
        if isinstance(self.model, GraphTimeModelSpec):
            return self.model.network
        return self.model.cell if isinstance(self.model, ModelSpec) else self.model.layer

    @property
    def user_cell(self) -> str | None:
        """A user's own cell, as path/to/file.py:MyCell, or None."""
        return self.network if is_user_cell(self.network) else None

    @property
    def task_name(self) -> str:
        """The task's name in `TASKS`."""
        return next(name for name, entry in TASKS.items() if isinstance(self.task, entry.spec))

    def to_mapping(self) -> dict[str, Any]:
        """Plain dicts, every key written out, in the order of the fields."""
        return {
            "format": FORMAT,
            "task": {"name": self.task_name} | dataclasses.asdict(self.task),
            "model": dataclasses.asdict(self.model),
            "training": dataclasses.asdict(self.training),
        }

    def identity(self) -> str:
        """Sixteen hex digits of the SHA-256 of what differs from the defaults, so that a new field with a
        behaviour-keeping default leaves every earlier identity as it was.
        """
        mapping: dict[str, Any] = {"format": FORMAT, "task_name": self.task_name}
        for section in ("task", "model", "training"):
            value = getattr(self, section)
            mapping[section] = {
                f.name: getattr(value, f.name) for f in dataclasses.fields(value) if getattr(value, f.name) != f.default
            }
        canonical = json.dumps(mapping, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def default_spec(task: str, **changes: Any) -> RunSpec:
    """The course's settings for ``task``, with fields of any section changed by name.

    Example: ``default_spec("palindromes", length=20, cell="rnn", steps=600, seed=5)``.

    Raises:
        UnknownName: no such task, or no such field.
        SpecError: a value that cannot be.
    """
    entry = _task_entry(task)
    sections: dict[str, Any] = {"task": entry.spec(), "model": entry.model, "training": entry.training}
    owners = {f.name: name for name, section in sections.items() for f in dataclasses.fields(section)}
    mapping: dict[str, dict[str, Any]] = {"task": {"name": task}, "model": {}, "training": {}}
    for key, value in changes.items():
        if key not in owners:
            raise UnknownName("option", key, owners)
        mapping[owners[key]][key] = value
    return parse(mapping)


def parse(mapping: Mapping[str, Any], *, task: str | None = None) -> RunSpec:
    """A spec from plain dicts; what they leave out takes the task's defaults.

    Args:
        mapping: sections ``task`` (with its ``name``), ``model``, ``training``, and optionally ``format``.
        task: the task's name where the mapping need not say it; the two must agree where both do.

    Raises:
        SpecError: an unknown key (with the nearest that exists), a wrong type, a value that cannot be.
        UnknownName: no such task or cell.
    """
    if not isinstance(mapping, Mapping):
        raise SpecError(f"a spec is a mapping with the sections task, model and training, not {mapping!r:.60}")
    _check_keys(mapping, ("format", "task", "model", "training"), "")
    if mapping.get("format", FORMAT) != FORMAT:
        raise SpecError(f"this spec has format {mapping['format']!r}; this version reads format {FORMAT}")
    sections = {name: mapping.get(name) or {} for name in ("task", "model", "training")}
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise SpecError(f"{name} is {section!r:.60}: a section is a mapping of its options")
    task_section = dict(sections["task"])
    given = task_section.pop("name", task)
    if given is None:
        raise SpecError(f"task.name is missing; tasks: {', '.join(TASKS)}")
    if task is not None and given != task:
        raise SpecError(f"this spec is for the task {given!r}, the command is for {task!r}")
    entry = _task_entry(given)
    entry = entry.refine(entry, sections)
    return RunSpec(
        task=_section(entry.spec(), task_section, "task"),
        model=_section(entry.model, sections["model"], "model"),
        training=_section(entry.training, sections["training"], "training"),
    )


def _task_entry(name: object) -> TaskEntry:
    if not isinstance(name, str) or name not in TASKS:
        raise UnknownName("task", name, TASKS)
    return TASKS[name]


S = TypeVar("S")


def _section(defaults: S, given: Mapping[str, Any], where: str) -> S:
    names = [f.name for f in dataclasses.fields(defaults)]  # type: ignore[arg-type]
    _check_keys(given, names, f"{where}.")
    for key, value in given.items():
        if isinstance(value, int) and key != "seed" and not -(2**63) <= value < 2**63:  # the seed has its own sentence
            raise SpecError(f"{where}.{key} is {value}: whole numbers end below 2^63")
    merged = {name: getattr(defaults, name) for name in names} | dict(given)
    try:
        return msgspec.convert(merged, type(defaults))
    except msgspec.ValidationError as error:
        # msgspec wraps the errors of __post_init__; they are already sentences of ours.
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        reason, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`").split(".")[0]
        value = f" is {merged[key]!r}" if key in merged else ""
        raise SpecError(f"{where}.{key}{value}: {reason[0].lower()}{reason[1:]}") from None


def _check_keys(given: Mapping[Any, Any], known: tuple[str, ...] | list[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise UnknownName("key", f"{where}{key}", [f"{where}{name}" for name in known])

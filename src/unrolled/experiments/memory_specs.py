"""The runs of the memory curve.

Three settings, each of them for any cell and any task that has a size:

* ``published``: report A's for decimal palindromes (N(0, 1) on every weight and bias, the digit as one number, no
  clipping), the course's for its other tasks, the package's defaults for the copy and adding problems;
* ``healthy``: one-hot symbols, Xavier weights on each gate's own block, zero biases, forget bias 1, RMSprop at 1e-3;
* ``long``: as healthy, with orthogonal recurrent blocks, chrono biases for the task's own length where the cell has a
  forget gate, a curriculum, the gradient clipped at 1, and for a plain RNN a learning rate of 3e-4.

A user's own cell keeps the weights that its constructor drew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from unrolled.data import Task
from unrolled.errors import InputError, UnknownName
from unrolled.spec import TASKS, RunSpec, build_task, default_spec, is_user_cell

__all__ = [
    "CELLS",
    "SETTINGS",
    "SIZES",
    "STEPS",
    "Setting",
    "Switch",
    "least_size",
    "memory_spec",
    "memory_specs",
    "switched_spec",
    "switches",
]

Setting = Literal["published", "healthy", "long"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)

CELLS = ("rnn", "lstm", "peephole", "full-peephole", "gru")
STEPS = 4000
FORGETTING = ("lstm", "peephole", "full-peephole")
"""Cells with a forget gate."""

_LEAST = {
    "palindromes": 2,
    "binary-palindromes": 1,
    "random-combinations": 2,
    "baum-sweet": 2,
    "copying": 1,
    "adding": 2,
}
SIZES = {
    "palindromes": "5:50:5",
    "binary-palindromes": "5:25:5",
    "random-combinations": "4:20:4",
    "baum-sweet": "2:8:2",
    "copying": "5,10,20,40",
    "adding": "10,20,50,100",
}
"""The sizes of a task's curve where none are given."""


def least_size(task: str) -> int:
    """The smallest size of a task that has one.

    Raises:
        InputError: the task has no size.
        UnknownName: there is no such task.
    """
    if task not in TASKS:
        raise UnknownName("task", task, _LEAST)
    if TASKS[task].size is None:
        sized = [name for name, entry in TASKS.items() if entry.size is not None]
        raise InputError(f"the task {task!r} has no size to draw a curve against; these have: {', '.join(sized)}")
    return _LEAST[task]


def memory_spec(
    task: str, setting: Setting, cell: str, size: int, seed: int, steps: int = STEPS, **changes: Any
) -> RunSpec:
    """One run of the curve.

    Args:
        task: one with a size.
        setting: of the three.
        cell: as in a spec; a user's own as path/to/file.py:Class.
        size: of the task.
        seed: of the run.
        steps: most optimiser steps.
        changes: further options, which win.
    """
    name = TASKS[task].size
    assert name is not None
    options = _options(task, setting, cell, size) | {"stop": "solved", "steps": steps, "checkpoint_every": 1000}
    if is_user_cell(cell):
        options |= {"initialisation": None, "bias": "two", "forget_bias": None, "chrono": None}
    return default_spec(task, **{name: size, "cell": cell, "seed": seed, **options, **changes})


def _options(task: str, setting: Setting, cell: str, size: int) -> dict[str, Any]:
    if setting == "published":
        if task == "palindromes":
            return {"input": "scalar", "initialisation": "normal", "bias": "one", "clip": None, "evaluate_every": 100}
        return {"evaluate_every": 100}
    forgets = cell in FORGETTING
    built = build_task(default_spec(task, **{str(TASKS[task].size): size}))
    assert isinstance(built, Task)
    options: dict[str, Any] = {
        "hidden": 128,
        "batch": 128,
        "optimiser": "rmsprop",
        "learning_rate": 1e-3,
        "input": "scalar" if built.numbers else "one-hot",
        "initialisation": "xavier",
        "forget_bias": 1.0 if forgets else None,
        "evaluate_every": 50,
    }
    if setting == "healthy":
        return options
    return options | {
        "initialisation": "orthogonal",
        "forget_bias": None,
        "chrono": built.steps if forgets and built.steps > 2 else None,
        "clip": 1.0,
        "learning_rate": 3e-4 if cell == "rnn" else 1e-3,
        "curriculum": max(_LEAST[task], min(size, 10)) if size > _LEAST[task] else None,
        "evaluate_every": 100,
    }


def memory_specs(
    task: str,
    settings: Sequence[Setting],
    cells: Sequence[str],
    sizes: Sequence[int],
    seeds: int,
    steps: int = STEPS,
) -> tuple[RunSpec, ...]:
    """Every run of the curve, in an order that is useful wherever it is stopped.

    Small sizes and first seeds come first: the n-th seed of a size where the first one of n times the size does. A
    curve that is stopped half-way reaches the largest sizes with one seed and has all seeds at the small ones.
    """
    places = sorted(
        ((size * (seed + 1), size, seed) for size in sizes for seed in range(seeds)),
    )
    return tuple(
        memory_spec(task, setting, cell, size, seed, steps)
        for _, size, seed in places
        for setting in settings
        for cell in cells
    )


@dataclass(frozen=True)
class Switch:
    """One option of a run set to another value, all others as in the healthy settings.

    Attributes:
        what: the option, in words.
        value: what it is set to, in words.
        changes: the same as options of a spec.
    """

    what: str
    value: str
    changes: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Both in one."""
        return f"{self.what} {self.value}" if self.changes else self.what


def switches(cell: str, size: int, steps: int = STEPS) -> tuple[Switch, ...]:
    """What may set how far a network remembers, one switch at a time; the first is none.

    Args:
        cell: those of a forget gate are left out where it has none; a user's own cell keeps its weights.
        size: for chrono biases and the curriculum.
        steps: of the healthy run.
    """
    found = [Switch("healthy", "as it is", {})]
    if not is_user_cell(cell):
        gate: dict[str, Any] = {"forget_bias": 1.0} if cell in FORGETTING else {}
        found += [
            Switch("initialisation", "N(0, 1)", {"initialisation": "normal", **gate}),
            Switch("initialisation", "torch's", {"initialisation": "torch", **gate}),
            Switch("initialisation", "orthogonal", {"initialisation": "orthogonal"}),
        ]
    found += [
        Switch("input", "scalar", {"input": "scalar"}),
        Switch("input", "embedding", {"input": "embedding"}),
    ]
    if cell in FORGETTING:
        found += [
            Switch("forget bias", "0", {"forget_bias": 0.0}),
            Switch("forget bias", "chrono", {"forget_bias": None, "chrono": max(size, 3)}),
        ]
    return (
        *found,
        Switch("learning rate", "3e-4", {"learning_rate": 3e-4}),
        Switch("learning rate", "3e-3", {"learning_rate": 3e-3}),
        Switch("clipping", "at 1", {"clip": 1.0}),
        Switch("curriculum", "from 5", {"curriculum": min(5, size)}),
        Switch("budget", f"{steps // 4} steps", {"steps": steps // 4}),
    )


def switched_spec(cell: str, size: int, switch: Switch, seed: int, steps: int = STEPS) -> RunSpec:
    """The run of a switch."""
    return memory_spec("palindromes", "healthy", cell, size, seed, **{"steps": steps, **switch.changes})

"""Recurrent networks for PyTorch that train fast, that you can see through, and whose numbers you can trust.

The names below are the package's public ones; each is imported when it is first used, so that ``import unrolled`` and
``unrolled --help`` answer at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from unrolled.version import __version__

if TYPE_CHECKING:
    from unrolled import analysis, data, errors, experiments, generation, nn, onnx, record, report, spec, training
    from unrolled.errors import UnrolledError
    from unrolled.generation import TextModel, generate, load
    from unrolled.record import Run, find_run, list_runs, load_model, open_run
    from unrolled.spec import (
        CELLS,
        TASKS,
        ModelSpec,
        RunSpec,
        TrainingSpec,
        build_model,
        build_task,
        default_spec,
    )
    from unrolled.training import Progress, train

__all__ = [
    "CELLS",
    "TASKS",
    "ModelSpec",
    "Progress",
    "Run",
    "RunSpec",
    "TextModel",
    "TrainingSpec",
    "UnrolledError",
    "__version__",
    "analysis",
    "build_model",
    "build_task",
    "catalogue",
    "data",
    "default_spec",
    "errors",
    "experiments",
    "find_run",
    "generate",
    "generation",
    "list_runs",
    "load",
    "load_model",
    "nn",
    "onnx",
    "open_run",
    "record",
    "report",
    "spec",
    "train",
    "training",
]

_ROOMS = (
    "analysis",
    "catalogue",
    "data",
    "errors",
    "experiments",
    "generation",
    "nn",
    "onnx",
    "record",
    "report",
    "spec",
    "training",
)
_HOMES = {
    "CELLS": "spec",
    "TASKS": "spec",
    "ModelSpec": "spec",
    "Progress": "training",
    "Run": "record",
    "RunSpec": "spec",
    "TextModel": "generation",
    "TrainingSpec": "spec",
    "UnrolledError": "errors",
    "build_model": "spec",
    "build_task": "spec",
    "default_spec": "spec",
    "find_run": "record",
    "generate": "generation",
    "list_runs": "record",
    "load": "generation",
    "load_model": "record",
    "open_run": "record",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"unrolled.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'unrolled' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"unrolled.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

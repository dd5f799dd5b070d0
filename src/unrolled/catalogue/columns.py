"""A run as one flat row: every option of its spec and every figure of its result, each under one name."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from unrolled.spec import TASKS, RunSpec

__all__ = ["columns", "solved_step", "values"]

_RESULT = {
    "identity": "VARCHAR",
    "status": "VARCHAR",
    "task": "VARCHAR",
    "network": "VARCHAR",
    "stopped": "VARCHAR",
    "steps": "BIGINT",
    "solved": "BOOLEAN",
    "solved_step": "BIGINT",
    "accuracy": "DOUBLE",
    "loss_nats": "DOUBLE",
    "carried_loss_nats": "DOUBLE",
    "test_accuracy": "DOUBLE",
    "train_accuracy": "DOUBLE",
    "train_loss_nats": "DOUBLE",
    "parameters": "BIGINT",
    "seconds": "DOUBLE",
    "steps_per_second": "DOUBLE",
    "threads": "BIGINT",
    "processes": "BIGINT",
    "device": "VARCHAR",
    "kernel": "VARCHAR",
    "version": "VARCHAR",
    "torch_version": "VARCHAR",
    "python_version": "VARCHAR",
}
"""What is known of a run beside the options; accuracy and loss_nats are the evaluation's, on data that no step saw."""

_SECTIONS = ("task", "model", "training")
_TYPES: dict[Any, str] = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}


@cache
def columns() -> Mapping[str, str]:
    """Every column with its SQL type: the result's, then the options of all tasks.

    An option that is called like something of the result is found under ``asked_`` and its name: `steps` were taken,
    `asked_steps` asked for.
    """
    found = dict(_RESULT)
    for entry in TASKS.values():
        for section in (entry.spec(), entry.model, entry.training):
            hints = get_type_hints(type(section))
            for field in dataclasses.fields(section):
                kind, name = _sql_type(hints[field.name]), _option(field.name)
                found[name] = kind if found.get(name, kind) == kind else "VARCHAR"
    return types.MappingProxyType(found)


def _option(name: str) -> str:
    return f"asked_{name}" if name in _RESULT else name


def _sql_type(hint: Any) -> str:
    """The type of a field's values, where it is one; text otherwise."""
    kinds = {kind for kind in get_args(hint) if kind is not type(None)} if _is_union(hint) else {hint}
    return _TYPES.get(next(iter(kinds)), "VARCHAR") if len(kinds) == 1 else "VARCHAR"


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def values(spec: RunSpec, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row of a run; what it does not have is left out.

    Args:
        spec: resolved.
        result: the content of its ``result.json``; None while there is none.
    """
    mapping = spec.to_mapping()
    mapping["task"].pop("name")
    row = {_option(key): value for section in _SECTIONS for key, value in mapping[section].items()}
    row |= {"identity": spec.identity(), "task": spec.task_name, "network": spec.network}
    row |= _of_result(result) if result is not None else {"status": "unfinished"}
    return {key: value for key, value in row.items() if value is not None}


def _of_result(result: Mapping[str, Any]) -> dict[str, Any]:
    evaluation, test = result.get("evaluation") or {}, result.get("test") or {}
    versions, kernel = result.get("versions") or {}, result.get("kernel") or {}
    alike = ("stopped", "steps", "solved", "parameters", "seconds", "steps_per_second", "threads", "processes")
    return {key: result.get(key) for key in (*alike, "device")} | {
        "status": "diverged" if result["stopped"] == "diverged" else "done",
        "solved_step": solved_step(result),
        "accuracy": evaluation.get("accuracy"),
        "loss_nats": evaluation.get("loss_nats"),
        "carried_loss_nats": evaluation.get("carried_loss_nats"),
        "test_accuracy": test.get("accuracy"),
        "train_accuracy": result.get("accuracy"),
        "train_loss_nats": result.get("loss_nats"),
        "kernel": kernel.get("name"),
        "version": versions.get("unrolled"),
        "torch_version": versions.get("torch"),
        "python_version": versions.get("python"),
    }


def solved_step(result: Mapping[str, Any]) -> int | None:
    """After how many steps a run was solved, where that is what stopped it."""
    return int(result["steps"]) if result["stopped"] == "solved" and result.get("solved") else None

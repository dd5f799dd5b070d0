"""Options of the command line from a spec's dataclasses: one a field, its help from the docstring."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_type_hints

import docstring_parser
from cyclopts import Group, Parameter

from unrolled.spec import TASKS

__all__ = ["sections", "spec_mapping", "spec_parameters"]

_GROUPS = {
    "task": Group("Task", sort_key=1),
    "model": Group("Model", sort_key=2),
    "training": Group("Training", sort_key=3),
}
_HASHES = ("text_sha256", "cell_sha256", "graph_sha256", "files_sha256", "readings_sha256")
_HYPHENS = ("source",)
"""Options of which a hyphen is a value: standard input."""


def sections(task: str) -> dict[str, Any]:
    """The three sections of a task's default spec, by name."""
    entry = TASKS[task]
    return {"task": entry.spec(), "model": entry.model, "training": entry.training}


def spec_parameters(task: str) -> list[inspect.Parameter]:
    """A keyword parameter for every field of the task's spec, with its own default, for cyclopts to read."""
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(section, field.name),
            annotation=Annotated[
                hints[field.name],
                Parameter(
                    help=helps[field.name],
                    group=_GROUPS[name],
                    show=field.name not in _HASHES,
                    allow_leading_hyphen=field.name in _HYPHENS,
                    show_choices=not _names_choices(helps[field.name], hints[field.name]),
                ),
            ],
        )
        for name, section in sections(task).items()
        for hints, helps in [(get_type_hints(type(section)), _field_help(type(section)))]
        for field in dataclasses.fields(section)
    ]


def spec_mapping(task: str, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options that were given, sorted into the sections they belong to."""
    return {
        name: {field.name: given[field.name] for field in dataclasses.fields(section) if field.name in given}
        for name, section in sections(task).items()
    }


def _field_help(section: type) -> dict[str, str]:
    parsed = docstring_parser.parse(section.__doc__ or "", style=docstring_parser.DocstringStyle.GOOGLE)
    return {entry.arg_name: " ".join((entry.description or "").split()) for entry in parsed.params}


def _names_choices(text: str, hint: Any) -> bool:
    """Whether the help already names everything there is to choose from."""
    return all(str(choice) in text for choice in get_args(hint))

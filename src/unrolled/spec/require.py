"""The checks that every section makes of its values."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from unrolled.errors import SpecError

__all__ = ["require", "require_own"]


def require(condition: bool, message: str) -> None:
    """Raise `SpecError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise SpecError(message)


def require_own(section: Any, option: str, key: str, owners: tuple[str, ...], standard: Any = None) -> None:
    """Raise `SpecError` where ``option`` is set and what ``key`` names would not read it.

    Args:
        section: a section, as a dataclass.
        option: the field; at its default it is not set.
        key: the field that says which layer or network there is.
        owners: those that read the option.
        standard: the task's defaults of the section, which set nothing either; None: the section's alone.
    """
    value = getattr(section, option)
    unset = [field.default for field in fields(section) if field.name == option]
    if standard is not None:
        unset.append(getattr(standard, option))
    *others, last = owners
    named = f"{', '.join(others)} and {last}" if others else last
    require(
        getattr(section, key) in owners or value in unset,
        f"{option} is {value!r} but {key} is {getattr(section, key)!r}: it is an option of {named}",
    )

"""The check that every section makes of its values."""

from __future__ import annotations

from unrolled.errors import SpecError

__all__ = ["require"]


def require(condition: bool, message: str) -> None:
    """Raise `SpecError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise SpecError(message)

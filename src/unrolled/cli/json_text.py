"""JSON for programs, which has no word for NaN and infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["json_text"]


def json_text(value: Any, **options: Any) -> str:
    """A value as JSON; numbers that are not finite become null, however deep they lie.

    Args:
        value: of mappings, lists, tuples and what json.dumps takes in them.
        **options: those of json.dumps.
    """
    return json.dumps(_finite(value), **options)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value

"""A word about runs that are there and cannot be opened, wherever all of a folder are meant."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

__all__ = ["warn_of_damaged"]


def warn_of_damaged(reasons: Iterable[str]) -> None:
    """One warning for each run that is left out, with the reason."""
    for reason in reasons:
        warnings.warn(f"a run is left out: {reason}", stacklevel=2)

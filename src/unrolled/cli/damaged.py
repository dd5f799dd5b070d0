"""A word about runs that are there and cannot be opened, wherever all of a folder are meant."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unrolled.record import Run

__all__ = ["warn_of_damaged"]


def warn_of_damaged(runs: Path, found: Iterable[Run]) -> None:
    """One warning for each run of the folder that is not among those found and should be."""
    from unrolled.record import damaged_runs

    for reason in damaged_runs(runs, found):
        warnings.warn(f"a run is left out: {reason}", stacklevel=2)

"""Finds the OpenMP library that torch runs on, so that the graph kernels run on the very same threads."""

from __future__ import annotations

import ctypes
from pathlib import Path

__all__ = ["address"]

MAPS = Path("/proc/self/maps")
NAMES = ("libgomp", "libiomp5", "libomp")


def address() -> int | None:
    """Where GOMP_parallel lies in this process; None where not exactly one such library is loaded, or no Linux."""
    try:
        lines = MAPS.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    mapped = {line.split(maxsplit=5)[5] for line in lines if line.count("/")}
    found = [path for path in mapped if Path(path).name.startswith(NAMES)]
    if len(found) != 1:
        return None
    try:
        start = ctypes.CDLL(found[0])["GOMP_parallel"]
    except (OSError, AttributeError):
        return None
    return ctypes.cast(start, ctypes.c_void_p).value

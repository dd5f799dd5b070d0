"""``unrolled info``: what is installed, what computes, and where things are kept."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from typing import Annotated

from cyclopts import Parameter

from unrolled.version import __version__

__all__ = ["info"]

_LIBRARIES = ("torch", "numpy", "cyclopts", "msgspec", "rich", "safetensors", "matplotlib", "jinja2")


def info(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """Show versions, the kernel in use and why, devices, threads and the cache.

    Args:
        as_json: as JSON, for programs.
    """
    facts = _facts()
    if as_json:
        print(json.dumps(facts, indent=1))
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        print(f"{key:<{width}}  {value}")


def _facts() -> dict[str, str]:
    import torch

    from unrolled.data.cache import cache_directory, is_offline
    from unrolled.kernels.recurrent import path

    kernel = path()
    return {
        "unrolled": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "libraries": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES),
        "kernel": f"{kernel.name}: {kernel.reason}",
        "devices": ", ".join(_devices()),
        "threads": f"{torch.get_num_threads()} of torch, {os.cpu_count()} processors",
        "vector unit": torch.backends.cpu.get_cpu_capability(),
        "cache": str(cache_directory()),
        "fetching": "switched off by UNROLLED_OFFLINE" if is_offline() else "allowed",
    }


def _devices() -> list[str]:
    import torch

    devices = ["cpu"]
    for index in range(torch.cuda.device_count()):
        devices.append(f"cuda:{index} ({torch.cuda.get_device_name(index)})")
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices

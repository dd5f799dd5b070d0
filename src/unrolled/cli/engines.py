"""The options that say where many runs are trained, and the engine they choose."""

from __future__ import annotations

from typing import Any, Literal

from unrolled.errors import InputError
from unrolled.training import Engine, LocalProcesses, RayCluster, Slurm, default_workers

__all__ = ["ENGINE_OPTIONS", "choose_engine"]

ENGINE_OPTIONS: dict[str, tuple[Any, Any, str]] = {
    "engine": (
        Literal["local", "ray", "slurm"],
        "local",
        "where to train: worker processes here (local), a Ray cluster (ray), or jobs of Slurm (slurm).",
    ),
    "workers": (
        int | None,
        None,
        "runs at once, a thread each; not of ray, which has one a CPU (default: one a processor here, at most 8).",
    ),
    "address": (str | None, None, "ray only: the cluster's, host:port or auto (default: a Ray of its own, here)."),
    "cluster": (Literal["slurm", "local"] | None, None, "slurm only: slurm, or local, to run the jobs here."),
    "partition": (str | None, None, "slurm only: where jobs are queued (default: the cluster's own)."),
}
"""By name: type, default and help."""

_BELONGS = {"address": "ray", "cluster": "slurm", "partition": "slurm"}


def choose_engine(engine: str, *, workers: int | None, **options: str | None) -> Engine:
    """The engine of these options.

    Raises:
        InputError: an option that is not the engine's, or less than one worker.
    """
    for name, value in options.items():
        if value is not None and engine != _BELONGS[name]:
            raise InputError(f"{name} is {value!r}, but engine is {engine}: give --engine {_BELONGS[name]} with it")
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}: at least 1")
    if engine == "ray":
        if workers is not None:
            raise InputError(f"workers is {workers}, but engine is ray: it trains as many runs as the cluster has CPUs")
        return RayCluster(options["address"])
    if engine == "slurm":
        cluster: Any = options["cluster"] or "slurm"
        return Slurm(workers or default_workers(), cluster=cluster, partition=options["partition"])
    return LocalProcesses(workers or default_workers())

"""The options that say where runs are trained, and the engine they choose."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from unrolled.errors import InputError
from unrolled.spec import RunSpec
from unrolled.training import (
    Engine,
    LocalProcesses,
    Progress,
    RayCluster,
    Slurm,
    default_workers,
    train,
    train_together,
)
from unrolled.training.processes import is_first_process, process_count

__all__ = ["ENGINE_OPTIONS", "PLACE_OPTIONS", "Place", "choose_engine"]

_ADDRESS = (str | None, None, "ray only: the cluster's, host:port or auto (default: a Ray of its own, here).")

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
    "address": _ADDRESS,
    "cluster": (Literal["slurm", "local"] | None, None, "slurm only: slurm, or local, to run the jobs here."),
    "partition": (str | None, None, "slurm only: where jobs are queued (default: the cluster's own)."),
}
"""Of many runs. By name: type, default and help."""

PLACE_OPTIONS: dict[str, tuple[Any, Any, str]] = {
    "engine": (Literal["local", "ray"], "local", "where to train: in this process (local), or on a Ray cluster (ray)."),
    "processes": (int | None, None, "ray only: how many share every batch, a thread each (default: 1)."),
    "address": _ADDRESS,
}
"""Of one run."""

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


@final
@dataclass(frozen=True)
class Place:
    """Where one run is trained.

    Attributes:
        engine: local or ray.
        processes: that share every batch; None: not said.
        address: of the Ray cluster; None: not said.

    Raises:
        InputError: options that do not go together.
    """

    engine: str
    processes: int | None
    address: str | None

    def __post_init__(self) -> None:
        if self.engine == "local":
            if self.processes is not None:
                raise InputError(
                    f"processes is {self.processes}, but engine is local: give --engine ray with it, or start so many "
                    f"with torchrun --nproc-per-node {self.processes} -m unrolled.cli"
                )
            if self.address is not None:
                raise InputError(f"address is {self.address!r}, but engine is local: give --engine ray with it")
        elif process_count() > 1:
            raise InputError("engine is ray, which starts processes of its own: leave out torchrun")
        elif self.processes is not None and self.processes < 1:
            raise InputError(f"processes is {self.processes}: at least 1")

    def train(self, spec: RunSpec, name: str, runs: Path, resume: bool) -> Generator[Progress, None, None]:
        """What there is to tell of the run."""
        if self.engine == "local":
            return train(spec, name=name if is_first_process() else None, runs=runs, resume=resume)
        return train_together(
            spec, name=name, runs=runs, resume=resume, processes=self.processes or 1, address=self.address
        )

    def words(self) -> list[str]:
        """The same as options."""
        given = {"--engine": self.engine, "--processes": self.processes, "--address": self.address}
        return [word for key, value in given.items() if value not in (None, "local") for word in (key, str(value))]

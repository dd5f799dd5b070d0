"""Training: from a spec to a run, straight, resumable bit for bit; and many runs at once."""

from unrolled.training.engines import Engine, LocalProcesses, RayCluster, Slurm, default_workers, train_together
from unrolled.training.estimate import Estimate, cost, estimate
from unrolled.training.horizon import find_horizon
from unrolled.training.loop import train
from unrolled.training.many import Failure, run_all
from unrolled.training.progress import Progress
from unrolled.training.sweep import missing, sweep

__all__ = [
    "Engine",
    "Estimate",
    "Failure",
    "LocalProcesses",
    "Progress",
    "RayCluster",
    "Slurm",
    "cost",
    "default_workers",
    "estimate",
    "find_horizon",
    "missing",
    "run_all",
    "sweep",
    "train",
    "train_together",
]

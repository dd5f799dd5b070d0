"""Training: from a spec to a run, straight, resumable bit for bit; and many runs at once."""

from unrolled.training.estimate import Estimate, cost, estimate
from unrolled.training.horizon import find_horizon
from unrolled.training.loop import train
from unrolled.training.progress import Progress
from unrolled.training.sweep import sweep
from unrolled.training.workers import Failure, default_workers, run_all

__all__ = [
    "Estimate",
    "Failure",
    "Progress",
    "cost",
    "default_workers",
    "estimate",
    "find_horizon",
    "run_all",
    "sweep",
    "train",
]

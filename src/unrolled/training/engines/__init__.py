"""Where many runs are trained: on this machine, on a Ray cluster, or under Slurm, behind one small interface."""

from unrolled.training.engines.engine import Ended, Engine, Order
from unrolled.training.engines.local import LocalProcesses, default_workers
from unrolled.training.engines.ray_core import RayCluster
from unrolled.training.engines.ray_group import train_together
from unrolled.training.engines.slurm import Slurm

__all__ = ["Ended", "Engine", "LocalProcesses", "Order", "RayCluster", "Slurm", "default_workers", "train_together"]

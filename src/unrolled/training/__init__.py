"""Training: from a spec to a run, straight, resumable bit for bit."""

from unrolled.training.loop import train
from unrolled.training.progress import Progress
from unrolled.training.workers import Failure, run_all

__all__ = ["Failure", "Progress", "run_all", "train"]

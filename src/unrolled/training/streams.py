"""Streams of random numbers: every use has its own, derived from the run's seed.

::

    seed of a stream = first 8 bytes of SHA-256("unrolled/<seed>/<purpose>/<step>")

so that evaluating, sampling or drawing weights never moves the training draws, and what is drawn at a step can be
drawn again without replaying the steps before it.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import torch

__all__ = ["Purpose", "derived_seed", "stream"]

Purpose = Literal["weights", "draws", "order", "evaluation", "samples", "looks", "dropout"]
"""``weights``: the initial weights. ``draws``: training batches; of a state carried on, one stream a pass.
``order``: of a graph's nodes or clusters, one stream an epoch. ``evaluation``: fresh samples, one stream a step.
``samples``: text sampled on the way, one stream a step. ``looks``: what the microscope looks at, all through.
``dropout``: torch's global generators while training, one stream a process."""


def derived_seed(seed: int, purpose: Purpose, step: int = 0) -> int:
    """The 64-bit seed of one stream."""
    digest = hashlib.sha256(f"unrolled/{seed}/{purpose}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def stream(seed: int, purpose: Purpose, step: int = 0) -> torch.Generator:
    """A CPU generator at the beginning of one stream."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose, step))

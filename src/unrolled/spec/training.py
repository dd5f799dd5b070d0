"""The section ``training``: how the network is trained, and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unrolled.spec.require import require

__all__ = ["TrainingSpec"]

_TOO_LARGE = 3e38  # for float32, in which optimisers reckon


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How the network is trained, how long, and what is looked at on the way.

    Attributes:
        steps: optimiser steps.
        batch: B, sequences (of forecasts: windows) per step; of a graph that is not read whole: training nodes, or
            clusters.
        seed: everything random follows from it.
        optimiser: sgd, momentum, rmsprop, adam or adamw.
        learning_rate: the rate at step 0.
        momentum: of the momentum rule.
        weight_decay: decoupled under adamw, added to the gradient otherwise.
        decay: which weights decay: all, or first-layer (graphs only: those of the first layer, as in Kipf & Welling).
        schedule: constant, course (times .96 every 5000 steps) or cosine (to 0 at the last step).
        clip: largest norm of the gradient (none: no clipping).
        precision: float32, float64, or bf16 (autocast with float32 weights).
        device: auto, cpu, cuda or mps.
        stop: never; solved (accuracy .99 on 2000 fresh samples); perfect (every answer right in `patience` batches
            in a row); plateau (aware of plateaus: no better evaluation in `patience` of them); report-a (mean loss
            of the last 100 batches within 1e-6 of the 100 before); validation (neither loss nor accuracy of
            evaluations better than ever in `patience` of them).
        patience: how many batches (perfect) or evaluations (plateau, validation) the rule waits for.
        curriculum: size of the task (its length, digits …) to begin with; it grows by a quarter, up to the task's own,
            whenever .99 of the answers to the last 2000 training sequences were right (none: the task's own at once).
        keep: which weights the run ends with: those of the last step, or of the best evaluation (lowest loss).
        evaluate_every: steps between evaluations on fresh or held-out data.
        checkpoint_every: steps between checkpoints to resume from.
        sample_every: text only: steps between samples (0: none).
        look_every: sequences only: steps between looks of the gradient microscope, from the untrained network on
            (0: none).
    """

    steps: int = 10_000
    batch: int = 128
    seed: int = 0
    optimiser: Literal["sgd", "momentum", "rmsprop", "adam", "adamw"] = "rmsprop"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay: Literal["all", "first-layer"] = "all"
    schedule: Literal["constant", "course", "cosine"] = "constant"
    clip: float | None = 10.0
    precision: Literal["float32", "float64", "bf16"] = "float32"
    device: str = "auto"
    stop: Literal["never", "solved", "perfect", "plateau", "report-a", "validation"] = "never"
    patience: int = 20
    curriculum: int | None = None
    keep: Literal["last", "best"] = "last"
    evaluate_every: int = 250
    checkpoint_every: int = 500
    sample_every: int = 0
    look_every: int = 0

    def __post_init__(self) -> None:
        require(self.steps >= 0, f"steps is {self.steps}: 0 or more")
        require(self.batch >= 1, f"batch is {self.batch}: at least 1 sequence")
        require(0 <= self.seed < 2**63, f"seed is {self.seed}: from 0 to below 2^63")
        require(0 < self.learning_rate < _TOO_LARGE, f"learning_rate is {self.learning_rate}: above 0, below 3e38")
        require(0 <= self.momentum < 1, f"momentum is {self.momentum}: from 0 to below 1")
        require(0 <= self.weight_decay < _TOO_LARGE, f"weight_decay is {self.weight_decay}: 0 or more, below 3e38")
        require(self.clip is None or 0 < self.clip < math.inf, f"clip is {self.clip}: a number above 0, or none")
        for name in ("patience", "evaluate_every", "checkpoint_every"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}: at least 1")
        require(self.curriculum is None or self.curriculum >= 1, f"curriculum is {self.curriculum}: a size, 1 or more")
        require(
            self.curriculum is None or self.stop not in ("perfect", "report-a"),
            f"stop is {self.stop!r}, which looks at training batches, and a curriculum makes these easier: use solved",
        )
        for name in ("sample_every", "look_every"):
            require(getattr(self, name) >= 0, f"{name} is {getattr(self, name)}: 0 or more")

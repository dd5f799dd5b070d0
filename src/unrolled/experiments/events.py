"""What happens while claims are reproduced, as frozen values: only the command line prints."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.errors import UnrolledError
from unrolled.experiments.claim import Claim, ClaimResult
from unrolled.record import Run
from unrolled.spec import RunSpec
from unrolled.training import Progress

__all__ = [
    "ClaimFailed",
    "ClaimFinished",
    "ClaimStarted",
    "Event",
    "RunFailed",
    "RunFinished",
    "RunProgressed",
]


@dataclass(frozen=True)
class ClaimStarted:
    """A claim's runs are known.

    Attributes:
        claim: which.
        specs: of the runs that it needs, those that other claims need too included, each once.
    """

    claim: Claim
    specs: tuple[RunSpec, ...]


@dataclass(frozen=True)
class RunProgressed:
    """A run has taken steps.

    Attributes:
        claims: names of the claims that need it.
        spec: what is trained.
        progress: how far it is.
    """

    claims: tuple[str, ...]
    spec: RunSpec
    progress: Progress


@dataclass(frozen=True)
class RunFinished:
    """A run is there.

    Attributes:
        claims: names of the claims that need it.
        run: on disk.
        reused: whether it was there before.
        left: how many runs are still to come, of all claims together.
    """

    claims: tuple[str, ...]
    run: Run
    reused: bool
    left: int


@dataclass(frozen=True)
class RunFailed:
    """A run cannot be had; its claims say so and go on without it."""

    claims: tuple[str, ...]
    spec: RunSpec
    error: UnrolledError
    left: int


@dataclass(frozen=True)
class ClaimFinished:
    """A claim has its result.

    Attributes:
        result: stored under the runs as well.
        reused: whether it was there before, made from the same specs.
    """

    result: ClaimResult
    reused: bool


@dataclass(frozen=True)
class ClaimFailed:
    """A claim could not be begun or measured; the others go on."""

    claim: Claim
    error: UnrolledError


Event = ClaimStarted | RunProgressed | RunFinished | RunFailed | ClaimFinished | ClaimFailed

"""What we claim, one page a claim, and how anybody checks it.

`reproduce` trains what the claims of `CLAIMS` need and measures them; a `ClaimResult` holds published numbers
beside measured ones, and the `Figure` values that the report draws.
"""

from __future__ import annotations

from unrolled.experiments.claim import (
    VERDICTS,
    Budget,
    Claim,
    ClaimResult,
    Curve,
    Figure,
    Findings,
    Heat,
    Row,
    Table,
    Text,
    Verdict,
    read_result,
    result_path,
    seed_curves,
    write_result,
)
from unrolled.experiments.events import (
    ClaimFailed,
    ClaimFinished,
    ClaimStarted,
    Event,
    RunFailed,
    RunFinished,
    RunProgressed,
)
from unrolled.experiments.reproduction import reproduce
from unrolled.experiments.table import CLAIMS

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Budget",
    "Claim",
    "ClaimFailed",
    "ClaimFinished",
    "ClaimResult",
    "ClaimStarted",
    "Curve",
    "Event",
    "Figure",
    "Findings",
    "Heat",
    "Row",
    "RunFailed",
    "RunFinished",
    "RunProgressed",
    "Table",
    "Text",
    "Verdict",
    "read_result",
    "reproduce",
    "result_path",
    "seed_curves",
    "write_result",
]

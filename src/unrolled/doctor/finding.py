"""What the doctor says: findings with their evidence, and the diagnosis that they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Diagnosis", "Finding", "Severity", "Verdict"]

Severity = Literal["fault", "caution"]
Verdict = Literal["sound", "wrong", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        fault: its name in the table `FAULTS`.
        sentence: what is wrong with this very module, in plain words.
        evidence: which tensor, which unit, which step, by how much.
        severity: a fault makes the verdict "wrong"; a caution is told and does not.
    """

    fault: str
    sentence: str
    evidence: tuple[str, ...] = ()
    severity: Severity = "fault"


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on one module, with everything it rests on.

    Attributes:
        subject: what was examined, path/to/file.py:Name.
        reference: what it was compared with, a name of `REFERENCES`.
        verdict: "sound", "wrong" or "unknown" (it could not be judged, and `reason` says why).
        findings: faults first.
        equation: what the module computes, line by line, where its equation could be recovered.
        weights: which of its tensors plays which part.
        checks: what was looked at and found in order.
        notes: what is worth knowing and not wrong.
        reason: why it could not be judged; empty otherwise.
        seconds: how long it took.
    """

    subject: str
    reference: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    equation: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Diagnosis:
        """Back from JSON."""
        findings = tuple(Finding(**{**f, "evidence": tuple(f["evidence"])}) for f in values["findings"])
        lists = {key: tuple(values[key]) for key in ("equation", "weights", "checks", "notes")}
        return cls(**{**values, **lists, "findings": findings})

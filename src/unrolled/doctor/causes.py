"""Keep the causes among findings: what only follows from another finding is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unrolled.doctor.finding import Finding

__all__ = ["causes"]

_CONSEQUENCES: Mapping[str, tuple[str, ...]] = {
    "axes-confused": (
        "batch-leak",
        "dropped-first-step",
        "dropped-last-step",
        "wrong-readout",
        "differs",
        "future-leak",
    ),
    "softmax-wrong-axis": ("batch-leak", "future-leak"),
    "reversed-sequence": ("future-leak", "wrong-final-state"),
    "no-gradient": ("untrained-parameter",),
    "missing-gate": ("untrained-parameter",),
    "missing-reset": ("untrained-parameter",),
    "missing-leaky-relu": ("untrained-parameter",),  # a receiver's own score leaves its softmax
    "no-softmax": ("untrained-parameter",),
    "in-place-edit": ("breaks",),
    "state-kept-between-calls": ("breaks", "dtype-slip", "device-slip"),
    "dropped-last-step": ("wrong-final-state",),
    "dropped-first-step": ("wrong-readout",),
    "missing-bias": ("missing-forget-bias",),
    "unregistered-parameter": ("dtype-slip", "device-slip"),
}

_APART = frozenset(
    {
        "dtype-slip",
        "device-slip",
        "normal-initialisation",
        "poor-initialisation",
        "forget-bias",
        "small-embedding",
    }
)
"""What cannot make outputs differ from the reference's: it does not stand in for "differs"."""


def causes(findings: list[Finding]) -> list[Finding]:
    """Without what only follows from another finding, and with each fault and sentence once."""
    present = {finding.fault for finding in findings}
    drop = {consequence for fault in present for consequence in _CONSEQUENCES.get(fault, ())}
    certain = {f.fault for f in findings if f.severity == "fault"} - {"differs"} - drop - _APART
    merged: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if finding.fault in drop or (finding.fault == "differs" and certain):
            continue
        key = (finding.fault, "" if finding.fault in ("gates-swapped", "unregistered-parameter") else finding.sentence)
        if key in merged:
            old = merged[key]
            merged[key] = replace(old, evidence=tuple(dict.fromkeys(old.evidence + finding.evidence)))
        else:
            merged[key] = finding
    return list(merged.values())

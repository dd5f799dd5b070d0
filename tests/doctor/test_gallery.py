"""Every fault of the gallery is named, and nothing is invented on what is right."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unrolled.doctor import FAULTS, Diagnosis

_spec = importlib.util.spec_from_file_location("gallery_cases", Path(__file__).parent / "gallery" / "cases.py")
assert _spec is not None
assert _spec.loader is not None
_cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_cases)


def _third(pieces: Any) -> list[Any]:
    """Every third piece in `make test`, all of them in `make conformance`."""
    return [
        pytest.param(piece, id=piece.name, marks=[] if n % 3 == 0 else [pytest.mark.conformance])
        for n, piece in enumerate(pieces)
    ]


def _faults(found: Diagnosis) -> set[str]:
    return {finding.fault for finding in found.findings if finding.severity == "fault"}


@pytest.mark.parametrize("piece", _third((*_cases.BROKEN, *_cases.BLIND, *_cases.INDEPENDENT_BROKEN)))
def test_the_fault_is_named_and_no_other(piece: Any, examined: Callable[..., Diagnosis]) -> None:
    found = examined(piece.target, piece.reference, piece.step)
    assert found.verdict == "wrong", found
    assert _faults(found), found
    assert _faults(found) <= piece.faults, found.findings
    assert all(finding.evidence for finding in found.findings)


@pytest.mark.parametrize("piece", _third((*_cases.SOUND, *_cases.INDEPENDENT_SOUND)))
def test_nothing_is_invented(piece: Any, examined: Callable[..., Diagnosis]) -> None:
    found = examined(piece.target, piece.reference, piece.step)
    assert found.verdict == "sound", found
    assert not _faults(found)


@pytest.mark.parametrize("piece", _third(_cases.UNJUDGED))
def test_what_is_not_recovered_is_not_accused(piece: Any, examined: Callable[..., Diagnosis]) -> None:
    found = examined(piece.target, piece.reference, piece.step)
    assert found.verdict == "unknown", found
    assert not _faults(found)


@pytest.mark.parametrize(
    ("file", "step", "known"),
    [("train_steps.py", "right_masked", True), ("independent/tagger_steps.py", "step_smooth", False)],
)
def test_a_slope_is_checked_only_beside_a_known_loss(
    file: str, step: str, known: bool, examined: Callable[..., Diagnosis]
) -> None:
    found = examined(f"{file}:Tagger", "lstm", f"{file}:{step}")
    assert any("the loss's slope" in check for check in found.checks) == known
    assert any(finding.fault == "unknown-loss" for finding in found.findings) != known


def test_the_gallery_is_large_enough_and_speaks_of_known_faults() -> None:
    assert len(_cases.BROKEN) >= 30
    assert len(_cases.SOUND) >= 20
    assert {
        fault for piece in (*_cases.BROKEN, *_cases.BLIND, *_cases.INDEPENDENT_BROKEN) for fault in piece.faults
    } <= set(FAULTS)

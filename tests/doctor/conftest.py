"""The gallery, examined in this process; every piece once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from unrolled.doctor import Diagnosis
from unrolled.doctor.examine import examine

GALLERY = Path(__file__).parent / "gallery"


@functools.cache
def _examined(target: str, reference: str, step: str | None) -> Diagnosis:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return examine(str(GALLERY / target), reference, None if step is None else str(GALLERY / step))


@pytest.fixture
def examined() -> Callable[..., Diagnosis]:
    """The diagnosis of a piece of the gallery: ``examined("course_lstm.py:DetachedState", "lstm")``."""

    def run(target: str, reference: str, step: str | None = None) -> Diagnosis:
        return _examined(target, reference, step)

    return run

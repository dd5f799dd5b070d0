"""What every test shares: the course's data where the checkout has it, and quiet, repeatable torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder beside the checkout with the course's data; tests that need it skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data beside the checkout, which is not there")
    return SHARED


@pytest.fixture(autouse=True)
def _one_seed() -> Iterator[None]:
    torch.manual_seed(0)
    yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread_per_worker() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)

"""The variants that this machine can run; where the package was built without them, these tests skip."""

from __future__ import annotations

import pytest

from unrolled.kernels.native.library import Library
from unrolled.kernels.native.loader import NativeUnavailable, load, variants


@pytest.fixture(params=["v4", "v3", "v2", "arm64"])
def library(request: pytest.FixtureRequest) -> Library:
    """Every variant in turn."""
    if request.param not in variants():
        pytest.skip(f"the variant {request.param} is not built or does not run here")
    return load(f"native-{request.param}")


@pytest.fixture
def best() -> Library:
    """The variant that the loader picks."""
    try:
        return load()
    except NativeUnavailable as reason:
        pytest.skip(f"no native kernels: {reason}")

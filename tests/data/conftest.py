"""The fairy tales, where this machine has them or can fetch them."""

from __future__ import annotations

import pytest

from unrolled.data import Corpus, read_corpus
from unrolled.errors import SourceError, StorageError


@pytest.fixture(scope="session")
def grimm() -> Corpus:
    """The registered source; tests that need it skip where neither the cache nor a registry has it."""
    try:
        return read_corpus("grimm")
    except (SourceError, StorageError) as error:
        pytest.skip(f"needs the source 'grimm': {error}")

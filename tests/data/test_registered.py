"""What can be had by name, over all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from unrolled.data.registered import find_registered, registered


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.delenv("UNROLLED_GRIMM_2591", raising=False)


def test_every_kind_is_there_under_its_own_name() -> None:
    all_ = registered()
    assert {source.kind for source in all_.values()} == {"text", "graph", "protein", "sensors"}
    for name, source in all_.items():
        assert source.name == name
        found = find_registered(name)
        assert found is not None and found.name == name


def test_what_is_fetched_is_due_in_an_empty_cache_and_what_is_made_never_is() -> None:
    due = {name: source.is_due for name, source in registered().items()}
    assert due.pop("karate") is due.pop("course-2019") is due.pop("course-2020") is False
    assert due.pop("planted") is due.pop("rmat") is False
    assert all(due.values())


def test_sizes_may_follow_a_graphs_name_only() -> None:
    found = find_registered("planted:100:2")
    assert found is not None and found.name == "planted" and found.fetch() is None
    assert find_registered("grimm:100") is None
    assert find_registered("nothing") is None

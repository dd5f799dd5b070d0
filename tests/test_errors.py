"""Errors say what was given and what would do."""

from __future__ import annotations

import pytest

from unrolled.errors import UnknownName


@pytest.mark.parametrize(
    ("what", "several"),
    [
        ("cell", "cells"),
        ("class", "classes"),
        ("readings", "readings"),
        ("reading of rows", "readings of rows"),
        ("key", "keys"),
    ],
)
def test_an_unknown_name_is_told_beside_those_that_exist(what: str, several: str) -> None:
    assert str(UnknownName(what, "x", ["one", "two"])) == f"no {what} 'x'. {several}: one, two"
    assert str(UnknownName(what, "x", [])) == f"no {what} 'x'. {several}: none"

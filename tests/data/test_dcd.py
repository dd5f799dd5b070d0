"""DCD files: both byte orders, cells and fourth axes; the size of the file is trusted, and what is cut is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unrolled.data.adenylate_kinase import adenylate_kinase_files
from unrolled.data.dcd import open_dcd
from unrolled.errors import InputError

PLACES = np.arange(4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3) / 7


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("cell", [False, True])
@pytest.mark.parametrize("fourth", [False, True])
def test_what_was_written_is_read(
    write_dcd: Callable[..., bytes], tmp_path: Path, order: str, cell: bool, fourth: bool
) -> None:
    path = tmp_path / "run.dcd"
    path.write_bytes(write_dcd(PLACES, order=order, cell=cell, fourth=fourth))
    trajectory = open_dcd(path)
    assert (trajectory.atoms, len(trajectory), trajectory.claimed) == (5, 4, 4)
    np.testing.assert_array_equal(trajectory.places(), PLACES)
    np.testing.assert_array_equal(trajectory.places(np.array([3, 1])), PLACES[:, [3, 1]])


@pytest.mark.parametrize("claimed", [0, 1, 500])
def test_the_size_is_trusted_over_the_header(write_dcd: Callable[..., bytes], tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "run.dcd"
    path.write_bytes(write_dcd(PLACES, claimed=claimed))
    trajectory = open_dcd(path)
    assert (len(trajectory), trajectory.claimed) == (4, claimed)


def _with(content: bytes, place: int, byte: int) -> bytes:
    return content[:place] + bytes([byte]) + content[place + 1 :]


MISTAKES: list[tuple[Callable[[bytes], bytes], dict[str, Any], str]] = [
    (lambda b: b[:-10], {}, "was cut: after 3 whole frames of 5 atoms come 74 bytes of 84"),
    (lambda b: b + b"x", {}, "was cut: after 4 whole frames of 5 atoms come 1 bytes"),
    (lambda b: b[: 92 + 92 + 12], {}, "has no frame: its header claims 4"),
    (lambda b: b[:150], {}, "is damaged: its header ends"),
    (lambda b: b[:60], {}, "is no DCD file"),
    (lambda b: b"", {}, "is no DCD file"),
    (lambda b: b"CHARMM" * 40, {}, "is no DCD file"),
    (lambda b: (84).to_bytes(8, "little") + b"CORD" + b[8:], {}, "records with 64-bit lengths"),
    (lambda b: b, {"fixed": 2}, "has 2 fixed atoms"),
    (lambda b: b, {"magic": b"VELD"}, "holds velocities"),
    (lambda b: _with(b, 92 + 92 + 12 + 84 + 28, 19), {}, "in frame 2 of 4 the record of y has another length than 20"),
]


@pytest.mark.parametrize(("harm", "options", "what"), MISTAKES, ids=[what for *_, what in MISTAKES])
def test_what_cannot_be_read(
    write_dcd: Callable[..., bytes],
    tmp_path: Path,
    harm: Callable[[bytes], bytes],
    options: dict[str, Any],
    what: str,
) -> None:
    path = tmp_path / "run.dcd"
    path.write_bytes(harm(write_dcd(PLACES, **options)))
    with pytest.raises(InputError, match=what):
        open_dcd(path)
    with pytest.raises(InputError, match="cannot be read"):
        open_dcd(tmp_path / "none.dcd")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_places_that_are_no_numbers(write_dcd: Callable[..., bytes], tmp_path: Path, wrong: float) -> None:
    places = PLACES.copy()
    places[2, 4, 1] = wrong
    path = tmp_path / "run.dcd"
    path.write_bytes(write_dcd(places))
    with pytest.raises(InputError, match="frame 3 of 4 has coordinates that are no numbers"):
        open_dcd(path).places()
    open_dcd(path).places(np.array([0, 1]))  # other atoms are sound


@pytest.mark.conformance
def test_the_real_files() -> None:
    """Frames and atoms as the archive's own tests have them; the distances are those between the shapes' files.

    MDAnalysisTests' RefAdK: 3341 atoms, 98 frames; the first header claims 500.
    """
    files = adenylate_kinase_files()
    found = {name: open_dcd(path) for name, path in files.items() if name.endswith(".dcd")}
    assert {name: (len(each), each.claimed, each.atoms) for name, each in found.items()} == {
        "adk_dims.dcd": (98, 500, 3341),
        "adk_dims2.dcd": (102, 102, 3341),
        "adk_gbis_tmd-fast1_NAMD.dcd": (100, 100, 3341),
    }

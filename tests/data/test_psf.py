"""PSF files: the standard and the extended form, empty fields, and lines that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unrolled.data.psf import read_psf
from unrolled.errors import InputError

NAMES = ("N", "CA", "C") * 4


@pytest.mark.parametrize("extended", [False, True])
def test_what_was_written_is_read(write_psf: Callable[..., str], tmp_path: Path, extended: bool) -> None:
    path = tmp_path / "one.psf"
    path.write_text(write_psf(NAMES, extended=extended, flags="EXT CMAP" if extended else "CMAP"), encoding="ascii")
    structure = read_psf(path)
    assert structure.names == NAMES
    assert structure.residues[:4] == ("A 1", "A 1", "A 1", "A 2")
    assert set(structure.residue_names) == {"GLY"}
    np.testing.assert_array_equal(structure.alpha_carbons(), [1, 4, 7, 10])


@pytest.mark.parametrize("extended", [False, True])
def test_an_empty_segment_is_told_by_its_columns(write_psf: Callable[..., str], tmp_path: Path, extended: bool) -> None:
    text = write_psf(NAMES, extended=extended, flags="EXT" if extended else "")
    place = 11 if extended else 9
    lines = [line[:place] + " " + line[place + 1 :] if " GLY " in line else line for line in text.splitlines()]
    lines = [line.removesuffix(f" {0:10d}") for line in lines]  # and without the column behind the mass
    path = tmp_path / "one.psf"
    path.write_text("\n".join(lines), encoding="ascii")
    structure = read_psf(path)
    assert structure.names == NAMES
    assert structure.residues[3] == " 2"


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda text: text.replace("PSF", "PDB"), "is no PSF file"),
        (lambda text: "", "is no PSF file"),
        (lambda text: text.replace("!NATOM", "!NBOND"), "has no line that says how many atoms"),
        (lambda text: text[: text.index("      12 A")], "line 18 should be atom 12 of 12"),
        (lambda text: text.replace("      5 A", "      7 A"), "line 11 should be atom 5 of 12, and is '7 A"),
    ],
)
def test_what_cannot_be_read(
    write_psf: Callable[..., str], tmp_path: Path, harm: Callable[[str], str], what: str
) -> None:
    path = tmp_path / "one.psf"
    path.write_text(harm(write_psf(NAMES)), encoding="ascii")
    with pytest.raises(InputError, match=what):
        read_psf(path)


def test_alpha_carbons_one_a_residue(write_psf: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "one.psf"
    path.write_text(write_psf(("N", "C", "O") * 4), encoding="ascii")
    with pytest.raises(InputError, match="has 0 alpha carbons"):
        read_psf(path).alpha_carbons()
    path.write_text(write_psf(("N", "CA", "CA") * 4), encoding="ascii")
    with pytest.raises(InputError, match="two alpha carbons"):
        read_psf(path).alpha_carbons()

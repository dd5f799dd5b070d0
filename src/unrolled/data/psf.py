"""PSF, the structures of CHARMM and NAMD: what each atom of a trajectory is called and which residue it is in.

Only the section of atoms is read, a line an atom::

           5 4AKE 1    MET  CA     22   0.210000       12.0110           0
     number segment residue name atom type charge mass fixed

Fields are told apart by the blanks between them; where a field is empty, by their columns, which are wider in the
extended form (the word EXT in the first line).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from unrolled.errors import InputError

__all__ = ["Structure", "read_psf"]

_STANDARD: Final = ((9, 13), (14, 18), (19, 23), (24, 28))
_EXTENDED: Final = ((11, 19), (20, 28), (29, 37), (38, 46))
"""Columns of segment, residue, the residue's name and the atom's."""
_FIELDS: Final = 8


@dataclass(frozen=True)
class Structure:
    """Atoms by number, from 0.

    Attributes:
        path: its file.
        names: of the atoms, such as CA.
        residues: segment and number of the residue that each is in.
        residue_names: such as MET.
    """

    path: Path
    names: tuple[str, ...]
    residues: tuple[str, ...]
    residue_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def alpha_carbons(self) -> npt.NDArray[np.int64]:
        """The numbers of the alpha carbons (CA), one a residue, in the chain's order.

        Raises:
            InputError: there are fewer than three, or two in one residue.
        """
        found = [number for number, name in enumerate(self.names) if name == "CA"]
        if len(found) < 3:
            raise InputError(f"{str(self.path)!r} has {len(found)} alpha carbons (atoms called CA): 3 or more would do")
        if len({self.residues[number] for number in found}) < len(found):
            raise InputError(f"{str(self.path)!r} has two alpha carbons (CA) in one residue")
        return np.array(found, dtype=np.int64)


def read_psf(path: Path | str) -> Structure:
    """Read a structure.

    Args:
        path: the file.

    Raises:
        InputError: no such file, no PSF file, or one that ends before its last atom.
    """
    path = Path(path).expanduser()
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    if not lines or lines[0].split()[:1] != ["PSF"]:
        raise InputError(f"{str(path)!r} is no PSF file: its first line does not begin with PSF")
    columns = _EXTENDED if "EXT" in lines[0].split() else _STANDARD
    head = next((number for number, line in enumerate(lines) if "!NATOM" in line), None)
    count = "" if head is None else lines[head].split()[0]
    if head is None or not count.isdecimal():
        raise InputError(f"{str(path)!r} is damaged: it has no line that says how many atoms there are (!NATOM)")
    rows = []
    for number in range(int(count)):
        line = lines[head + 1 + number] if head + 1 + number < len(lines) else ""
        words = line.split()
        if not words or words[0] != str(number + 1):
            raise InputError(
                f"{str(path)!r} is damaged: line {head + 2 + number} should be atom {number + 1} of {count}, "
                f"and is {line.strip()[:40]!r}"
            )
        rows.append(words[1:5] if len(words) >= _FIELDS else [line[a:b].strip() for a, b in columns])
    return Structure(
        path,
        names=tuple(row[3] for row in rows),
        residues=tuple(f"{row[0]} {row[1]}" for row in rows),
        residue_names=tuple(row[2] for row in rows),
    )

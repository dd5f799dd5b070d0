"""DCD, the trajectories of CHARMM and NAMD: the atoms' places in every frame, mapped from the file and read where used.

A file is a row of Fortran records, each between two copies of its length in bytes::

    84    "CORD" and 20 numbers: frames that are claimed, …, fixed atoms, …, is there a cell, is there a fourth axis, …
    …     lines of title
    4     N, atoms
    48    the cell, six float64, where there is one        ┐
    4N    x of every atom, float32, in angstroms           │ a frame
    4N    y                                                │
    4N    z                                                ┘

of either endianness. How many frames there are is told by the file's size: the number in the header is what a program
meant to write when it began, and often is not what it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unrolled.errors import InputError

__all__ = ["Trajectory", "open_dcd"]

_HEADER: Final = 4 + 84 + 4
_MOST_TITLE: Final = 2**20
_FIXED, _CELL, _FOURTH = 8, 10, 11
"""Where the header's numbers say how many atoms are fixed, and whether there is a cell and a fourth axis."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """An open trajectory.

    Attributes:
        path: its file.
        atoms: N.
        claimed: frames that the header speaks of; `len` is how many there are.
    """

    path: Path
    atoms: int
    claimed: int
    _records: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self._records)

    def places(self, atoms: npt.NDArray[np.int64] | slice = slice(None)) -> npt.NDArray[np.float32]:
        """Where atoms are in every frame, ``[T, n, 3]`` in angstroms.

        Args:
            atoms: which, by number.

        Raises:
            InputError: a place that is no number.
        """
        columns = [np.asarray(self._records[axis][:, atoms], dtype=np.float32) for axis in ("x", "y", "z")]
        found = np.stack(columns, axis=-1)
        wrong = ~np.isfinite(found).all(axis=(1, 2))
        if wrong.any():
            raise InputError(
                f"{str(self.path)!r}: frame {int(wrong.argmax()) + 1} of {len(self)} has coordinates that are no "
                "numbers (nan or infinite); cut the trajectory before it"
            )
        return found


def open_dcd(path: Path | str) -> Trajectory:
    """Open a trajectory: its header and the lengths of all its records are read, its coordinates are not.

    Args:
        path: the file.

    Raises:
        InputError: no such file, no DCD file, one that was cut or damaged, or one of a kind that is not read here
            (velocities, fixed atoms, 64-bit records).
    """
    path = Path(path).expanduser()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_HEADER + _MOST_TITLE)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    order = _byte_order(path, start)
    numbers = np.frombuffer(start, f"{order}i4", 20, 8)
    if start[4:8] == b"VELD":
        raise InputError(f"{str(path)!r} holds velocities; a DCD file of coordinates (CORD) would do")
    if numbers[_FIXED] != 0:
        raise InputError(
            f"{str(path)!r} has {numbers[_FIXED]} fixed atoms, which are written once only; "
            "write it again with all atoms in every frame"
        )
    atoms, begin = _atoms(path, start, order)
    record = _record(order, atoms, cell=numbers[_CELL] != 0, fourth=numbers[_FOURTH] != 0)
    frames, rest = divmod(size - begin, record.itemsize)
    if rest:
        raise InputError(
            f"{str(path)!r} was cut: after {frames} whole frames of {atoms} atoms come {rest} bytes of "
            f"{record.itemsize}; copy it again, or cut it to {begin + frames * record.itemsize} bytes"
        )
    if frames == 0:
        raise InputError(f"{str(path)!r} has no frame: its header claims {numbers[0]}, and the file ends behind it")
    records = np.memmap(path, dtype=record, mode="r", offset=begin, shape=(frames,))
    _check_marks(path, records)
    return Trajectory(path, atoms, int(numbers[0]), records)


def _byte_order(path: Path, start: bytes) -> str:
    if len(start) >= _HEADER and start[4:8] in (b"CORD", b"VELD"):
        for order in "<>":
            if np.frombuffer(start, f"{order}i4", 1)[0] == 84:
                return order
    wide = start[:8] in (np.array(84, "<i8").tobytes(), np.array(84, ">i8").tobytes())
    raise InputError(
        f"{str(path)!r} has records with 64-bit lengths; 32-bit ones are read here"
        if wide and start[8:12] == b"CORD"
        else f"{str(path)!r} is no DCD file: it does not begin with a record of 84 bytes and CORD"
    )


def _atoms(path: Path, start: bytes, order: str) -> tuple[int, int]:
    """How many atoms, and where the first frame begins."""

    def number(place: int) -> int:
        return int(np.frombuffer(start, f"{order}i4", 1, place)[0])

    try:
        title = number(_HEADER)
        if not 0 <= title <= _MOST_TITLE or number(_HEADER + 4 + title) != title:
            raise ValueError
        place = _HEADER + title + 8
        atoms = number(place + 4)
        if number(place) != 4 or number(place + 8) != 4 or atoms < 1:
            raise ValueError
    except ValueError:
        raise InputError(f"{str(path)!r} is damaged: its header ends before it says how many atoms there are") from None
    return atoms, place + 12


def _record(order: str, atoms: int, *, cell: bool, fourth: bool) -> np.dtype[Any]:
    """A frame as numpy reads it, with the lengths before and behind each of its records."""
    fields: list[tuple[Any, ...]] = []
    for name, kind, count in (
        *([("cell", "f8", 6)] if cell else []),
        *((axis, "f4", atoms) for axis in ("x", "y", "z")),
        *([("w", "f4", atoms)] if fourth else []),
    ):
        fields += [(f"{name}<", f"{order}i4"), (name, f"{order}{kind}", (count,)), (f"{name}>", f"{order}i4")]
    return np.dtype(fields)


def _check_marks(path: Path, records: npt.NDArray[Any]) -> None:
    assert records.dtype.names is not None
    for name in records.dtype.names:
        if name[-1] not in "<>":
            continue
        wrong = records[name] != records.dtype[name[:-1]].itemsize
        if wrong.any():
            raise InputError(
                f"{str(path)!r} is damaged: in frame {int(wrong.argmax()) + 1} of {len(records)} the record of "
                f"{name[:-1]} has another length than {records.dtype[name[:-1]].itemsize} bytes"
            )

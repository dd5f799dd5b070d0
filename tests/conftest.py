"""What every test shares: the course's data where the checkout has it, small proteins, and quiet, repeatable torch."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
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


# ── proteins ─────────────────────────────────────────────────────────────────────────────────────────────────────


def dcd_bytes(
    places: npt.NDArray[Any],
    *,
    order: str = "<",
    claimed: int | None = None,
    cell: bool = False,
    fourth: bool = False,
    fixed: int = 0,
    magic: bytes = b"CORD",
) -> bytes:
    """A DCD file of places [T, N, 3], made here by hand, record by record."""

    def record(content: bytes) -> bytes:
        length = struct.pack(f"{order}i", len(content))
        return length + content + length

    numbers = [0] * 20
    numbers[0], numbers[8] = len(places) if claimed is None else claimed, fixed
    numbers[10], numbers[11], numbers[19] = int(cell), int(fourth), 24
    title = b"made by hand".ljust(80)
    parts = [
        record(magic + struct.pack(f"{order}20i", *numbers)),
        record(struct.pack(f"{order}i", 1) + title),
        record(struct.pack(f"{order}i", places.shape[1])),
    ]
    for frame in places:
        if cell:
            parts.append(record(struct.pack(f"{order}6d", 30.0, 0.0, 30.0, 0.0, 0.0, 30.0)))
        parts += [record(struct.pack(f"{order}{len(axis)}f", *axis)) for axis in frame.T]
        if fourth:
            parts.append(record(struct.pack(f"{order}{places.shape[1]}f", *range(places.shape[1]))))
    return b"".join(parts)


def psf_text(names: Sequence[str], *, flags: str = "", extended: bool = False) -> str:
    """A PSF file of atoms, three a residue, in the standard or the extended columns."""
    lines = [f"PSF {flags}".rstrip(), "", "       1 !NTITLE", " REMARKS made by hand", "", f"{len(names):8d} !NATOM"]
    for number, name in enumerate(names):
        residue = str(number // 3 + 1)
        if extended:
            head = f"{number + 1:10d} {'A':<8} {residue:<8} {'GLY':<8} {name:<8} {'CT1':<6}"
        else:
            head = f"{number + 1:8d} {'A':<4} {residue:<4} {'GLY':<4} {name:<4} {'CT1':<4}"
        lines.append(f"{head} {0.07:10.6f}     {12.011:8.4f}  {0:10d}")
    return "\n".join([*lines, "", f"{0:8d} !NBOND: bonds", ""])


@pytest.fixture
def write_dcd() -> Callable[..., bytes]:
    """`dcd_bytes`."""
    return dcd_bytes


@pytest.fixture
def write_psf() -> Callable[..., str]:
    """`psf_text`."""
    return psf_text


def hinge(frames: int, *, residues: int = 24, noise: float = 0.1, seed: int = 0) -> npt.NDArray[np.float64]:
    """Alpha carbons of a helix of which one half swings open: [T, N, 3]."""
    draws = np.random.default_rng(seed)
    turn = np.arange(residues)
    chain = np.stack([2.3 * np.cos(1.745 * turn), 2.3 * np.sin(1.745 * turn), 1.5 * turn], 1)
    half = residues // 2
    found = []
    for angle in np.linspace(0, 1.0, frames):
        swing = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        moved = chain.copy()
        moved[half:] = (chain[half:] - chain[half]) @ swing.T + chain[half]
        found.append(moved + noise * draws.standard_normal(moved.shape))
    return np.stack(found)


@pytest.fixture
def protein(tmp_path: Path) -> dict[str, str]:
    """Three runs of a small protein that swings open, as options of `unrolled train protein`."""
    names = ("N", "CA", "C") * 24
    (tmp_path / "hinge.psf").write_text(psf_text(names), encoding="ascii")
    for number, (frames, noise) in enumerate([(44, 0.2), (46, 0.2), (42, 0.05)]):
        carbons = hinge(frames, noise=noise, seed=number)
        atoms = np.repeat(carbons, 3, axis=1)
        atoms[:, 0::3] -= 1.0
        atoms[:, 2::3] += 1.0
        (tmp_path / f"run{number}.dcd").write_bytes(dcd_bytes(atoms, cell=number == 1))
    return {
        "trajectory": f"{tmp_path / 'run0.dcd'},{tmp_path / 'run1.dcd'}",
        "structure": str(tmp_path / "hinge.psf"),
        "test": str(tmp_path / "run2.dcd"),
    }

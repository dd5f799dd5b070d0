"""The runs of a protein: registered ones or a user's own files, read, checked, and reduced to its alpha carbons."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unrolled.data.adenylate_kinase import adenylate_kinase_files
from unrolled.data.dcd import open_dcd
from unrolled.data.psf import read_psf
from unrolled.errors import InputError

__all__ = ["ProteinFiles", "ProteinRuns", "protein_sha256", "read_protein"]


@dataclass(frozen=True)
class ProteinFiles:
    """A user's own files.

    Attributes:
        trajectories: to learn from (.dcd).
        structure: of their atoms (.psf).
        test: to test on (.dcd), or None.
        test_structure: of its atoms; None: the same.
    """

    trajectories: tuple[str, ...]
    structure: str
    test: str | None = None
    test_structure: str | None = None

    @property
    def every(self) -> tuple[str, ...]:
        """All that are given."""
        return tuple(filter(None, (*self.trajectories, self.structure, self.test, self.test_structure)))


@dataclass(frozen=True, eq=False)
class ProteinRuns:
    """Alpha carbons in every frame of some runs, in angstroms, as the files have them.

    Attributes:
        title: what it is.
        residues: names of the N residues, such as MET.
        training: ``[T, N, 3]`` of each run to learn from.
        names: what those runs are called.
        test: ``[T, N, 3]`` of the run to test on, or None: the end of every run tests.
        test_name: what that is called.
    """

    title: str
    residues: tuple[str, ...]
    training: tuple[Tensor, ...]
    names: tuple[str, ...]
    test: Tensor | None = None
    test_name: str = "the last fifth of every run"


def read_protein(files: ProteinFiles | None = None) -> ProteinRuns:
    """Read the runs.

    Args:
        files: a user's own; None: adenylate kinase, which is fetched once.

    Raises:
        InputError: files that cannot be used, or that do not belong together.
        SourceError, StorageError: adenylate kinase cannot be had.
    """
    title = "adenylate kinase, closed to open" if files is None else Path(files.structure).stem
    if files is None:
        here = {name: str(path) for name, path in adenylate_kinase_files().items()}
        files = ProteinFiles(
            (here["adk_dims.dcd"], here["adk_dims2.dcd"]),
            here["adk.psf"],
            here["adk_gbis_tmd-fast1_NAMD.dcd"],
            here["adk_closed_NAMD.psf"],
        )
    read = [_run(path, files.structure) for path in files.trajectories]
    residues = read[0][1]
    test = None
    if files.test is not None:
        structure = files.test_structure or files.structure
        test, tested = _run(files.test, structure)
        if len(tested) != len(residues):
            raise InputError(
                f"{files.test!r} with {structure!r} has {len(tested)} alpha carbons, and {files.structure!r} has "
                f"{len(residues)}: runs of one protein would do"
            )
    names = tuple(Path(path).stem for path in files.trajectories)
    test_name = ProteinRuns.test_name if files.test is None else Path(files.test).stem
    return ProteinRuns(title, residues, tuple(run for run, _ in read), names, test, test_name)


def _run(path: str, structure_path: str) -> tuple[Tensor, tuple[str, ...]]:
    """The alpha carbons of one run, and the names of their residues."""
    structure, trajectory = read_psf(structure_path), open_dcd(path)
    if trajectory.atoms != len(structure):
        raise InputError(
            f"{path!r} has {trajectory.atoms} atoms in a frame, and {structure_path!r} names {len(structure)}: "
            "a trajectory and its own structure would do"
        )
    atoms = structure.alpha_carbons()
    return torch.from_numpy(trajectory.places(atoms)), tuple(structure.residue_names[atom] for atom in atoms)


def protein_sha256(files: ProteinFiles | None) -> str | None:
    """The hash of a user's files, or None of the registered runs, which never change.

    Raises:
        InputError: a file that cannot be read.
    """
    if files is None:
        return None
    digest = hashlib.sha256()
    for given in files.every:
        try:
            with Path(given).expanduser().open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"{given!r} cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()

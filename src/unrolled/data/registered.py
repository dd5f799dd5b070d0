"""Everything that can be had by name, of whatever kind: what it is, whether it is here, how it is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unrolled.data import adenylate_kinase, sources
from unrolled.data.graph_sources import GRAPHS, GraphSource, is_graph_name, read_graph
from unrolled.data.sensors import SENSORS, SensorSource, sensor_archive, sensors_are_here
from unrolled.errors import SourceError

__all__ = ["Registered", "find_registered", "registered"]


@dataclass(frozen=True)
class Registered:
    """One text, graph, protein or set of readings.

    Attributes:
        name: what to ask for.
        kind: ``text``, ``graph``, ``protein`` or ``sensors``.
        title: what it is.
        licence: under which terms it may be used.
        where: where it comes from.
        download_bytes: what goes over the wire to get it, 0 where it is made on the spot.
        here: where it lies on this machine, or None; of what is made on the spot, always None.
        fetch: the same after fetching it if need be.
        size_bytes: of a text.
        sha256: of a text whose file never changes.
    """

    name: str
    kind: str
    title: str
    licence: str
    where: str
    download_bytes: int
    here: Callable[[], Path | None]
    fetch: Callable[[], Path | None]
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def is_due(self) -> bool:
        """Whether it has to be fetched before it can be used."""
        return self.download_bytes > 0 and self.here() is None


def registered() -> dict[str, Registered]:
    """All of them by name: texts, graphs, the protein, sensors."""
    rows = (
        *map(_text, sources.SOURCES.values()),
        *map(_graph, GRAPHS.values()),
        _protein(),
        *map(_sensors, SENSORS.values()),
    )
    return {row.name: row for row in rows}


def find_registered(name: str) -> Registered | None:
    """The one of that name, a graph's sizes after it or not, or None.

    A name with other sizes than a graph takes is found too: whoever makes the graph refuses it.
    """
    return registered().get(name.partition(":")[0] if is_graph_name(name) else name)


def _text(source: sources.Source) -> Registered:
    return Registered(
        source.name,
        "text",
        source.title,
        source.licence,
        source.where,
        source.download_bytes,
        lambda: sources.cached(source.name),
        lambda: sources.fetch(source.name),
        source.size_bytes,
        source.sha256,
    )


def _graph(source: GraphSource) -> Registered:
    archive = source.archive

    def here() -> Path | None:
        try:
            return None if archive is None else archive()
        except SourceError:
            return None

    def fetched() -> Path | None:
        if archive is not None:
            read_graph(source.name)
        return here()

    return Registered(
        source.name, "graph", source.title, source.licence, source.where, source.download_bytes, here, fetched
    )


def _protein() -> Registered:
    def here() -> Path | None:
        return adenylate_kinase.folder() if adenylate_kinase.adenylate_kinase_is_here() else None

    def fetched() -> Path:
        adenylate_kinase.adenylate_kinase_files()
        return adenylate_kinase.folder()

    return Registered(
        adenylate_kinase.NAME,
        "protein",
        adenylate_kinase.TITLE,
        adenylate_kinase.LICENCE,
        adenylate_kinase.WHERE,
        adenylate_kinase.DOWNLOAD_BYTES,
        here,
        fetched,
    )


def _sensors(source: SensorSource) -> Registered:
    return Registered(
        source.name,
        "sensors",
        source.title,
        source.licence,
        source.where,
        source.download_bytes,
        lambda: sensors_are_here(source.name),
        lambda: sensor_archive(source.name),
    )

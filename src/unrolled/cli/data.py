"""``unrolled data``: the texts, graphs, protein and sensors that can be had by name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from unrolled.spec import RunSpec

__all__ = ["announce", "announce_fetch", "app", "is_offline", "needed"]

app = App(name="data", help_format="plaintext", help_epilogue="")


@app.command(name="list")
def list_sources(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """List the registered texts and graphs: what they are, how big, under which licence, and whether they are here.

    Args:
        as_json: as JSON, for programs.
    """
    rows = [*_texts(), *_graphs(), *_proteins(), *_sensors()]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        size = f", {_size(row['size_bytes'])}" if "size_bytes" in row else ""
        print(f"{row['name']:<{width}}  {row['title']}{size}")
        print(f"{'':<{width}}  {row['licence']}")
        print(f"{'':<{width}}  {_whereabouts(row)}")


def _texts() -> list[dict[str, Any]]:
    from unrolled.data.sources import SOURCES, cached

    return [
        {
            "name": source.name,
            "kind": "text",
            "title": source.title,
            "size_bytes": source.size_bytes,
            "download_bytes": source.download_bytes,
            "licence": source.licence,
            "where": source.where,
            "sha256": source.sha256,
            "path": str(cached(source.name) or "") or None,
        }
        for source in SOURCES.values()
    ]


def _graphs() -> list[dict[str, Any]]:
    from unrolled.data import GRAPHS, graph_is_here

    return [
        {
            "name": source.name,
            "kind": "graph",
            "title": source.title,
            "download_bytes": source.download_bytes,
            "licence": source.licence,
            "where": source.where,
            "path": str(source.archive()) if source.archive is not None and graph_is_here(source.name) else None,
        }
        for source in GRAPHS.values()
    ]


def _proteins() -> list[dict[str, Any]]:
    from unrolled.data import adenylate_kinase

    here = adenylate_kinase.adenylate_kinase_is_here()
    return [
        {
            "name": adenylate_kinase.NAME,
            "kind": "protein",
            "title": adenylate_kinase.TITLE,
            "download_bytes": adenylate_kinase.DOWNLOAD_BYTES,
            "licence": adenylate_kinase.LICENCE,
            "where": adenylate_kinase.WHERE,
            "path": str(adenylate_kinase.folder()) if here else None,
        }
    ]


def _sensors() -> list[dict[str, Any]]:
    from unrolled.data import SENSORS, sensors_are_here

    return [
        {
            "name": source.name,
            "kind": "sensors",
            "title": source.title,
            "download_bytes": source.download_bytes,
            "licence": source.licence,
            "where": source.where,
            "path": str(sensors_are_here(source.name) or "") or None,
        }
        for source in SENSORS.values()
    ]


def _whereabouts(row: dict[str, Any]) -> str:
    if row["path"] is not None:
        return f"here: {row['path']}"
    if row["download_bytes"] == 0:
        return f"made on the spot: unrolled graph {row['name']}"
    return f"{_size(row['download_bytes'])} to fetch: unrolled data fetch {row['name']}"


@app.command
def fetch(*names: str) -> None:
    """Fetch registered texts and graphs into the cache, verify them, and print where they lie.

    Args:
        names: which ones (default: grimm).
    """
    from unrolled.data import GRAPHS, SENSORS, adenylate_kinase, is_graph_name, read_graph, sensor_archive, sources
    from unrolled.errors import UnknownName

    for name in names or ("grimm",):
        if name not in {*sources.SOURCES, *SENSORS, adenylate_kinase.NAME} and not is_graph_name(name):
            raise UnknownName("source", name, [*sources.SOURCES, *GRAPHS, adenylate_kinase.NAME, *SENSORS])
    for name in names or ("grimm",):
        announce(name)
        if name == adenylate_kinase.NAME:
            adenylate_kinase.adenylate_kinase_files()
            print(adenylate_kinase.folder())
            continue
        if name in SENSORS:
            print(sensor_archive(name))
            continue
        if not is_graph_name(name):
            print(sources.fetch(name))
            continue
        source = GRAPHS[name.partition(":")[0]]
        if source.archive is None:
            print(f"{name} is made on the spot: nothing to fetch")
            continue
        read_graph(name)
        print(source.archive())


def announce(name: str) -> None:
    """Say on stderr that something registered is about to be fetched, if it is not in the cache."""
    from unrolled.data import GRAPHS, SENSORS, adenylate_kinase, graph_is_here, is_graph_name, sensors_are_here
    from unrolled.data.sources import SOURCES, cached

    if is_offline():
        return
    if name in SOURCES and cached(name) is None:
        source: Any = SOURCES[name]
    elif is_graph_name(name) and not graph_is_here(name):
        source = GRAPHS[name.partition(":")[0]]
    elif name in SENSORS and sensors_are_here(name) is None:
        source = SENSORS[name]
    elif name == adenylate_kinase.NAME and not adenylate_kinase.adenylate_kinase_is_here():
        size, where = _size(adenylate_kinase.DOWNLOAD_BYTES), adenylate_kinase.WHERE
        print(f"fetching {name} ({size}, once): {where}", file=sys.stderr)
        return
    else:
        return
    print(f"fetching {name} ({_size(source.download_bytes)}, once): {source.where}", file=sys.stderr)


def announce_fetch(spec: RunSpec) -> None:
    """`announce` the text or graph that a spec needs; say of a large file that it is about to be encoded."""
    from unrolled.data.pieces import BOOK_BYTES
    from unrolled.spec import TextSpec

    name = needed(spec)
    if name is not None:
        announce(name)
    if not isinstance(spec.task, TextSpec):
        return
    path = Path(spec.task.source).expanduser()
    if spec.task.text_sha256 is None and path.is_file() and path.stat().st_size > BOOK_BYTES:
        print(f"encoding {path} ({_size(path.stat().st_size)}) into the cache, once", file=sys.stderr)


def needed(spec: RunSpec) -> str | None:
    """The text, graph, protein or readings that a spec needs, or None where its task is drawn."""
    from unrolled.data import adenylate_kinase
    from unrolled.spec import NodesSpec, ProteinSpec, SensorsSpec, TextSpec

    if isinstance(spec.task, TextSpec):
        return spec.task.source
    if isinstance(spec.task, SensorsSpec):
        return spec.task.readings
    if isinstance(spec.task, ProteinSpec):
        return adenylate_kinase.NAME if spec.task.trajectory is None else None
    return spec.task.graph if isinstance(spec.task, NodesSpec) else None


def is_offline() -> bool:
    """Whether UNROLLED_OFFLINE forbids to fetch."""
    return os.environ.get("UNROLLED_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"

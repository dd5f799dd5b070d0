"""``unrolled data``: the texts, graphs, protein and sensors that can be had by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from unrolled.data.registered import Registered
    from unrolled.spec import RunSpec

__all__ = ["announce", "announce_fetch", "app", "needed"]

app = App(name="data", help_format="plaintext", help_epilogue="")


@app.command(name="list")
def list_sources(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """List the registered texts and graphs: what they are, how big, under which licence, and whether they are here.

    Args:
        as_json: as JSON, for programs.
    """
    from unrolled.data.registered import registered

    rows = registered().values()
    if as_json:
        print(json.dumps([_row(source) for source in rows], indent=1))
        return
    width = max(len(source.name) for source in rows)
    for source in rows:
        size = "" if source.size_bytes is None else f", {_size(source.size_bytes)}"
        print(f"{source.name:<{width}}  {source.title}{size}")
        print(f"{'':<{width}}  {source.licence}")
        print(f"{'':<{width}}  {_whereabouts(source)}")


def _row(source: Registered) -> dict[str, Any]:
    row: dict[str, Any] = {"name": source.name, "kind": source.kind, "title": source.title}
    if source.size_bytes is not None:
        row |= {"size_bytes": source.size_bytes, "sha256": source.sha256}
    row |= {"download_bytes": source.download_bytes, "licence": source.licence, "where": source.where}
    here = source.here()
    return row | {"path": None if here is None else str(here)}


def _whereabouts(source: Registered) -> str:
    if source.download_bytes == 0:
        return f"made on the spot: unrolled graph {source.name}"
    here = source.here()
    if here is not None:
        return f"here: {here}"
    return f"{_size(source.download_bytes)} to fetch: unrolled data fetch {source.name}"


@app.command
def fetch(*names: str) -> None:
    """Fetch registered texts, graphs, the protein or sensors into the cache, verify them, print where they lie.

    Args:
        names: which ones (default: grimm).
    """
    from unrolled.data.registered import find_registered, registered
    from unrolled.errors import UnknownName

    found = {name: find_registered(name) for name in names or ("grimm",)}
    for name, source in found.items():
        if source is None:
            raise UnknownName("source", name, registered())
    for name, source in found.items():
        assert source is not None
        announce(name)
        path = source.fetch()
        print(f"{name} is made on the spot: nothing to fetch" if path is None else path)


def announce(name: str) -> None:
    """Say on stderr that something registered is about to be fetched, if it is not in the cache."""
    from unrolled.data.cache import is_offline
    from unrolled.data.registered import find_registered

    source = None if is_offline() else find_registered(name)
    if source is not None and source.is_due:
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


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"

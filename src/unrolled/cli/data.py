"""``unrolled data``: the texts that can be had by name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from unrolled.spec import RunSpec

__all__ = ["announce", "announce_fetch", "app", "is_offline"]

app = App(name="data", help_format="plaintext", help_epilogue="")


@app.command(name="list")
def list_sources(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """List the registered texts: what they are, how big, under which licence, and whether they are here.

    Args:
        as_json: as JSON, for programs.
    """
    from unrolled.data.sources import SOURCES, cached

    rows = [
        {
            "name": source.name,
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
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    width = max(len(source.name) for source in SOURCES.values())
    for source in SOURCES.values():
        path = cached(source.name)
        here = (
            f"here: {path}" if path else f"{_size(source.download_bytes)} to fetch: unrolled data fetch {source.name}"
        )
        print(f"{source.name:<{width}}  {source.title}, {_size(source.size_bytes)}")
        print(f"{'':<{width}}  {source.licence}")
        print(f"{'':<{width}}  {here}")


@app.command
def fetch(*names: str) -> None:
    """Fetch registered texts into the cache, verify them, and print where they lie.

    Args:
        names: which ones (default: grimm).
    """
    from unrolled.data import sources

    for name in names or ("grimm",):
        announce(name)
        print(sources.fetch(name))


def announce(name: str) -> None:
    """Say on stderr that a registered text is about to be fetched, if it is not in the cache."""
    from unrolled.data.sources import SOURCES, cached

    if name in SOURCES and cached(name) is None and not is_offline():
        megabytes = _size(SOURCES[name].download_bytes)
        print(f"fetching {name} ({megabytes}, once): {SOURCES[name].where}", file=sys.stderr)


def announce_fetch(spec: RunSpec) -> None:
    """`announce` the text that a spec needs; say of a large file that it is about to be encoded."""
    from unrolled.data.pieces import BOOK_BYTES
    from unrolled.spec import TextSpec

    if not isinstance(spec.task, TextSpec):
        return
    announce(spec.task.source)
    path = Path(spec.task.source).expanduser()
    if spec.task.text_sha256 is None and path.is_file() and path.stat().st_size > BOOK_BYTES:
        print(f"encoding {path} ({_size(path.stat().st_size)}) into the cache, once", file=sys.stderr)


def is_offline() -> bool:
    """Whether UNROLLED_OFFLINE forbids to fetch."""
    return os.environ.get("UNROLLED_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"

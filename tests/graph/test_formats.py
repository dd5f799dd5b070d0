"""Graphs from and to other people's: nothing is lost on the way, nothing is guessed."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from unrolled.errors import InputError, ShapeError, StorageError, UnknownName
from unrolled.graph import Graph


def test_text():
    graph = Graph.from_text("A-B, A<-C:2.5; 10 9\nA->A # a remark\nB-A")
    assert graph.names == ("9", "10", "A", "B", "C")
    assert graph.edge_index.tolist() == [[2, 4, 2, 3, 3, 2], [3, 2, 2, 2, 2, 3]]
    assert graph.edge_weight.tolist() == [1, 2.5, 1, 1, 1, 1]
    assert Graph.from_text("").num_nodes == 0
    assert Graph.from_text("A-A").num_edges == 1
    assert Graph.from_text("A-B").edge_weight is None
    for word, says in [
        ("A--B", "'A--B' is no edge; A-B"),
        ("A-B:x", "the weight 'x' is no number"),
        ("A-B:nan", "weight of edge 0 is nan"),
    ]:
        with pytest.raises(InputError, match=says):
            Graph.from_text(word)


def test_text_there_and_back():
    graph = Graph.from_text("A-B:0.1 A->A:3 D B->A:1e-7 C->A:2.5")
    assert Graph.from_text(graph.to_text()) == graph
    assert Graph.from_edge_index([[0, 1], [1, 0]], num_nodes=3).to_text() == "0->1 1->0 2"
    assert Graph.from_text(Graph.from_text("").to_text()).num_nodes == 0
    with pytest.raises(InputError, match="node 'a b': names in a text"):
        Graph.from_edge_index([[0], [0]], names=("a b",)).to_text()


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
@pytest.mark.parametrize("rows", ["senders", "receivers"])
def test_torch_sparse_there_and_back(layout, rows):
    graph = Graph.from_edge_index([[0, 1, 2], [1, 2, 2]], [1.5, 2.0, 3.0], 4)
    matrix = graph.to_torch_sparse(rows=rows, layout=layout)
    dense = graph.operator().to_dense()
    assert torch.equal(matrix.to_dense(), dense if rows == "receivers" else dense.T)
    again = Graph.from_torch_sparse(matrix, rows=rows)
    assert torch.equal(again.operator().to_dense(), dense)
    assert Graph.from_torch_sparse(torch.eye(3).to_sparse()).edge_weight is None


def test_matrices_that_are_no_graph():
    with pytest.raises(InputError, match=r"matrix.to_sparse\(\) would do"):
        Graph.from_torch_sparse(torch.eye(2))
    with pytest.raises(ShapeError, match=r"adjacency matrix of shape \(2, 3\)"):
        Graph.from_torch_sparse(torch.ones(2, 3).to_sparse())
    with pytest.raises(UnknownName, match="no reading of rows 'row'"):
        Graph.from_torch_sparse(torch.eye(2).to_sparse(), rows="row")
    with pytest.raises(UnknownName, match="no layout 'bsr'"):
        Graph.from_text("A-B").to_torch_sparse(layout="bsr")


def test_scipy_there_and_back():
    sparse = pytest.importorskip("scipy.sparse")
    graph = Graph.from_edge_index([[0, 0, 2], [1, 1, 2]], torch.tensor([1.5, 2.0, 3.0], dtype=torch.float64), 4)
    matrix = graph.to_scipy()
    assert matrix.toarray().tolist() == graph.operator().to_dense().T.tolist()
    again = Graph.from_scipy(matrix)
    assert again.num_edges == 3
    assert torch.equal(again.operator().to_dense(), graph.operator().to_dense())
    for form in ("csr", "csc", "coo", "lil", "dok"):
        assert Graph.from_scipy(sparse.eye(3, format=form)).edge_index.tolist() == [[0, 1, 2], [0, 1, 2]]
    with pytest.raises(InputError, match="a list is no scipy sparse matrix"):
        Graph.from_scipy([[1]])


def test_networkx_names_attributes_and_back():
    networkx = pytest.importorskip("networkx")
    made = networkx.Graph()
    made.add_node("Zoë", age=3, kind="x")
    made.add_node(7, age=4)
    made.add_edge("Zoë", 7, weight=2, since="May", place=[1.0, 2.0])
    made.add_edge(7, 7, weight=1, since="June", place=[3.0, 4.0])
    graph = Graph.from_networkx(made)
    assert graph.names == ("Zoë", 7)
    assert graph.edge_index.tolist() == [[0, 1, 1], [1, 1, 0]]
    assert graph.edge_weight.tolist() == [2, 1, 2]
    assert graph.node_columns["age"].tolist() == [3, 4]
    assert graph.node_columns["kind"] == ("x", None)
    assert graph.edge_columns["since"] == ("May", "June", "May")
    assert graph.edge_columns["place"].tolist() == [[1, 2], [3, 4], [1, 2]]
    back = graph.to_networkx()
    assert set(back.nodes) == {"Zoë", 7}
    assert back.edges["Zoë", 7]["since"] == "May"
    assert back.nodes["Zoë"]["age"] == 3
    assert Graph.from_networkx(back) == Graph.from_networkx(Graph.from_networkx(back).to_networkx())

    directed = networkx.MultiDiGraph([(1, 2), (1, 2), (3, 1)])
    several = Graph.from_networkx(directed)
    assert several.names == (1, 2, 3)
    assert several.edge_index.tolist() == [[0, 0, 2], [1, 1, 0]]
    assert isinstance(several.to_networkx(), networkx.MultiDiGraph)
    assert Graph.from_networkx(networkx.empty_graph(3)).num_nodes == 3
    with pytest.raises(InputError, match="a int is no networkx graph"):
        Graph.from_networkx(3)
    partly = networkx.Graph([(1, 2)])
    partly.add_edge(2, 3, weight=1.0)
    with pytest.raises(InputError, match="not a number on every edge"):
        Graph.from_networkx(partly)
    assert Graph.from_networkx(partly, weight=None).edge_columns["weight"] == (None, 1.0, None, 1.0)


def test_networkx_is_read_fast():
    networkx = pytest.importorskip("networkx")
    made = networkx.gnm_random_graph(5000, 50_000, seed=0)
    began = time.process_time()
    assert Graph.from_networkx(made).num_edges == 100_000
    assert time.process_time() - began < 2.0


def test_anything_that_looks_like_pyg():
    masks = {f"{name}_mask": torch.tensor([True, False, False]) for name in ("train", "val", "test")}
    data = SimpleNamespace(
        edge_index=torch.tensor([[0, 1], [1, 2]]),
        x=torch.ones(3, 2),
        y=torch.tensor([0, 1, 2]),
        edge_attr=torch.ones(2, 1),
        batch=torch.tensor([0, 0, 1]),
        num_graphs=2,
        **masks,
    )
    graph = Graph.from_pyg(data)
    assert graph.num_nodes == 3
    assert set(graph.masks) == {"train", "validation", "test"}
    assert (graph.num_graphs, graph.membership.tolist()) == (2, [0, 0, 1])
    assert Graph.from_pyg(SimpleNamespace(edge_index=torch.tensor([[0], [4]]))).num_nodes == 5
    with pytest.raises(InputError, match="without edge_index"):
        Graph.from_pyg(SimpleNamespace())


def test_pyg_there_and_back():
    data = pytest.importorskip("torch_geometric.data")
    made = data.Data(edge_index=torch.tensor([[0, 1], [1, 2]]), x=torch.ones(4, 2), y=torch.tensor([0, 1, 2, 0]))
    graph = Graph.from_pyg(made)
    assert graph.num_nodes == 4
    again = Graph.from_pyg(graph.to_pyg())
    assert again == graph
    several = Graph.from_pyg(data.Batch.from_data_list([made, made]))
    assert (several.num_graphs, several.num_nodes) == (2, 8)


def test_csv(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("source;target;w;since\nB;A;1.5;2001\nA;C;2;2002\nC;C;1;2003\n")
    graph = Graph.from_csv(path, weight="w")
    assert graph.names == ("A", "B", "C")
    assert graph.edge_index.tolist() == [[1, 0, 2], [0, 2, 2]]
    assert graph.edge_weight.tolist() == [1.5, 2, 1]
    assert graph.edge_columns["since"].tolist() == [2001, 2002, 2003]
    both = Graph.from_csv(path, weight="w", directed=False)
    assert both.edge_index.tolist() == [[1, 0, 2, 0, 2], [0, 2, 2, 1, 0]]
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("source,target\n3,1\n0,3\n")
    assert Graph.from_csv(numbers).names == (0, 1, 3)
    assert Graph.from_csv(numbers, num_nodes=5).edge_index.tolist() == [[3, 0], [1, 3]]
    for text, says in [("", "is empty"), ("source,target\n1\n", "line 2 has 1 fields, the header 2")]:
        path.write_text(text)
        with pytest.raises(InputError, match=says):
            Graph.from_csv(path)
    with pytest.raises(UnknownName, match="no column 'from'"):
        Graph.from_csv(numbers, sender="from")
    with pytest.raises(InputError, match="no edge list can be read"):
        Graph.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("3,1\n 0,-3 \n", (-3, 0, 1, 3)),
        ("007,7\n07,8\n", ("007", "07", "7", "8")),
        ("007,x\n8,007\n", ("007", "8", "x")),
        ("1,1\n2.5,x\n", ("1", "2.5", "x")),
        ("1e5,100000\n1_0,10\n", ("10", "100000", "1_0", "1e5")),
        ("nan,inf\nNaN,infinity\n", ("NaN", "inf", "infinity", "nan")),
        ("+1,1\n-0,0\n", ("+1", "-0", "0", "1")),
        (
            "12345678901234567890,12345678901234567891\n12345678901234567890,12345678901234567892\n",
            ("12345678901234567890", "12345678901234567891", "12345678901234567892"),
        ),
    ],
)
def test_nodes_in_a_csv_are_called_what_is_written(lines, names, tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("source,target\n" + lines)
    graph = Graph.from_csv(path)
    assert graph.names == names
    rows = [[word.strip() for word in line.split(",")] for line in lines.splitlines()]
    assert [[str(names[node]) for node in edge] for edge in graph.edge_index.T.tolist()] == rows


def test_nodes_in_a_csv_by_number(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("source,target\n007,1\n")
    assert Graph.from_csv(path, num_nodes=9).edge_index.tolist() == [[7], [1]]
    path.write_text("source,target\n1,x\n")
    with pytest.raises(InputError, match="nodes are their numbers, 0…8, where num_nodes is given"):
        Graph.from_csv(path, num_nodes=9)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"source": ["x", "y"], "target": ["y", "z"], "weight": [1, 2]})
    graph = Graph.from_pandas(frame, weight="weight")
    assert graph.names == ("x", "y", "z")
    assert graph.edge_weight.tolist() == [1, 2]


def test_tables_there_and_back(tmp_path):
    graph = Graph.from_edge_index(
        [[0, 2, 2, 1], [1, 2, 0, 1]], [0.5, 2.0, 1.0, 3.0], names=("a", "b,c", "d"), edge_columns={"year": (1, 2, 3, 4)}
    )
    path = tmp_path / "edges.csv"
    graph.to_csv(path)
    again = Graph.from_csv(path, weight="weight")
    assert again.to_edge_index()[0].equal(graph.edge_index)
    assert again.names == graph.names
    assert again.edge_weight.equal(graph.edge_weight)
    assert again.edge_columns["year"].tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="called 'year' already"):
        graph.to_csv(path, weight="year")
    with pytest.raises(StorageError, match="no edge list can be written"):
        graph.to_csv(tmp_path / "no folder" / "edges.csv")
    pytest.importorskip("pandas")
    assert Graph.from_pandas(graph.to_pandas(), weight="weight").edge_weight.equal(graph.edge_weight)
    assert list(Graph.from_edge_index([[0], [1]]).to_pandas("from", "to")) == ["from", "to"]


def test_importing_the_graph_imports_none_of_them():
    others = ("networkx", "scipy", "pandas", "torch_geometric")
    code = f"import sys, unrolled.graph; print([m for m in {others} if m in sys.modules])"
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert bare.stdout.strip() == "[]"

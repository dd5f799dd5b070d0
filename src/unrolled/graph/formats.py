"""Sparse matrices of torch and scipy, read and written as graphs.

An adjacency matrix has two readings.  ``rows="senders"``: A[i,j] is the edge i→j, as networkx, scipy and
PyG's converters have it.  ``rows="receivers"``: A[i,j] is the edge j→i, so that ``A @ x`` passes messages
along the edges, as PyG's layers have it (``adj_t``).  For an undirected graph they are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError, UnknownName

if TYPE_CHECKING:
    from unrolled.graph.value import Graph

__all__ = ["read_scipy", "read_torch", "write_scipy", "write_torch"]

_READINGS = ("senders", "receivers")
_LAYOUTS = ("coo", "csr", "csc")


def _fields(row: Tensor, column: Tensor, values: Tensor, shape: tuple[int, ...], rows: str) -> dict[str, Any]:
    if rows not in _READINGS:
        raise UnknownName("reading of rows", rows, _READINGS)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"an adjacency matrix of shape {tuple(shape)}; it has as many rows as columns, [N, N]")
    senders, receivers = (row, column) if rows == "senders" else (column, row)
    if not values.is_floating_point():
        values = values.to(torch.get_default_dtype())
    weight = None if bool((values == 1).all()) and not values.requires_grad else values
    return {"senders": senders, "receivers": receivers, "num_nodes": shape[0], "edge_weight": weight}


def read_torch(matrix: Tensor, *, rows: str) -> dict[str, Any]:
    """A graph's fields from a sparse torch matrix; values that are all one become no weights.

    Entries of a COO matrix that is not coalesced stay several edges; explicit zeros stay edges of weight 0.

    Raises:
        InputError: the tensor is dense.
        ShapeError: it is not square.
    """
    if matrix.layout == torch.strided:
        raise InputError("a dense tensor is no sparse matrix; matrix.to_sparse() would do, or an edge_index [2, E]")
    if matrix.layout != torch.sparse_coo:
        matrix = matrix.to_sparse(layout=torch.sparse_coo)
    row, column = matrix._indices()
    return _fields(row.contiguous(), column.contiguous(), matrix._values(), tuple(matrix.shape), rows)


def read_scipy(matrix: Any, *, rows: str) -> dict[str, Any]:
    """A graph's fields from a scipy sparse matrix or array; values that are all one become no weights.

    Raises:
        InputError: it is no sparse matrix.
        ShapeError: it is not square.
    """
    if not hasattr(matrix, "tocoo"):
        raise InputError(f"a {type(matrix).__name__} is no scipy sparse matrix; it has no tocoo()")
    coo = matrix.tocoo()
    row, column = torch.as_tensor(coo.row).long(), torch.as_tensor(coo.col).long()
    return _fields(row, column, torch.as_tensor(coo.data), tuple(coo.shape), rows)


def _ends(graph: Graph, rows: str) -> tuple[Tensor, Tensor]:
    if rows not in _READINGS:
        raise UnknownName("reading of rows", rows, _READINGS)
    return (graph.senders, graph.receivers) if rows == "senders" else (graph.receivers, graph.senders)


def write_torch(graph: Graph, *, rows: str, layout: str) -> Tensor:
    """A sparse torch matrix; several edges between the same nodes are added.

    Raises:
        UnknownName: no such layout or reading.
    """
    if layout not in _LAYOUTS:
        raise UnknownName("layout", layout, _LAYOUTS)
    index = torch.stack(_ends(graph, rows))
    size = (graph.num_nodes, graph.num_nodes)
    matrix = torch.sparse_coo_tensor(index, graph.weights(), size, check_invariants=False).coalesce()
    if layout == "coo":
        return matrix
    return matrix.to_sparse(layout=torch.sparse_csr if layout == "csr" else torch.sparse_csc)


def write_scipy(graph: Graph, *, rows: str) -> Any:
    """A scipy CSR array; several edges between the same nodes stay several entries."""
    from scipy import sparse

    row, column = _ends(graph, rows)
    order = torch.argsort(row, stable=True)
    pointer = torch.zeros(graph.num_nodes + 1, dtype=torch.long)
    pointer[1:] = torch.bincount(row, minlength=graph.num_nodes).cumsum(0)
    arrays = tuple(each.detach().cpu().numpy() for each in (graph.weights()[order], column[order], pointer))
    return sparse.csr_array(arrays, shape=(graph.num_nodes, graph.num_nodes))

"""What a graph may not be; each error names the first edge, node or shape that is wrong and what would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError

if TYPE_CHECKING:
    from unrolled.graph.value import Graph

__all__ = ["check_carried", "check_nodes", "check_weights", "node_numbers"]


def node_numbers(value: Any, what: str) -> Tensor:
    """``value`` as int64 node numbers.

    Raises:
        InputError: it holds other things than whole numbers.
    """
    try:
        numbers = torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    except (TypeError, ValueError, RuntimeError):
        given = type(value).__name__
        raise InputError(f"{what} is a {given}; whole numbers in a tensor, an array or lists would do") from None
    if numbers.numel() == 0 and not isinstance(value, Tensor):
        return numbers.long()
    if numbers.dtype in (torch.bool,) or numbers.is_floating_point() or numbers.is_complex():
        kind = str(numbers.dtype).removeprefix("torch.")
        raise InputError(f"{what} has dtype {kind}; node numbers are integers (int64)")
    return numbers.long()


def check_nodes(senders: Tensor, receivers: Tensor, num_nodes: int) -> None:
    """Every end of every edge is a node.

    Raises:
        InputError: a number below 0 or from num_nodes on.
        ShapeError: the two differ in length, or are no vectors.
    """
    if senders.dim() != 1 or senders.shape != receivers.shape:
        raise ShapeError(f"senders {tuple(senders.shape)} and receivers {tuple(receivers.shape)}; both are [E]")
    if isinstance(num_nodes, bool | float | str):
        raise InputError(f"num_nodes={num_nodes!r}; a whole number would do")
    if num_nodes < 0:
        raise InputError(f"a graph of {num_nodes} nodes; the number of nodes is 0 or more")
    if senders.numel() == 0:
        return
    for ends in (senders, receivers):
        low, high = (int(end) for end in torch.aminmax(ends))
        if low < 0 or high >= num_nodes:
            edge = int(((ends < 0) | (ends >= num_nodes)).nonzero()[0])
            nodes = f"are numbered 0…{num_nodes - 1}" if num_nodes else "do not exist: the graph has none"
            raise InputError(f"edge {edge} is {int(senders[edge])}→{int(receivers[edge])}, but nodes {nodes}")


def check_weights(weights: Tensor, edges: int) -> None:
    """One finite number an edge.

    Raises:
        ShapeError: not ``[E]``.
        InputError: not floating point, NaN or infinite.
    """
    if tuple(weights.shape) != (edges,):
        raise ShapeError(f"edge weights {tuple(weights.shape)} for {edges} edges; one a edge, [{edges}], would do")
    if not weights.is_floating_point():
        kind = str(weights.dtype).removeprefix("torch.")
        raise InputError(f"edge weights have dtype {kind}; a floating point dtype such as float32 would do")
    finite = torch.isfinite(weights.detach())
    if not bool(finite.all()):
        edge = int((~finite).nonzero()[0])
        raise InputError(f"the weight of edge {edge} is {float(weights[edge])}; weights are finite numbers")


def check_carried(graph: Graph) -> None:
    """What nodes and edges carry has one row for each of them.

    Raises:
        ShapeError: something of another length.
        InputError: weights that are not finite floats.
    """
    if graph.edge_weight is not None:
        check_weights(graph.edge_weight, graph.num_edges)
    if graph.drawn is not None:
        graph.drawn.check(graph.num_nodes, graph.num_edges)
    nodes: dict[str, Any] = {
        "node_features": graph.node_features,
        "labels": graph.labels,
        "names": graph.names,
    }
    nodes |= {"membership": graph.membership}
    nodes |= {f"mask {name!r}": mask for name, mask in graph.masks.items()}
    nodes |= {f"node column {name!r}": column for name, column in graph.node_columns.items()}
    edges: dict[str, Any] = {"edge_features": graph.edge_features}
    edges |= {f"edge column {name!r}": column for name, column in graph.edge_columns.items()}
    for carried, count, of in ((nodes, graph.num_nodes, "nodes"), (edges, graph.num_edges, "edges")):
        for what, value in carried.items():
            if value is not None:
                _check_length(value, count, what, of)


def _check_length(value: Any, length: int, what: str, of: str) -> None:
    if isinstance(value, Tensor):
        if value.dim() == 0 or value.shape[0] != length:
            raise ShapeError(f"{what} {tuple(value.shape)} for {length} {of}; the first axis must be {length}")
    elif len(value) != length:
        raise ShapeError(f"{what} has {len(value)} entries for {length} {of}; it must have {length}")

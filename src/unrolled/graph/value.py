"""`Graph`: who sends to whom and what nodes and edges carry, one frozen value that caches its matrices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError, UnknownName
from unrolled.graph import changes, formats, geometric, networkx, tables, text
from unrolled.graph.checks import check_carried, check_nodes, node_numbers
from unrolled.graph.drawn import Drawn
from unrolled.graph.operators import each_greatest, laplacian, normalised, scaled
from unrolled.graph.structure import Structure
from unrolled.kernels.modes import is_differentiated, lasting
from unrolled.kernels.sparse import Operator, block_diagonal

__all__ = ["Graph"]

Column = Tensor | tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """``senders[e] → receivers[e]`` for E edges between N nodes, numbered from 0.

    Everything is kept as given: directions, several edges between the same nodes, self loops, nodes without
    edges. An undirected edge is two directed ones.  Tensors are not copied: who changes them afterwards
    changes a frozen value.  Matrices (`operator`), their transposes and degrees are computed once and kept.

    Args:
        senders: ``[E]``, where each edge starts.
        receivers: ``[E]``, where it ends.
        num_nodes: N, nodes without edges among them.
        edge_weight: ``[E]`` finite floats, or None for one each.
        edge_features: ``[E, …]``.
        node_features: ``[N, …]``.
        labels: ``[N, …]``.
        masks: named ``[N]`` booleans, such as ``train``, ``validation`` and ``test``.
        names: what each node was called where it came from.
        node_columns: other things known of each node, by name: ``[N, …]`` tensors or tuples of N.
        edge_columns: the same of each edge.
        membership: ``[N]``, which graph of a batch each node is in, or None for one graph.
        num_graphs: how many graphs a batch holds.
        drawn: of a sample, what is known of the great graph: normalisations then estimate those of that graph.

    Attributes:
        parts: the graphs that `batch` put side by side, whose matrices are this one's blocks; else none.

    Raises:
        InputError: a node number out of range, negative or not whole; a weight that is not finite.
        ShapeError: something of the wrong length.
    """

    senders: Tensor
    receivers: Tensor
    num_nodes: int
    edge_weight: Tensor | None = None
    edge_features: Tensor | None = None
    node_features: Tensor | None = None
    labels: Tensor | None = None
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    names: tuple[Hashable, ...] | None = None
    node_columns: Mapping[str, Column] = field(default_factory=dict)
    edge_columns: Mapping[str, Column] = field(default_factory=dict)
    membership: Tensor | None = None
    num_graphs: int = 1
    drawn: Drawn | None = None
    structure: Structure = field(default=cast(Structure, None), repr=False)
    _operators: dict[tuple[object, ...], Operator] = field(default_factory=dict, init=False, repr=False)
    parts: tuple[Graph, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "senders", node_numbers(self.senders, "senders"))
        object.__setattr__(self, "receivers", node_numbers(self.receivers, "receivers"))
        known = self.structure
        same_ends = known is not None and known.senders is self.senders and known.receivers is self.receivers
        if not same_ends or (known.looped is None) != (self.drawn is None):
            check_nodes(self.senders, self.receivers, self.num_nodes)
            looped = None if self.drawn is None else self.drawn.looped
            object.__setattr__(
                self, "structure", Structure(self.senders, self.receivers, self.num_nodes, looped=looped)
            )
        check_carried(self)

    # ── what it is ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def num_edges(self) -> int:
        """E, directed edges."""
        return self.senders.numel()

    @property
    def edge_index(self) -> Tensor:
        """``[2, E]``, PyG's form: row 0 sends, row 1 receives."""
        return torch.stack([self.senders, self.receivers])

    @property
    def device(self) -> torch.device:
        """Where the edges are."""
        return self.senders.device

    @property
    def in_degree(self) -> Tensor:
        """``[N]`` int64: edges that end at each node."""
        return self.structure.in_degree

    @property
    def out_degree(self) -> Tensor:
        """``[N]`` int64: edges that start at each node."""
        return self.structure.out_degree

    def node(self, name: Hashable) -> int:
        """The number of the node called ``name``; without names, the number itself.

        Raises:
            UnknownName: no node is called that.
        """
        if self.names is None:
            if isinstance(name, int) and 0 <= name < self.num_nodes:
                return name
            raise InputError(f"no node {name!r}: nodes are numbered 0…{self.num_nodes - 1} and have no names")
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownName("node", name, [str(each) for each in self.names[:20]]) from None

    def weights(self, dtype: torch.dtype | None = None) -> Tensor:
        """``[E]``: the edge weights, or ones."""
        if self.edge_weight is None:
            return torch.ones(self.num_edges, dtype=dtype or torch.get_default_dtype(), device=self.device)
        return self.edge_weight.to(dtype or self.edge_weight.dtype)

    # ── its matrices ──────────────────────────────────────────────────────────────────────────────────────

    def operator(
        self,
        normalisation: str = "none",
        *,
        self_loops: str = "keep",
        fill: float = 1.0,
        dtype: torch.dtype | None = None,
    ) -> Operator:
        """The adjacency matrix ``A[receiver, sender]``, normalised: ``graph.operator("symmetric") @ x``.

        Of a sample, ``none`` is the edges as they were drawn, and the normalised matrices are what its edges say of
        the great graph's (`unrolled.graph.drawn`).

        It is made once for each set of arguments, and anew each time where the edge weights are being learnt.

        Args:
            normalisation: ``none``, ``random-walk`` or ``symmetric``.
            self_loops: ``keep``, ``add``, ``remaining``, ``remove`` or ``replace``.
            fill: the weight of a loop that is added.
            dtype: of the values; the weights' own by default.

        Raises:
            UnknownName: no such normalisation or self-loop way.
        """
        dtype = dtype or (torch.get_default_dtype() if self.edge_weight is None else self.edge_weight.dtype)
        key = (normalisation, self_loops, fill, dtype)
        return self._made(key, lambda: self._operator(*key))

    def _operator(self, normalisation: str, self_loops: str, fill: float, dtype: torch.dtype) -> Operator:
        if self.parts:
            blocks = [g.operator(normalisation, self_loops=self_loops, fill=fill, dtype=dtype) for g in self.parts]
            return block_diagonal(blocks)
        graph = self.with_self_loops(self_loops, fill)
        pattern = graph.structure.pattern
        weights = pattern.ones.to(dtype)
        if graph.edge_weight is not None:
            weights = graph.edge_weight.to(dtype).index_select(0, pattern.order)
        degree = None
        if graph.drawn is not None and normalisation != "none":
            weights = weights * graph.drawn.stands_for.to(dtype).index_select(0, pattern.order)
            degree = graph.drawn.received.to(dtype)
        return normalised(pattern, weights, normalisation, degree)

    def walk(self, *, dtype: torch.dtype | None = None) -> Operator:
        """``D_O⁻¹ W``, where ``W[i, j]`` is the weight of i→j and D_O what each node sends: of what lies where an edge
        leads, the mean.  Its counterpart against the edges, ``D_I⁻¹ Wᵀ``, is ``operator("random-walk")``.

        Args:
            dtype: of the values; the weights' own by default.
        """
        dtype = dtype or (torch.get_default_dtype() if self.edge_weight is None else self.edge_weight.dtype)
        return self._made(("walk", dtype), lambda: self._walk(dtype))

    def _walk(self, dtype: torch.dtype) -> Operator:
        if self.parts:
            return block_diagonal([graph.walk(dtype=dtype) for graph in self.parts])
        turned = self.structure.pattern.transposed
        order = self.structure.pattern.order.index_select(0, turned.order)
        return normalised(turned, self.weights(dtype).index_select(0, order), "random-walk")

    def laplacian(self, normalisation: str = "symmetric", *, dtype: torch.dtype | None = None) -> Operator:
        """``D - A``, ``I - D^-1/2 A D^-1/2`` or ``I - A D⁻¹``, without loops, D what each node sends (as in
        PyG).

        Args:
            normalisation: ``none``, ``symmetric`` or ``random-walk``.
            dtype: of the values; the weights' own by default.

        Raises:
            UnknownName: no such normalisation.
        """
        dtype = dtype or (torch.get_default_dtype() if self.edge_weight is None else self.edge_weight.dtype)
        return self._made(("laplacian", normalisation, dtype), lambda: self._laplacian(normalisation, dtype))

    def _laplacian(self, normalisation: str, dtype: torch.dtype) -> Operator:
        if self.parts:
            return block_diagonal([g.laplacian(normalisation, dtype=dtype) for g in self.parts])
        graph = self.with_self_loops("replace", 0.0)
        pattern = graph.structure.pattern
        weights = graph.weights(dtype).index_select(0, pattern.order)
        return laplacian(pattern, weights, normalisation)

    def scaled_laplacian(
        self, normalisation: str = "symmetric", lambda_max: float | None = None, *, dtype: torch.dtype | None = None
    ) -> Operator:
        """``L̂ = 2 L / λ_max - I``, what Chebyshev's polynomials are taken of.

        Args:
            normalisation: as in `laplacian`.
            lambda_max: L's greatest eigenvalue; by default twice its greatest entry, PyG's choice (2 for ``symmetric``
                and ``random-walk``), of each graph of a batch its own.
            dtype: of the values; the weights' own by default.
        """
        dtype = dtype or (torch.get_default_dtype() if self.edge_weight is None else self.edge_weight.dtype)
        key = ("scaled laplacian", normalisation, lambda_max, dtype)
        return self._made(key, lambda: self._scaled_laplacian(normalisation, lambda_max, dtype))

    def _scaled_laplacian(self, normalisation: str, lambda_max: float | None, dtype: torch.dtype) -> Operator:
        if self.parts:
            blocks = [g.scaled_laplacian(normalisation, lambda_max, dtype=dtype) for g in self.parts]
            return block_diagonal(blocks)
        known = ("laplacian", normalisation, dtype) in self._operators, "replace" in self.structure.looped_ways
        found = self.laplacian(normalisation, dtype=dtype)
        greatest: Tensor | float | None = lambda_max
        if lambda_max is None and self.membership is not None:
            greatest = each_greatest(found, self.membership, self.num_graphs)
        made = scaled(found, greatest)
        if not any(known):  # made for this one alone, and of the size of the graph: a thousand graphs feel it
            self._operators.pop(("laplacian", normalisation, dtype), None)
            self.structure.looped_ways.pop("replace", None)
            made.pattern.forget()
        return made

    def _made(self, key: tuple[object, ...], make: Callable[[], Operator]) -> Operator:
        """The operator, made once where the weights are constant: not where gradients happen to be off."""
        if self._is_learnt:
            return make()
        found = self._operators.get(key)
        if found is None:
            found = self._operators[key] = lasting(make)()
        return found

    @property
    def _is_learnt(self) -> bool:
        return is_differentiated(self.edge_weight) or any(part._is_learnt for part in self.parts)

    def with_self_loops(self, self_loops: str, fill: float = 1.0) -> Graph:
        """The graph with other self loops: kept edges in their order, then the new loops by node.

        Args:
            self_loops: ``keep``, ``add``, ``remaining``, ``remove`` or ``replace``.
            fill: the weight of a loop that is added.
        """
        changed = changes.self_loops(self, self_loops, fill)
        return replace(self, **changed) if changed else self

    # ── changed copies ────────────────────────────────────────────────────────────────────────────────────

    def with_edge_weight(self, edge_weight: Tensor | None) -> Graph:
        """The same edges with other weights; nothing is sorted again.

        A sample does not know the great graph's other weights: its degrees are then its own.
        """
        return replace(self, edge_weight=edge_weight, drawn=None)

    def reversed(self) -> Graph:
        """Every edge turned round."""
        return replace(self, senders=self.receivers, receivers=self.senders, drawn=None)

    def undirected(self) -> Graph:
        """Every edge, then the reverse of every edge that is no loop, with what the edge carries."""
        return replace(self, **changes.undirected(self))

    def subgraph(self, nodes: Tensor | Sequence[int]) -> Graph:
        """The nodes given, in that order, and the edges among them, in theirs.

        Raises:
            InputError: a node that is not there, or twice.
        """
        return replace(self, **changes.subgraph(self, nodes))

    def among(self, present: Tensor) -> Graph:
        """The same nodes, and the edges whose two ends are both ``present`` ``[N]``; itself where every edge is."""
        changed = changes.among(self, present)
        return replace(self, **changed) if changed else self

    def to(self, device: torch.device | str) -> Graph:
        """The same graph on another device; its matrices are made there when they are asked for."""
        moved = {each.name: _moved(getattr(self, each.name), device) for each in _stored()}
        return Graph(**moved)

    # ── other forms ───────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def from_edge_index(
        cls, edge_index: Any, edge_weight: Any = None, num_nodes: int | None = None, **carried: Any
    ) -> Graph:
        """From ``[2, E]``: row 0 sends, row 1 receives.

        Args:
            edge_index: whole numbers, as a tensor, an array or two lists.
            edge_weight: ``[E]``.
            num_nodes: N; one more than the highest number by default.
            carried: any other field of a `Graph`.
        """
        index = node_numbers(edge_index, "edge_index")
        if index.numel() == 0 and not isinstance(edge_index, Tensor):
            index = index.reshape(2, 0)
        if index.dim() != 2 or index.shape[0] != 2:
            raise ShapeError(f"edge_index {tuple(index.shape)}: [2, E] would do, row 0 the senders")
        if num_nodes is None:
            num_nodes = int(index.max()) + 1 if index.numel() else 0
        if edge_weight is not None and not isinstance(edge_weight, Tensor):
            edge_weight = torch.as_tensor(edge_weight, dtype=torch.get_default_dtype())
        return cls(index[0].contiguous(), index[1].contiguous(), num_nodes, edge_weight, **carried)

    @classmethod
    def from_text(cls, lines: str) -> Graph:
        """From ``A-B A-E B->C D``: see `unrolled.graph.text`."""
        return cls(**text.read(lines))

    @classmethod
    def from_torch_sparse(cls, matrix: Tensor, *, rows: str = "senders") -> Graph:
        """From a sparse torch matrix of any layout: see `unrolled.graph.formats`."""
        return cls(**formats.read_torch(matrix, rows=rows))

    @classmethod
    def from_scipy(cls, matrix: Any, *, rows: str = "senders") -> Graph:
        """From a scipy sparse matrix or array of any layout: see `unrolled.graph.formats`."""
        return cls(**formats.read_scipy(matrix, rows=rows))

    @classmethod
    def from_networkx(cls, graph: Any, *, weight: str | None = "weight") -> Graph:
        """From any networkx graph, with its attributes: see `unrolled.graph.networkx`."""
        return cls(**networkx.read(graph, weight=weight))

    @classmethod
    def from_pyg(cls, data: Any) -> Graph:
        """From a torch_geometric ``Data`` or ``Batch``, or anything that looks like one."""
        return cls(**geometric.read(data))

    @classmethod
    def from_pandas(
        cls,
        frame: Any,
        sender: str = "source",
        receiver: str = "target",
        weight: str | None = None,
        **options: Any,
    ) -> Graph:
        """From a table with a row an edge: see `unrolled.graph.tables`."""
        columns = {str(name): frame[name].to_numpy() for name in frame.columns}
        return cls(**tables.read(columns, sender, receiver, weight, **options))

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        sender: str = "source",
        receiver: str = "target",
        weight: str | None = None,
        **options: Any,
    ) -> Graph:
        """From a file with a header and a line an edge: see `unrolled.graph.tables`."""
        return cls(**tables.read(tables.read_edges(Path(path), sender, receiver), sender, receiver, weight, **options))

    def to_edge_index(self) -> tuple[Tensor, Tensor | None]:
        """``[2, E]`` and the weights, if there are any."""
        return self.edge_index, self.edge_weight

    def to_torch_sparse(self, *, rows: str = "senders", layout: str = "coo") -> Tensor:
        """A sparse torch matrix; several edges between the same nodes are added."""
        return formats.write_torch(self, rows=rows, layout=layout)

    def to_scipy(self, *, rows: str = "senders") -> Any:
        """A scipy CSR array; several edges between the same nodes stay as several entries."""
        return formats.write_scipy(self, rows=rows)

    def to_networkx(self) -> Any:
        """A networkx ``DiGraph`` (``MultiDiGraph`` where nodes have several edges), with all attributes."""
        return networkx.write(self)

    def to_pyg(self) -> Any:
        """A torch_geometric ``Data``."""
        return geometric.write(self)

    def to_text(self) -> str:
        """A text like ``A->B B->A C``: see `unrolled.graph.text`."""
        return text.write(self)

    def to_pandas(self, sender: str = "source", receiver: str = "target", weight: str = "weight") -> Any:
        """A pandas ``DataFrame`` with a row an edge: see `unrolled.graph.tables`."""
        from pandas import DataFrame

        return DataFrame(tables.write(self, sender, receiver, weight))

    def to_csv(
        self, path: str | Path, sender: str = "source", receiver: str = "target", weight: str = "weight"
    ) -> None:
        """A file with a header and a line an edge: see `unrolled.graph.tables`."""
        tables.write_csv(Path(path), tables.write(self, sender, receiver, weight))

    # ── as a value ────────────────────────────────────────────────────────────────────────────────────────

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return all(_same(getattr(self, each.name), getattr(other, each.name)) for each in _stored())

    def __hash__(self) -> int:
        digest = hashlib.blake2b(f"{self.num_nodes} {self.num_edges}".encode(), digest_size=8)
        for ends in (self.senders, self.receivers):
            digest.update(ends.detach().cpu().contiguous().numpy().tobytes())
        return int.from_bytes(digest.digest(), "little", signed=True)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in _stored()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        carried = [f"{self.num_nodes} nodes", f"{self.num_edges} edges"]
        if self.num_graphs != 1:
            carried.append(f"{self.num_graphs} graphs")
        for name in ("edge_weight", "edge_features", "node_features", "labels"):
            value = getattr(self, name)
            if value is not None:
                carried.append(f"{name} {list(value.shape)}")
        if self.masks:
            carried.append("masks " + ", ".join(self.masks))
        if self.names is not None:
            carried.append("names")
        return f"Graph({'; '.join(carried)})"


def _stored() -> Iterable[Any]:
    """The fields that make the value; the rest is computed from them."""
    return [each for each in fields(Graph) if each.name not in ("structure", "_operators", "parts")]


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor | Drawn):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: _moved(each, device) for name, each in value.items()}
    return value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(a.cpu(), b.cpu()))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    return type(a) is type(b) and bool(a == b)

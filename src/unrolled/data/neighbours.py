"""Samples of a great graph around a few nodes: so many neighbours of each, so many of each of those, and so
on.

Drawn for a whole hop at once, at the cost of what is drawn and not of the hubs it is drawn from.  A node is
expanded once, at the hop where it is first met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph
from unrolled.graph.checks import node_numbers
from unrolled.graph.drawn import Drawn
from unrolled.kernels import segments

__all__ = ["NeighbourSampler", "Sample"]

Array = np.ndarray[Any, Any]
_TINY = 1e-300  # keeps a quotient finite of entries that nobody asks for


@dataclass(frozen=True, eq=False)
class Sample:
    """A small graph around ``seeds`` nodes of a great one.

    Args:
        nodes: ``[n]``, the great graph's numbers: the seeds in their order, then each hop's new nodes,
        ascending. graph: the sampled edges between them, numbered 0…n-1; weights and features of edges come
        along. seeds: how many of the nodes are seeds. node_counts: how many nodes there were before the
        first hop, after it, after the second … edge_counts: how many edges after the first hop, the second
        … positions: ``[e]``, where the edges are in the great graph's pattern, whose ``order`` is given
        beside. order: the great graph's edges in its pattern's order.
    """

    nodes: Tensor
    graph: Graph
    seeds: int
    node_counts: tuple[int, ...]
    edge_counts: tuple[int, ...]
    positions: Tensor
    order: Tensor

    @cached_property
    def edges(self) -> Tensor:
        """``[e]``: the great graph's numbers of the sampled edges."""
        return self.order[self.positions].long()

    @cached_property
    def layers(self) -> tuple[Graph, ...]:
        """A graph for each layer of a network, the first reading the outermost hop; each is a part of the
        one before.

        Layer l maps features of ``layers[l].num_nodes`` nodes; the next takes the first rows of what it
        made::

            for layer, graph in zip(model, sample.layers):
                x = layer(x[: graph.num_nodes], graph)
            x[: sample.seeds]
        """
        trimmed = [self.graph]
        hops = len(self.edge_counts)
        for hop in range(hops - 1, 0, -1):
            nodes, edges = self.node_counts[hop], self.edge_counts[hop - 1]
            weight, features = self.graph.edge_weight, self.graph.edge_features
            trimmed.append(
                Graph(
                    self.graph.senders[:edges],
                    self.graph.receivers[:edges],
                    nodes,
                    edge_weight=None if weight is None else weight[:edges],
                    edge_features=None if features is None else features[:edges],
                    drawn=None if self.graph.drawn is None else self.graph.drawn.first(nodes, edges),
                )
            )
        return tuple(trimmed)


class NeighbourSampler:
    """Draws `Sample`s of one graph; the same generator state gives the same sample.

    A sample's normalised matrices are, on average over samples, the great graph's (`unrolled.graph.drawn`): its nodes
    keep their degrees, and each edge stands for as many as its chance to be drawn says.  That is exact for every way to
    draw but for edges of chance 0, which are never heard.

    Not to be shared between threads: it keeps a table of places for the graph's nodes.

    Args:
        graph: the great graph, on the CPU.
        fan_outs: how many neighbours of each node at the first hop, the second …; -1 for all.
        replace: whether a neighbour may be drawn twice.  Without, a node with no more neighbours than asked
            gives each once.
        weights: ``[E]`` chances that an edge is drawn, up to a factor for each receiver; all equal by
            default.

    Raises:
        InputError: a fan-out of 0 or below -1, all neighbours with replacement, or weights that are no
            chances.
    """

    def __init__(
        self, graph: Graph, fan_outs: Sequence[int], *, replace: bool = False, weights: Tensor | None = None
    ) -> None:
        if not fan_outs or any(fan_out == 0 or fan_out < -1 for fan_out in fan_outs):
            raise InputError(f"fan_outs={list(fan_outs)}: one for each hop, each 1 or more, or -1 for all")
        if replace and -1 in fan_outs:
            raise InputError("fan_outs: all neighbours (-1) and with replacement exclude each other")
        self.graph = graph
        self.fan_outs = tuple(fan_outs)
        self.replace = replace
        pattern = graph.structure.pattern
        self._pointer = pattern.pointer.numpy().astype(np.int64)
        self._sender = pattern.index.numpy()
        self._place = np.full(graph.num_nodes, -1, dtype=np.int32)
        self._chances = self._cumulated = None
        self._received, self._loops, self._looped = _known(graph)
        if weights is not None:
            if weights.shape != (graph.num_edges,) or bool((weights < 0).any()) or not bool(weights.isfinite().all()):
                raise InputError(f"weights {tuple(weights.shape)}: [{graph.num_edges}] finite numbers ≥ 0 would do")
            self._chances = weights.detach().numpy().astype(np.float64)[pattern.order.numpy()]
            self._cumulated = np.concatenate([[0.0], np.cumsum(self._chances)])

    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Sample:
        """The neighbourhood of ``seeds``.

        Args:
            seeds: nodes, all different.
            generator: of the draws.

        Raises:
            InputError: a seed that is no node, or twice.
        """
        chosen = node_numbers(seeds, "seeds").numpy()
        if chosen.size and (chosen.min() < 0 or chosen.max() >= self.graph.num_nodes):
            raise InputError(f"seeds from {chosen.min()} to {chosen.max()}; nodes are 0…{self.graph.num_nodes - 1}")
        # numpy's generators draw several times faster than torch's; one number of torch's makes theirs
        draw = np.random.Generator(np.random.SFC64(int(torch.randint(2**62, (), generator=generator))))
        nodes, frontier, first = [chosen], chosen, 0
        senders, receivers, positions, shares = [], [], [], []
        node_counts: list[int] = [chosen.size]
        edge_counts: list[int] = []
        place = self._place
        try:
            place[chosen] = np.arange(chosen.size)
            if np.any(place[chosen] != np.arange(chosen.size)):
                raise InputError("seeds must differ; one was given twice")
            for fan_out in self.fan_outs:
                owner, position, stands_for = self._draw(frontier, fan_out, draw)
                sender = self._sender[position]
                fresh = self._first_met(sender, node_counts[-1])
                receivers.append(owner + first)
                positions.append(position)
                shares.append(stands_for)
                senders.append(place[sender])
                first = node_counts[-1]
                nodes.append(fresh)
                node_counts.append(first + fresh.size)
                edge_counts.append((edge_counts[-1] if edge_counts else 0) + position.size)
                frontier = fresh
        finally:
            for part in nodes:
                place[part] = -1
        taken = torch.from_numpy(np.concatenate(positions))
        order = self.graph.structure.pattern.order
        weight, features = self.graph.edge_weight, self.graph.edge_features
        edges = order[taken].long() if weight is not None or features is not None else taken
        numbers = torch.from_numpy(np.concatenate(nodes)).long()
        precise = np.float64 if self._received.dtype == torch.float64 else np.float32
        share = torch.from_numpy(np.concatenate(shares, dtype=precise)).to(self._received.dtype)
        known = Drawn(self._received[numbers], self._loops[numbers], self._looped[numbers], share)
        graph = Graph(
            torch.from_numpy(np.concatenate(senders)).long(),
            torch.from_numpy(np.concatenate(receivers)).long(),
            node_counts[-1],
            edge_weight=None if weight is None else weight[edges],
            edge_features=None if features is None else features[edges],
            drawn=known,
        )
        return Sample(numbers, graph, chosen.size, tuple(node_counts), tuple(edge_counts), taken, order)

    def batches(
        self, nodes: Tensor, size: int, *, shuffle: bool = True, generator: torch.Generator | None = None
    ) -> Iterator[Sample]:
        """Samples around all of ``nodes``, ``size`` seeds at a time, in a random order unless told
        otherwise.
        """
        if size < 1:
            raise InputError(f"size={size}: 1 seed or more at a time")
        order = torch.randperm(len(nodes), generator=generator) if shuffle else torch.arange(len(nodes))
        for first in range(0, len(nodes), size):
            yield self.sample(nodes[order[first : first + size]], generator)

    def _first_met(self, sender: Array, known: int) -> Array:
        """The nodes met for the first time, each once, in ascending order and numbered on from ``known``."""
        met = sender[self._place[sender] < 0]
        met.sort()
        fresh: Array = met[np.append(True, met[1:] != met[:-1])] if met.size else met
        self._place[fresh] = np.arange(known, known + fresh.size)
        return fresh

    def _draw(self, frontier: Array, fan_out: int, draw: np.random.Generator) -> tuple[Array, Array, Array]:
        """For each node of ``frontier`` some of its entries: whose each is, its position in the pattern, and how many
        it stands for.
        """
        start = self._pointer[frontier]
        degree = self._pointer[frontier + 1] - start
        if self._chances is not None:
            return self._draw_weighted(start, degree, fan_out, draw)
        if self.replace:
            owner = np.repeat(np.arange(frontier.size), np.where(degree > 0, fan_out, 0))
            position = start[owner] + (draw.random(owner.size) * degree[owner]).astype(np.int64)
            return owner, position, degree[owner] / fan_out
        if fan_out == -1:
            owner, position = _all_entries(start, degree)
            return owner, position, np.ones(owner.size)
        few = degree <= fan_out
        owner_few, entry_few = _all_entries(start, np.where(few, degree, 0))
        many = np.flatnonzero(~few)
        entry_many = start[many][:, None] + _distinct(degree[many], fan_out, draw)
        owner = np.concatenate([owner_few, np.repeat(many, fan_out)])
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        return owner, np.concatenate([entry_few, entry_many.ravel()])[order], np.maximum(degree[owner] / fan_out, 1.0)

    def _draw_weighted(
        self, start: Array, degree: Array, fan_out: int, draw: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        assert self._chances is not None
        assert self._cumulated is not None
        if self.replace:
            low, high = self._cumulated[start], self._cumulated[start + degree]
            owner = np.repeat(np.arange(start.size), np.where(high > low, fan_out, 0))
            aim = low[owner] + draw.random(owner.size) * (high - low)[owner]
            position = self._position_of(aim, start[owner], degree[owner])
            return owner, position, (high - low)[owner] / (fan_out * self._chances[position])
        owner, entry = _all_entries(start, degree)
        chance = self._chances[entry]
        owner, entry, chance = owner[chance > 0], entry[chance > 0], chance[chance > 0]
        left = np.bincount(owner, minlength=start.size)
        many = left[owner] > fan_out
        if fan_out == -1 or not many.any():
            return owner, entry, np.ones(owner.size)
        # Efraimidis & Spirakis 2006: the k least of E_i / w_i, E_i exponential, are k draws without replacement
        crowded = np.flatnonzero(many)
        key = draw.exponential(size=crowded.size) / chance[crowded]
        place = np.argsort(key)
        bits = max(place.size - 1, 1).bit_length()
        packed = owner[crowded[place]] << bits | np.arange(place.size)  # by node, then by what was drawn
        packed.sort()
        behind = np.arange(packed.size) - np.repeat(*_starts_and_counts(packed >> bits))
        by_row = place[packed & ((1 << bits) - 1)]
        chosen = ~many
        chosen[crowded[by_row[behind < fan_out]]] = True
        # Cohen & Kaplan 2007: given the least key t left behind, an entry is among the k with chance 1 - exp(-w t)
        least = np.zeros(start.size)
        bounds = by_row[behind == fan_out]
        least[owner[crowded[bounds]]] = key[bounds]
        stands_for = np.where(many, -1.0 / np.expm1(-np.maximum(chance * least[owner], _TINY)), 1.0)
        return owner[chosen], entry[chosen], stands_for[chosen]

    def _position_of(self, aim: Array, start: Array, degree: Array) -> Array:
        """The entry of each row where the cumulated chances pass ``aim``: one bisection for all rows."""
        assert self._cumulated is not None
        low, high = start.copy(), start + degree - 1
        for _ in range(int(degree.max(initial=1)).bit_length()):
            middle = (low + high) // 2
            beyond = (self._cumulated[middle + 1] <= aim) & (low < high)
            low, high = np.where(beyond, middle + 1, low), np.where(beyond, high, middle)
        return low


def _known(graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    """What each node receives, the weights of its loops, and whether it has any."""
    weights = graph.weights().detach()
    pattern, at_loops = graph.structure.pattern, graph.structure.loops
    received = segments.total(pattern, weights.index_select(0, pattern.order))
    node = graph.receivers[at_loops]
    loops = torch.zeros_like(received).index_add(0, node, weights[at_loops])
    looped = torch.zeros(graph.num_nodes, dtype=torch.bool).index_fill(0, node, True)
    return received, loops, looped


def _starts_and_counts(key: Array) -> tuple[Array, Array]:
    """Where each run of equal numbers starts, and how long it is."""
    start = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    return start, np.diff(np.append(start, key.size))


def _all_entries(start: Array, degree: Array) -> tuple[Array, Array]:
    owner = np.repeat(np.arange(start.size), degree)
    behind = np.arange(owner.size) - np.repeat(np.cumsum(degree) - degree, degree)
    return owner, start[owner] + behind


def _distinct(degree: Array, count: int, draw: np.random.Generator) -> Array:
    """``[n, count]`` different numbers below each degree, every set equally likely: Floyd's algorithm for
    all rows.

    From Bentley & Floyd 1987: the j-th draw is below degree - count + j + 1, and a number drawn before
    gives way to that bound itself.
    """
    chosen = np.empty((count, degree.size), dtype=np.int64)
    uniform = draw.random((count, degree.size))
    for j in range(count):
        bound = degree - count + j
        pick = (uniform[j] * (bound + 1)).astype(np.int64)
        taken = (chosen[:j] == pick).any(0)
        chosen[j] = np.where(taken, bound, pick)
    return chosen.T

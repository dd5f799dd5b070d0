"""Who points at whom, without weights or features: what is computed from it is computed once.

A structure is shared by every graph that has the same edges, so new weights or features cost no new sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from unrolled.errors import UnknownName
from unrolled.kernels.modes import lasting
from unrolled.kernels.sparse import Pattern

__all__ = ["SELF_LOOPS", "Rewiring", "Structure"]

SELF_LOOPS = {
    "keep": "no loop is added, those there stay",
    "add": "A~ = A + I: every node gets one more loop",
    "remaining": "nodes without a loop get one, loops there stay as they are",
    "remove": "loops are taken out",
    "replace": "loops are taken out, then every node gets one",
}
"""What may be done about self loops, by name."""


@dataclass(frozen=True, eq=False)
class Structure:
    """``senders[e] → receivers[e]`` for E edges between nodes 0…num_nodes-1.

    Args:
        senders: ``[E]``.
        receivers: ``[E]``.
        num_nodes: N.
        parts: the structures that stand side by side in this one, where it is a batch: they are sorted already.
        looped: ``[N]`` bool, of a sample: which nodes have a loop in the great graph, be it drawn or not.
    """

    senders: Tensor
    receivers: Tensor
    num_nodes: int
    parts: tuple[Structure, ...] = ()
    looped: Tensor | None = None

    @cached_property
    @lasting
    def pattern(self) -> Pattern:
        """The adjacency matrix's places: receivers are rows, senders columns, int32 where it fits."""
        if self.parts:
            return Pattern.block_diagonal([part.pattern for part in self.parts])
        return Pattern.from_edges(self.receivers, self.senders, self.num_nodes, self.num_nodes)

    @cached_property
    @lasting
    def in_degree(self) -> Tensor:
        """``[N]`` int64: how many edges each node receives."""
        return torch.bincount(self.receivers, minlength=self.num_nodes)

    @cached_property
    @lasting
    def out_degree(self) -> Tensor:
        """``[N]`` int64: how many edges each node sends."""
        return torch.bincount(self.senders, minlength=self.num_nodes)

    @cached_property
    @lasting
    def loops(self) -> Tensor:
        """``[E]`` bool: which edges are self loops."""
        return self.senders == self.receivers

    @cached_property
    def looped_ways(self) -> dict[str, Rewiring]:
        """What `rewired` has made, by way."""
        return {}

    def rewired(self, self_loops: str) -> Rewiring:
        """The structure with its self loops treated as `SELF_LOOPS` names it; made once."""
        if self_loops not in SELF_LOOPS:
            raise UnknownName("self-loop way", self_loops, SELF_LOOPS)
        if self_loops not in self.looped_ways:
            self.looped_ways[self_loops] = lasting(self._rewire)(self_loops)
        return self.looped_ways[self_loops]

    def _rewire(self, self_loops: str) -> Rewiring:
        nodes = torch.arange(self.num_nodes, device=self.senders.device)
        added = nodes[:0]
        if self_loops in ("add", "replace"):
            added = nodes
        elif self_loops == "remaining":
            looped = torch.zeros(self.num_nodes, dtype=torch.bool, device=nodes.device)
            looped[self.senders[self.loops]] = True
            if self.looped is not None:
                looped = self.looped
            added = nodes[~looped]
        kept = None
        if self_loops in ("remove", "replace") and bool(self.loops.any()):
            kept = (~self.loops).nonzero().squeeze(1)
        if kept is None and added.numel() == 0:
            return Rewiring(None, None, added)
        senders = self.senders if kept is None else self.senders[kept]
        receivers = self.receivers if kept is None else self.receivers[kept]
        known = None if self.looped is None else self._looped_then(self_loops)
        new = Structure(torch.cat([senders, added]), torch.cat([receivers, added]), self.num_nodes, looped=known)
        return Rewiring(new, kept, added)

    def _looped_then(self, self_loops: str) -> Tensor:
        """``[N]``: which nodes have a loop in the great graph after loops were treated there."""
        assert self.looped is not None
        return torch.full_like(self.looped, self_loops != "remove")


@dataclass(frozen=True, eq=False)
class Rewiring:
    """A structure with other self loops: the edges ``kept`` of the old one, then a loop at each node of
    ``added``.

    Args:
        structure: the new one, or None where nothing changes.
        kept: the old edges' numbers, or None for all of them.
        added: the nodes that got a loop.
    """

    structure: Structure | None
    kept: Tensor | None
    added: Tensor

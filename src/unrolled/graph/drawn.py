"""What a sample of a great graph knows of it, so that its matrices estimate the great graph's.

A node keeps the degree that it has in the great graph, and a drawn edge stands for as many as there were for each one
drawn: 1 / (chance to be drawn).  Then every entry of a sample's Â is, on average over samples, the great graph's,

    E[ s_e · w_e / √(D_i D_j) ] = w_e / √(D_i D_j),   D_i = Σ_{e: j→i} w_e in the great graph, loops and all

whereas degrees counted in the sample weigh its outermost nodes, which have lost their neighbours, too much (Horvitz &
Thompson 1952; Chen, Ma & Xiao 2018 normalise samples by the great graph likewise).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unrolled.errors import ShapeError

if TYPE_CHECKING:
    from unrolled.graph.structure import Rewiring

__all__ = ["Drawn"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Of n nodes and e edges that were drawn from a great graph.

    Args:
        received: ``[n]``, the weights that each node receives in the great graph, its loops' among them.
        loops: ``[n]``, the weights of its loops there.
        looped: ``[n]`` bool, whether it has any there.
        stands_for: ``[e]``, how many edges of the great graph each drawn one stands for.
    """

    received: Tensor
    loops: Tensor
    looped: Tensor
    stands_for: Tensor

    def check(self, nodes: int, edges: int) -> None:
        """As many as there are.

        Raises:
            ShapeError: they are not.
        """
        found = (*(each.numel() for each in (self.received, self.loops, self.looped)), self.stands_for.numel())
        if found != (nodes, nodes, nodes, edges):
            raise ShapeError(f"what is known of the great graph has lengths {found}; {nodes} nodes, {edges} edges")

    def first(self, nodes: int, edges: int) -> Drawn:
        """The same of the first nodes and edges."""
        return Drawn(self.received[:nodes], self.loops[:nodes], self.looped[:nodes], self.stands_for[:edges])

    def rewired(self, rewiring: Rewiring, way: str, fill: float) -> Drawn:
        """The same after the loops were treated in the sample and in the great graph alike."""
        kept = self.stands_for if rewiring.kept is None else self.stands_for[rewiring.kept]
        stands_for = torch.cat([kept, kept.new_ones(rewiring.added.numel())])
        received, loops, looped = self.received, self.loops, self.looped
        if way in ("remove", "replace"):
            received, loops, looped = received - loops, torch.zeros_like(loops), torch.zeros_like(looped)
        if way in ("add", "replace", "remaining"):
            new = torch.where(looped, 0.0, fill) if way == "remaining" else torch.full_like(loops, fill)
            received, loops, looped = received + new, loops + new, torch.ones_like(looped)
        return Drawn(received, loops, looped, stands_for)

    def to(self, device: torch.device | str) -> Drawn:
        """The same on another device."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Drawn):
            return NotImplemented
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return all(a.shape == b.shape and bool(torch.equal(a.cpu(), b.cpu())) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

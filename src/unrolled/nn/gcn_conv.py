"""`GCNConv`: graph convolution as Kipf and Welling define it, with PyG's door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.errors import InputError, UnknownName
from unrolled.graph import NORMALISATIONS, SELF_LOOPS
from unrolled.nn.graph_input import check_channels, check_features, fitted, glorot, new_bias, refuse

__all__ = ["GCNConv"]


class GCNConv(nn.Module):
    """Each node takes the normalised sum of what its neighbours and itself send.

        Y = Âᵏ X Wᵀ + b,   Â = D~^-1/2 A~ D~^-1/2,   A~ = A + I,   D~_ii = Σ_j A~_ij

    With no edges Â = I and the layer is linear.  The rows of Â do not add up to one; those of
    ``normalisation="random-walk"``, D~⁻¹A~, do.  ``hops=k`` is k products with Â, never a power of it.

    x ``[N, I]`` → ``[N, O]``; ``[B, N, I]`` or ``[T, N, I]`` on one graph is one product.

    From Kipf & Welling 2017 (arXiv:1609.02907).  Arguments, call and state_dict are those of PyG's GCNConv.
    We differ where PyG contradicts itself: a node that has loops keeps them all, with their weights, on
    every path, and gets one only if it has none (``self_loops="add"`` adds one to each node, as the
    equation says).

    Args:
        in_channels: I.
        out_channels: O.
        improved: new loops weigh 2.
        cached: taken for PyG's sake; a graph keeps its matrices by itself.
        add_self_loops: whether nodes without a loop get one; by default as ``normalize``.
        normalize: False takes A as it is.
        bias: whether there is b.
        hops: k.
        normalisation: ``symmetric`` or ``random-walk``.
        self_loops: a way of `unrolled.graph.SELF_LOOPS`, instead of ``add_self_loops``.
        options: PyG's further arguments, at their defaults.

    Raises:
        InputError: an argument that is not offered, or loops asked for without normalising.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        bias: bool = True,
        *,
        hops: int = 1,
        normalisation: str = "symmetric",
        self_loops: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        refuse("GCNConv", options)
        check_channels("GCNConv", in_channels=in_channels, out_channels=out_channels, hops=hops)
        if normalisation not in NORMALISATIONS:
            raise UnknownName("normalisation", normalisation, NORMALISATIONS)
        if self_loops is not None and self_loops not in SELF_LOOPS:
            raise UnknownName("self-loop way", self_loops, SELF_LOOPS)
        if add_self_loops and not normalize:
            raise InputError("GCNConv: add_self_loops=True needs normalize=True; self_loops='add' adds them alone")
        added = normalize if add_self_loops is None else add_self_loops
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.hops = hops
        self.normalisation = normalisation if normalize else "none"
        self.self_loops = self_loops or ("remaining" if added else "keep")
        self.fill = 2.0 if improved else 1.0
        self.cached = cached
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = new_bias(out_channels, bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W from Glorot's uniform distribution and set b to zero."""
        glorot(self.lin.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """``[…, N, I] → […, N, O]``.

        Args:
            x: features.
            edge_index: a `Graph`, ``[2, E]``, or a sparse torch matrix whose rows receive.
            edge_weight: ``[E]``; gradients reach it through the degrees too.

        Raises:
            InputError, ShapeError: features or edges that do not fit.
        """
        check_features(x, self.in_channels, self.lin.weight)
        graph = fitted(x, edge_index, edge_weight)
        narrow_first = self._cheaper_before(x)
        h = x if narrow_first else self.lin(x)
        operator = graph.operator(self.normalisation, self_loops=self.self_loops, fill=self.fill, dtype=h.dtype)
        for _ in range(self.hops):
            h = operator @ h
        if narrow_first:
            h = self.lin(h)
        return h if self.bias is None else h + self.bias

    def _cheaper_before(self, x: Tensor) -> bool:
        """Whether Â X comes before ·W: the same numbers; products and their backwards cost by width."""
        before = self.in_channels * (2 if x.requires_grad else 1)
        return before < self.out_channels * (2 if torch.is_grad_enabled() else 1)

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return f"{self.in_channels}, {self.out_channels}, {self.normalisation}, hops={self.hops}"

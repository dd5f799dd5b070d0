"""A graph read along random walks by a gated recurrent unit."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from unrolled.errors import InputError, ShapeError
from unrolled.graph import Graph
from unrolled.graph.checks import node_numbers
from unrolled.graph.walks import random_walks
from unrolled.nn.graph_input import check_features, fitted
from unrolled.nn.gru import GRU
from unrolled.nn.observation import Observation

__all__ = ["WalkGRU", "WalkObservation"]


class WalkObservation(NamedTuple):
    """A call seen through.

    Attributes:
        vectors: what the call returns first.
        nodes: [T,W], which node each walk reads at each step.
        seen: the recurrent layer's gates and states, [T,W,H] each.
    """

    vectors: Tensor
    nodes: Tensor
    seen: Observation


@final
class WalkGRU(torch.nn.Module):
    """A vector for each graph: walkers read nodes and their neighbourhoods, and what they have read is added up.

        n_v = Σ_{j→v} w_jv x_j
        r   = σ(W_r x_v + U_r n_v + V_r h' + b_r)         v: the node that the walk is at
        u   = σ(W_u x_v + U_u n_v + V_u h' + b_u)
        m   = tanh(W_m x_v + U_m n_v + r ⊙ (V_m h' + c) + b_m)
        h   = (1 - u) ⊙ m + u ⊙ h'
        y   = 1/W_g Σ_walks of graph g Σ_t h_t

    The recurrent layer is `GRU(2·I, H)` on [x_v ‖ n_v]: its state_dict is torch.nn.GRU's under `gru.`. Walks are drawn
    anew in every call, from torch's generator or the one given; `nodes=` reads walks that were drawn before.

    Shapes: x [N,I] and a graph of N nodes, a batch of G graphs among them → y [G,H], final hidden [layers,W,H] of the W
    walks.

    Source: Jin & JaJa 2018 (arXiv:1805.07683), by its abstract and the authors' program: recurrent units that read a
    node beside the sum over its neighbours along a sequence of nodes, and the sum of their states for the graph.
    Their program reads nodes in the order of the file with an LSTM; the paper draws walks by the Gumbel-Softmax
    distribution and learns x beforehand, without labels. Ours are: walks drawn exactly (that distribution's limit at
    temperature 0), torch's form of the gated unit, the mean over walks, and x as it is given.

    Args:
        input_size: I.
        hidden_size: H.
        steps: T, how many nodes a walk reads.
        walks: how many walks start at each node.
        num_layers: recurrent layers on top of each other.
        bias: whether there are bias vectors.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        steps: int = 8,
        walks: int = 1,
        *,
        num_layers: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("steps", steps), ("walks", walks)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise InputError(f"WalkGRU: {name}={size!r}; one whole number of 1 or more would do")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.steps = steps
        self.walks = walks
        self.gru = GRU(2 * input_size, hidden_size, num_layers, bias)

    def walk(self, graph: Graph, generator: torch.Generator | None = None) -> Tensor:
        """Draw the walks, ``[T, W]`` nodes: `walks` from each node, in their order."""
        starts = torch.arange(graph.num_nodes, device=graph.device).repeat_interleave(self.walks)
        return random_walks(graph, starts, self.steps, generator)

    def forward(
        self,
        x: Tensor,
        graph: Any,
        state: Tensor | None = None,
        *,
        nodes: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run along walks.

        Args:
            x: features [N,I].
            graph: a `Graph`, a batch of them, an edge_index ``[2, E]`` or a sparse torch matrix whose rows receive.
            state: the initial hidden state [layers,W,H]; None is zero.
            nodes: walks to read, [T,W]; drawn where they are not given.
            generator: draws them.

        Returns:
            y [G,H] and the final hidden state [layers,W,H].

        Raises:
            ShapeError, InputError: features, a graph or walks that do not fit.
        """
        graph, nodes, read = self._read(x, graph, nodes, generator)
        output, final = self.gru(read, state)
        return _added_up(output, graph, nodes), final

    def observe(
        self,
        x: Tensor,
        graph: Any,
        state: Tensor | None = None,
        *,
        nodes: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> WalkObservation:
        """Run and keep the walks and every gate; arguments as in the call."""
        graph, nodes, read = self._read(x, graph, nodes, generator)
        seen = self.gru.observe(read, state)
        assert isinstance(seen.output, Tensor)
        return WalkObservation(_added_up(seen.output, graph, nodes), nodes, seen)

    def extra_repr(self) -> str:
        """The arguments that matter."""
        return f"{self.input_size}, {self.hidden_size}, steps={self.steps}, walks={self.walks}"

    def _read(
        self, x: Any, graph: Any, nodes: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Graph, Tensor, Tensor]:
        """The graph, the walks, and what they read, [T,W,2I]."""
        check_features(x, self.input_size)
        if x.dim() != 2 or x.shape[0] == 0:
            raise ShapeError(f"WalkGRU: x {list(x.shape)}; [N, {self.input_size}] with one node or more would do")
        graph = fitted(x, graph)
        if nodes is None:
            nodes = self.walk(graph, generator)
        else:
            nodes = node_numbers(nodes, "WalkGRU: nodes")
            if nodes.dim() != 2 or nodes.numel() == 0:
                raise ShapeError(f"WalkGRU: nodes {list(nodes.shape)}; walks [T, W] would do")
            least, most = (int(end) for end in nodes.aminmax())
            if least < 0 or most >= len(x):
                raise InputError(f"WalkGRU: nodes from {least} to {most}; nodes are 0…{len(x) - 1}")
        neighbourhood = graph.operator("none", dtype=x.dtype) @ x
        return graph, nodes, torch.cat([x, neighbourhood], 1)[nodes]


def _added_up(output: Tensor, graph: Graph, nodes: Tensor) -> Tensor:
    """The sum over steps, the mean over the walks that start in each graph: [T,W,H] → [G,H]."""
    told = output.sum(0)
    if graph.membership is None:
        return told.mean(0, keepdim=True)
    whose = graph.membership[nodes[0]]
    counts = torch.bincount(whose, minlength=graph.num_graphs).clamp_min(1)
    total = told.new_zeros(graph.num_graphs, told.shape[1]).index_add(0, whose, told)
    return total / counts.unsqueeze(1)

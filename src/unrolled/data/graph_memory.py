"""How much memory training on a graph takes, said before it starts; and features that stay on the disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import InputError
from unrolled.graph import Graph

__all__ = ["available_bytes", "check_full_batch", "full_batch_bytes", "mapped_features"]


def full_batch_bytes(
    graph: Graph, widths: Sequence[int], *, heads: int = 0, dropout: bool = False, terms: int = 1
) -> int:
    """About how many bytes one full-batch step holds at its peak, beside the graph's edges and features
    themselves.

    Counted are the matrix and its transpose (places, values and order), for each layer its output before
    and after the product and after the nonlinearity with their gradients, and with attention the scores,
    weights and gradients of every edge and head, in float32.

    Args:
        graph: N nodes and E edges.
        widths: features of the input and of each layer's output.
        heads: K of attention layers, 0 for none.
        dropout: whether features are dropped while training.
        terms: of the polynomials, 1 where a layer has none.
    """
    nodes, edges = graph.num_nodes, graph.num_edges + graph.num_nodes  # a loop at each node
    matrix = 2 * (edges * (4 + 4 + 4) + nodes * 4) + edges * (8 + 8) + 16 * edges
    dense = sum(nodes * width * 4 * 5 for width in widths[1:])
    attention = edges * heads * 4 * 6 * (len(widths) - 1)
    dropped = nodes * sum(widths[:-1]) * 10 if dropout else 0
    products = sum(nodes * width * 4 * 2 for width in widths[:-1]) * (terms - 1)
    return matrix + dense + attention + dropped + products


def available_bytes() -> int:
    """How much memory can still be had: the least of what the machine has and what its control group
    grants.
    """
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        if not hasattr(os, "sysconf"):
            return 2**62
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return free
    return free if limit == "max" else min(free, int(limit) - used)


def check_full_batch(
    graph: Graph,
    widths: Sequence[int],
    *,
    heads: int = 0,
    dropout: bool = False,
    terms: int = 1,
    limit: int | None = None,
) -> int:
    """`full_batch_bytes`, if there is that much.

    Args:
        graph: as there.
        widths: as there.
        heads: as there.
        dropout: as there.
        terms: as there.
        limit: the bytes there are; by default what the machine has left.

    Raises:
        InputError: a step needs more; sampled neighbours or clusters would do.
    """
    needed = full_batch_bytes(graph, widths, heads=heads, dropout=dropout, terms=terms)
    there = available_bytes() if limit is None else limit
    if needed > there:
        raise InputError(
            f"a full batch of {graph.num_nodes} nodes and {graph.num_edges} edges takes about {needed / 1e9:.1f} GB, "
            f"and {there / 1e9:.1f} GB are left; sampled neighbours or cluster batches would do"
        )
    return needed


def mapped_features(path: str | Path) -> Tensor:
    """The array of a ``.npy`` file as a tensor that is read from the disk where it is looked at.

    Changes to the tensor stay in memory; the file is never written.

    Raises:
        InputError: no such file, or no array of floats with a row a node.
    """
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"no array can be read from {str(path)!r}: {error}") from error
    if array.ndim != 2 or array.dtype.kind != "f":
        raise InputError(f"{str(path)!r} holds {array.dtype} {array.shape}; floats [N, F] would do")
    return torch.from_numpy(array)

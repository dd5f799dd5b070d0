"""Graphs as values: one frozen `Graph`, built from anything that holds edges, that keeps what is costly.

* `value.py` is the graph itself, `structure.py` who points at whom, `checks.py` what a graph may not be.
* `operators.py` makes its matrices: adjacency and its normalisations, by name.
* `formats.py`, `networkx.py`, `geometric.py`, `text.py` and `tables.py` read and write other people's graphs.
* `batch.py` puts many small graphs into one, `snapshots.py` holds the graphs of a sequence, `memo.py` finds
  the graph of an edge_index seen before, `walks.py` draws random walks, and `reach.py` says how far apart
  nodes are.
"""

from unrolled.graph.batch import batch, unbatch
from unrolled.graph.memo import graph_of
from unrolled.graph.operators import NORMALISATIONS
from unrolled.graph.snapshots import Snapshots
from unrolled.graph.structure import SELF_LOOPS
from unrolled.graph.value import Graph

__all__ = ["NORMALISATIONS", "SELF_LOOPS", "Graph", "Snapshots", "batch", "graph_of", "unbatch"]

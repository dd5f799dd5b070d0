"""How far a network reaches: one measure for sequences and graphs.

* `influence.py` is the measure and its estimate by probes; `values.py` what comes out.
* `sequences.py` and `graphs.py` count distance in steps and in hops; `replacement.py` changes inputs and looks.
* `smoothing.py` is the Dirichlet energy per layer, `squashing.py` the Jacobian against commute times.
"""

from unrolled.analysis.reach.graphs import graph_reach
from unrolled.analysis.reach.replacement import graph_replacement, sequence_replacement
from unrolled.analysis.reach.sequences import model_reach, sequence_reach
from unrolled.analysis.reach.smoothing import LayerEnergy, dirichlet_energy, smoothing
from unrolled.analysis.reach.squashing import Squashing, commute_times, squashing
from unrolled.analysis.reach.values import Estimate, Reach

__all__ = [
    "Estimate",
    "LayerEnergy",
    "Reach",
    "Squashing",
    "commute_times",
    "dirichlet_energy",
    "graph_reach",
    "graph_replacement",
    "model_reach",
    "sequence_reach",
    "sequence_replacement",
    "smoothing",
    "squashing",
]

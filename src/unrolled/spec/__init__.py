"""What a run is: frozen dataclasses that go to YAML and back, and the three tables of what there is to choose from.

A `RunSpec` has three sections, ``task``, ``model`` and ``training``; every field is an option of the command line and
a key of ``spec.yaml``. Unknown keys, wrong types and impossible values are errors that name the key. `RunSpec.identity`
is the hash by which a run is known: two runs of one spec train the same network whatever they are called.

`CELLS`, `LAYERS`, `NETWORKS` and `TASKS` are the product's index: the command line's choices, the
documentation's lists and the tests' parameters are read from them.
"""

from unrolled.spec.build import (
    build_forecaster,
    build_layer,
    build_model,
    build_network,
    build_node_classifier,
    build_task,
    resolve,
)
from unrolled.spec.files import dump_yaml, read_value, read_yaml
from unrolled.spec.graph_model import LAYERS, GraphModelSpec, LayerEntry
from unrolled.spec.graph_time_model import NETWORKS, GraphTimeModelSpec
from unrolled.spec.model import CELLS, ModelSpec, is_user_cell
from unrolled.spec.run import FORMAT, RunSpec, default_spec, parse
from unrolled.spec.sweep import Sweep, expand
from unrolled.spec.table import TASKS, TaskEntry
from unrolled.spec.tasks import (
    AddingSpec,
    BaumSweetSpec,
    BinaryPalindromesSpec,
    CopyingSpec,
    ForecastSpec,
    NodesSpec,
    PalindromesSpec,
    ProteinSpec,
    RandomCombinationsSpec,
    SensorsSpec,
    TaskSpec,
    TextSpec,
)
from unrolled.spec.training import TrainingSpec

__all__ = [
    "CELLS",
    "FORMAT",
    "LAYERS",
    "NETWORKS",
    "TASKS",
    "AddingSpec",
    "BaumSweetSpec",
    "BinaryPalindromesSpec",
    "CopyingSpec",
    "ForecastSpec",
    "GraphModelSpec",
    "GraphTimeModelSpec",
    "LayerEntry",
    "ModelSpec",
    "NodesSpec",
    "PalindromesSpec",
    "ProteinSpec",
    "RandomCombinationsSpec",
    "RunSpec",
    "SensorsSpec",
    "Sweep",
    "TaskEntry",
    "TaskSpec",
    "TextSpec",
    "TrainingSpec",
    "build_forecaster",
    "build_layer",
    "build_model",
    "build_network",
    "build_node_classifier",
    "build_task",
    "default_spec",
    "dump_yaml",
    "expand",
    "is_user_cell",
    "parse",
    "read_value",
    "read_yaml",
    "resolve",
]

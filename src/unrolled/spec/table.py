"""The table of tasks: how each is described and built, and the course's settings for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unrolled import data
from unrolled.errors import SpecError
from unrolled.spec.graph_model import LAYERS, NODES_TRAINING, GraphModelSpec
from unrolled.spec.graph_time_model import GraphTimeModelSpec
from unrolled.spec.model import ModelSpec
from unrolled.spec.tasks import (
    AddingSpec,
    BaumSweetSpec,
    BinaryPalindromesSpec,
    CopyingSpec,
    NodesSpec,
    PalindromesSpec,
    ProteinSpec,
    RandomCombinationsSpec,
    SensorsSpec,
    TaskSpec,
    TextSpec,
)
from unrolled.spec.training import TrainingSpec

__all__ = ["TASKS", "TaskEntry", "protein_files"]


@dataclass(frozen=True)
class TaskEntry:
    """One task: the section that describes it, how it is built, and the course's defaults for the rest of a run.

    Attributes:
        spec: the section.
        build: from the section to the task.
        size: the section's option that says how hard the task is, a whole number; None: there is no such.
        model: defaults of the section ``model``.
        training: defaults of the section ``training``.
        refine: from what is given of each section to the defaults of the other options, where they depend on it.
    """

    spec: type[TaskSpec]
    build: Callable[[Any], data.Question]
    size: str | None = None
    model: ModelSpec | GraphModelSpec | GraphTimeModelSpec = field(default_factory=ModelSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    refine: Callable[[TaskEntry, Mapping[str, Mapping[str, Any]]], TaskEntry] = lambda entry, given: entry


def _build_text(spec: TextSpec) -> data.Task:
    corpus = data.read_corpus(
        spec.source,
        spec.encoding,
        held_out=spec.held_out,
        keep_bom=spec.keep_bom,
        keep_licence=spec.keep_licence,
        as_bytes=spec.vocabulary == "bytes",
        sha256=spec.text_sha256,
    )
    if spec.text_sha256 is not None and spec.text_sha256 != corpus.sha256:
        raise SpecError(
            f"the text {spec.source!r} has hash {corpus.sha256[:12]}…, this spec was made with "
            f"{spec.text_sha256[:12]}…: give the text of that time, or leave out text_sha256"
        )
    return data.NextCharacter(corpus, window=spec.window)


def _build_nodes(spec: NodesSpec) -> data.Question:
    found = data.graph_sha256(spec.graph, spec.nodes)
    if spec.graph_sha256 is not None and spec.graph_sha256 != found:
        raise SpecError(
            f"the graph {spec.graph!r} has hash {str(found)[:12]}…, this spec was made with "
            f"{spec.graph_sha256[:12]}…: give the graph of that time, or leave out graph_sha256"
        )
    graph = data.read_graph(spec.graph, spec.nodes, directed=spec.directed)
    if not {"train", "validation", "test"} <= graph.masks.keys():
        graph = data.split_nodes(
            graph, title=spec.graph, labelled=spec.labelled, validation=spec.validation, seed=spec.split_seed
        )
    return data.NodeClassification(
        graph,
        title=spec.graph,
        features=spec.features,
        setting=spec.setting,
        batching=spec.batching,
        fan_outs=spec.fan_outs,
        parts=spec.parts,
        seed=spec.split_seed,
    )


def _build_protein(spec: ProteinSpec) -> data.Question:
    if spec.files_sha256 is not None:
        found = str(data.protein_sha256(protein_files(spec)))
        if spec.files_sha256 != found:
            raise SpecError(
                f"the files of {spec.trajectory!r} have hash {found[:12]}…, this spec was made with "
                f"{spec.files_sha256[:12]}…: give the files of that time, or leave out files_sha256"
            )
    return data.ProteinMotion(
        data.read_protein(protein_files(spec)),
        window=spec.window,
        horizons=data.horizon_list(spec.horizons),
        radius=spec.radius,
        smoothings=spec.smoothings,
        validation=spec.validation,
    )


def protein_files(spec: ProteinSpec) -> data.ProteinFiles | None:
    """The user's own files that a spec names; None: the registered runs."""
    if spec.trajectory is None or spec.structure is None:
        return None
    return data.ProteinFiles(tuple(spec.trajectory.split(",")), spec.structure, spec.test, spec.test_structure)


def _build_sensors(spec: SensorsSpec) -> data.Question:
    readings = data.find_readings(
        spec.readings,
        spec.edges,
        nearest=spec.nearest,
        directed=spec.directed,
        zeros=spec.zeros,
        seasons=spec.periods,
    )
    if spec.readings_sha256 not in (None, readings.sha256):
        raise SpecError(
            f"the readings {spec.readings!r} have hash {readings.sha256[:12]}…, this spec was made with "
            f"{str(spec.readings_sha256)[:12]}…: give the files of that time, or leave out readings_sha256"
        )
    return data.SensorForecasts(
        readings,
        window=spec.window,
        horizons=data.horizon_list(spec.horizons),
        validation=spec.validation,
        test=spec.test,
    )


def _by_layer(entry: TaskEntry, given: Mapping[str, Mapping[str, Any]]) -> TaskEntry:
    """The settings of the layer's paper; a few clusters a step where the graph is cut."""
    layer = given.get("model", {}).get("layer", GraphModelSpec.layer)
    if layer not in LAYERS:
        return entry  # the section's own check says so
    assert isinstance(entry.model, GraphModelSpec)
    training = dict(LAYERS[layer].training)
    if given.get("task", {}).get("batching") == "clusters":
        training["batch"] = 4
    return replace(
        entry,
        model=replace(entry.model, layer=layer, **LAYERS[layer].model),
        training=replace(entry.training, **training),
    )


_BINARY_MODEL = ModelSpec(hidden=256, input="embedding", initialisation="kaiming")
_BINARY_TRAINING = TrainingSpec(steps=3000, batch=256, optimiser="adam", learning_rate=1e-4)

TASKS: Mapping[str, TaskEntry] = {
    "palindromes": TaskEntry(PalindromesSpec, lambda spec: data.DecimalPalindromes(length=spec.length), "length"),
    "binary-palindromes": TaskEntry(
        BinaryPalindromesSpec,
        lambda spec: data.BinaryPalindromes(length=spec.length),
        "length",
        _BINARY_MODEL,
        _BINARY_TRAINING,
    ),
    "random-combinations": TaskEntry(
        RandomCombinationsSpec,
        lambda spec: data.RandomCombinations(size=spec.size),
        "size",
        _BINARY_MODEL,
        _BINARY_TRAINING,
    ),
    "baum-sweet": TaskEntry(
        BaumSweetSpec, lambda spec: data.BaumSweet(digits=spec.digits), "digits", _BINARY_MODEL, _BINARY_TRAINING
    ),
    "copying": TaskEntry(CopyingSpec, lambda spec: data.Copying(delay=spec.delay), "delay"),
    "adding": TaskEntry(
        AddingSpec,
        lambda spec: data.Adding(length=spec.length),
        "length",
        ModelSpec(input="scalar"),
    ),
    "text": TaskEntry(
        TextSpec,
        _build_text,
        None,
        ModelSpec(layers=2),
        TrainingSpec(
            steps=10_000,
            batch=64,
            optimiser="adam",
            learning_rate=2e-3,
            schedule="course",
            clip=5.0,
            sample_every=100,
        ),
    ),
    "nodes": TaskEntry(NodesSpec, _build_nodes, None, GraphModelSpec(), NODES_TRAINING, _by_layer),
    "protein": TaskEntry(
        ProteinSpec,
        _build_protein,
        None,
        GraphTimeModelSpec(normalisation="random-walk", hops=2),
        TrainingSpec(
            steps=300,
            batch=16,
            optimiser="adamw",
            learning_rate=3e-3,
            weight_decay=1e-3,
            schedule="cosine",
            clip=1.0,
            evaluate_every=50,
            checkpoint_every=100,
        ),
    ),
    "sensors": TaskEntry(
        SensorsSpec,
        _build_sensors,
        None,
        GraphTimeModelSpec(),
        TrainingSpec(
            steps=400,
            batch=32,
            optimiser="adamw",
            learning_rate=3e-3,
            weight_decay=1e-3,
            schedule="cosine",
            clip=1.0,
            keep="best",
            evaluate_every=50,
            checkpoint_every=200,
        ),
    ),
}
"""Every task by the name that specs and the command line use."""

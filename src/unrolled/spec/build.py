"""From a spec to the things it describes."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from unrolled import data, nn
from unrolled.errors import UnrolledError, UserCodeError
from unrolled.spec.graph_model import LAYERS, GraphModelSpec
from unrolled.spec.graph_time_model import NETWORKS, GraphTimeModelSpec
from unrolled.spec.model import CELLS, DEFAULT_INITIALISATION, ModelSpec, is_user_cell
from unrolled.spec.require import require
from unrolled.spec.run import RunSpec
from unrolled.spec.table import TASKS, protein_files
from unrolled.spec.tasks import NodesSpec, ProteinSpec, SensorsSpec, TextSpec

__all__ = [
    "build_forecaster",
    "build_layer",
    "build_model",
    "build_network",
    "build_node_classifier",
    "build_task",
    "resolve",
]


def resolve(spec: RunSpec, task: data.Question | None = None) -> RunSpec:
    """The spec with the hashes of what it names filled in: the text's, the graph's, the protein's, the file's of a
    user's cell.

    Args:
        spec: what was asked for.
        task: the task built from it, where there is one already.
    """
    if isinstance(spec.task, TextSpec) and spec.task.text_sha256 is None:
        task = build_task(spec) if task is None else task
        assert isinstance(task, data.NextCharacter)
        spec = dataclasses.replace(spec, task=dataclasses.replace(spec.task, text_sha256=task.corpus.sha256))
    if isinstance(spec.task, NodesSpec) and spec.task.graph_sha256 is None:
        digest = data.graph_sha256(spec.task.graph, spec.task.nodes)
        spec = dataclasses.replace(spec, task=dataclasses.replace(spec.task, graph_sha256=digest))
    if isinstance(spec.task, ProteinSpec) and spec.task.files_sha256 is None:
        digest = data.protein_sha256(protein_files(spec.task))
        spec = dataclasses.replace(spec, task=dataclasses.replace(spec.task, files_sha256=digest))
    if isinstance(spec.task, SensorsSpec) and spec.task.readings_sha256 is None:
        task = build_task(spec) if task is None else task
        assert isinstance(task, data.SensorForecasts)
        digest = task.readings.sha256
        spec = dataclasses.replace(spec, task=dataclasses.replace(spec.task, readings_sha256=digest))
    if spec.user_cell is not None and spec.recurrent.cell_sha256 is None:
        digest = nn.user_cell_sha256(spec.user_cell)
        spec = dataclasses.replace(spec, model=dataclasses.replace(spec.recurrent, cell_sha256=digest))
    return spec


def build_task(spec: RunSpec) -> data.Question:
    """The task of a spec; a text or graph is read (and fetched, where it is a registered one) here."""
    return TASKS[spec.task_name].build(spec.task)


def build_network(spec: RunSpec, task: data.Question, generator: torch.Generator | None = None) -> torch.nn.Module:
    """The network of a spec for its task, its weights drawn from ``generator`` (default: torch's own)."""
    if isinstance(task, data.NodeClassification):
        return build_node_classifier(spec.on_graph, task, generator)
    if isinstance(task, data.Forecasting):
        return build_forecaster(spec.over_time, task, generator)
    assert isinstance(task, data.Task)
    return build_model(spec.recurrent, task, generator)


def build_node_classifier(
    spec: GraphModelSpec, task: data.NodeClassification, generator: torch.Generator | None = None
) -> nn.NodeClassifier:
    """The graph network of a spec for the nodes of a graph; every layer draws its weights as its paper does."""
    inputs = [task.features.shape[1], *(spec.width(place) for place in range(spec.layers - 1))]
    outputs = [spec.hidden] * (spec.layers - 1) + [task.classes]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        layers = [
            LAYERS[spec.layer].build(into, out, spec, place + 1 == spec.layers)
            for place, (into, out) in enumerate(zip(inputs, outputs, strict=True))
        ]
    return nn.NodeClassifier(layers, dropout=spec.dropout, activation=spec.activation)


def build_forecaster(
    spec: GraphTimeModelSpec, task: data.Forecasting, generator: torch.Generator | None = None
) -> nn.GraphForecaster:
    """The network of a spec for a task that forecasts; every part draws its weights its own way."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return nn.GraphForecaster(
            NETWORKS[spec.network].build(spec, task.window),
            features=task.features,
            embedding=spec.embedding,
            hidden=spec.hidden,
            horizons=len(task.horizons),
            outputs=task.outputs,
            shares=task.shares,
            dropout=spec.dropout,
        )


def build_layer(spec: ModelSpec, input_size: int) -> torch.nn.Module:
    """The stacked recurrent layer of a spec, weights drawn torch's way; `build_model` draws them as the spec says.

    A user's own cell is loaded from its file, which runs that file.

    Raises:
        UserCodeError: the file or class is missing, fails, or is not the file the spec was made with.
    """
    layer: nn.RecurrentLayer = (
        _user_layer(spec, input_size) if is_user_cell(spec.cell) else _house_layer(spec, input_size)
    )
    layer.torch_masks = False
    return layer


def _user_layer(spec: ModelSpec, input_size: int) -> nn.Recurrent:
    return nn.load_user_layer(
        spec.cell, input_size, spec.hidden, num_layers=spec.layers, sha256=spec.cell_sha256, dropout=spec.dropout
    )


def _house_layer(spec: ModelSpec, input_size: int) -> nn.CellLayer:
    options: dict[str, Any] = {}
    if spec.cell == "rnn":
        options["nonlinearity"] = spec.nonlinearity
    if spec.cell == "gru" and spec.reset_before:
        options["reset_before"] = True
    return CELLS[spec.cell](
        input_size,
        spec.hidden,
        num_layers=spec.layers,
        bias=spec.bias != "none",
        dropout=spec.dropout,
        bidirectional=spec.bidirectional,
        **options,
    )


def build_model(
    spec: ModelSpec,
    task: data.Task | data.Vocabulary,
    generator: torch.Generator | None = None,
) -> nn.SequenceClassifier | nn.CharacterModel:
    """The network of a spec for a task, its weights drawn from ``generator`` (default: torch's own).

    A vocabulary stands for a text that is not at hand.
    """
    symbols = len(task) if isinstance(task, data.Vocabulary) else task.symbols
    embedding = (spec.embedding or (spec.hidden if spec.tied else symbols)) if spec.input == "embedding" else None
    numbers = 0 if isinstance(task, data.Vocabulary) else task.numbers
    require(
        numbers == 0 or spec.input == "scalar",
        f"input is {spec.input!r}, but this task's inputs are numbers, not symbols: use input: scalar",
    )
    input_size = embedding or numbers or (1 if spec.input == "scalar" else symbols)
    layer = build_layer(spec, input_size)
    model: nn.SequenceClassifier | nn.CharacterModel
    if isinstance(task, data.NextCharacter | data.Vocabulary):
        model = nn.CharacterModel(
            layer,
            symbols=symbols,
            coding=spec.input,
            embedding_size=embedding,
            recurrent_dropout=spec.recurrent_dropout,
            output_dropout=spec.output_dropout,
            tied=spec.tied,
        )
    else:
        require(not spec.tied, "tied is on, but this task's classes are not its symbols: it is an option of text")
        model = nn.SequenceClassifier(
            layer,
            symbols=symbols,
            classes=task.classes,
            numbers=numbers,
            answers=task.answers,
            coding=spec.input,
            embedding_size=embedding,
            recurrent_dropout=spec.recurrent_dropout,
            output_dropout=spec.output_dropout,
        )
    asked = (spec.initialisation, spec.forget_bias, spec.chrono)
    if is_user_cell(spec.cell) and all(value is None for value in asked):
        model.initialise_ends(DEFAULT_INITIALISATION, generator=generator)
    else:
        _draw(model, spec, generator)
    if spec.bias == "one":
        nn.single_bias(layer)
    return model


def _draw(model: nn.SequenceClassifier | nn.CharacterModel, spec: ModelSpec, generator: torch.Generator | None) -> None:
    name = spec.initialisation or DEFAULT_INITIALISATION
    bias = _forget_bias(spec, name, model.layer)
    try:
        model.initialise(name, forget_bias=bias, chrono=spec.chrono, generator=generator)
    except UnrolledError:
        raise
    except (Exception, SystemExit) as error:
        if not is_user_cell(spec.cell):
            raise
        kind = spec.cell.rpartition(":")[2]
        raise UserCodeError(
            f"{kind}.initialise(name, forget_bias=…, chrono=…, generator=…) failed: {type(error).__name__}: {error}"
        ) from error


def _forget_bias(spec: ModelSpec, initialisation: str, layer: torch.nn.Module) -> float | None:
    """The forget gate's bias: as given, or 1 where an initialiser would leave the gate's bias at 0."""
    if spec.forget_bias is not None or spec.chrono is not None or spec.bias == "none":
        return spec.forget_bias
    leaves_zero = initialisation in ("xavier", "kaiming", "orthogonal")
    return 1.0 if leaves_zero and getattr(layer, "has_forget_gate", False) else None

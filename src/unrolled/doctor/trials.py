"""Guess the arguments of a train step from their names, with a model and data that fit each other."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.doctor.building import Sizes, builds
from unrolled.doctor.calling import Subject, calls, flatten
from unrolled.doctor.reference import REFERENCES

__all__ = ["Trial", "trials"]


@dataclass(frozen=True, eq=False)
class Trial:
    """One way of calling a step.

    Attributes:
        model: the model in it.
        arguments: in order.
        targets: the classes in them, None where the step makes its own.
        words: the call as one would write it.
    """

    model: nn.Module
    arguments: tuple[Any, ...]
    targets: Tensor | None
    words: str


@dataclass(frozen=True, eq=False)
class _Data:
    model: nn.Module
    inputs: tuple[Tensor, ...]
    output: Tensor
    graph: Any = None


_RULES = (
    ("optimiser", r"opt"),
    ("schedule", r"sched"),
    ("criterion", r"crit|loss|objective|^cost"),
    ("loader", r"loader|batches|iter|dataset|stream"),
    ("model", r"model|net|module|lstm|rnn|gru|gcn|gat|cell|classifier"),
    ("graph", r"edge|adj|graph|a_hat|^a$"),
    ("mask", r"mask|train_idx|idx"),
    ("device", r"device"),
    ("number", r"clip|max_norm|lr|rate|epoch|step|norm|iteration|limit|threshold"),
    ("pair", r"^batch$|^data$|sample|example"),
    ("targets", r"target|label|^y|^t$|truth|out|class|gold|next|expected"),
    ("inputs", r"^x|input|feat|seq|token|data|batch|^s$|text"),
)


def _meaning(name: str) -> str | None:
    return next((meaning for meaning, pattern in _RULES if re.search(pattern, name.lower())), None)


def trials(step: Callable[..., Any], target: Any, reference: str) -> Iterator[Trial]:
    """Ways of calling the step; each with a fresh model."""
    graph = REFERENCES[reference].family == "graph"
    for kind in ("classes", "one-hot", "numbers"):
        data = _graph_data(target) if graph else _sequence_data(target, reference)
        if data is None:
            return
        targets = _targets(data.output, kind)
        for criterion in (nn.CrossEntropyLoss, nn.NLLLoss) if not _is_log(data.output) else (nn.NLLLoss,):
            arguments = _arguments(step, data, targets, criterion())
            if arguments is None:
                continue
            words = f"{getattr(step, '__name__', 'step')}({', '.join(inspect.signature(step).parameters)})"
            yield Trial(data.model, arguments, targets if kind == "classes" else None, words)
            if not any(_meaning(name) == "criterion" for name in inspect.signature(step).parameters):
                break
            break


def _is_log(y: Tensor) -> bool:
    sums = y.exp().sum(-1)
    return bool((y <= 1e-6).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def _targets(output: Tensor, kind: str) -> Tensor:
    generator = torch.Generator().manual_seed(21)
    classes = output.shape[-1]
    drawn = torch.randint(classes, output.shape[:-1], generator=generator)
    if kind == "one-hot":
        return torch.nn.functional.one_hot(drawn, classes).to(output.dtype)
    return drawn if kind == "classes" else torch.randn(output.shape, generator=generator).to(output.dtype)


def _arguments(step: Callable[..., Any], data: _Data, targets: Tensor, criterion: nn.Module) -> tuple[Any, ...] | None:
    given: list[Any] = []
    pair = (*data.inputs, targets)
    for name, parameter in inspect.signature(step).parameters.items():
        if parameter.kind in (
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            continue
        meaning = _meaning(name)
        options: dict[str, Callable[[], Any]] = {
            "optimiser": lambda: torch.optim.SGD(data.model.parameters(), lr=0.05),
            "criterion": lambda: criterion,
            "loader": lambda: [pair, pair],
            "model": lambda: data.model,
            "graph": lambda: data.graph,
            "mask": lambda: torch.ones(data.output.shape[0], dtype=torch.bool),
            "device": lambda: torch.device("cpu"),
            "pair": lambda: pair,
            "targets": lambda: targets,
            "inputs": lambda: data.inputs[0],
            "schedule": lambda: None,
        }
        if meaning in ("inputs", "pair") and not _has_targets(step):
            meaning = "pair" if meaning == "pair" or name.lower() in ("batch", "data") else meaning
        elif meaning == "pair":
            meaning = "inputs"
        if meaning in options:
            value = options[meaning]()
            if meaning == "schedule" and parameter.default is inspect.Parameter.empty:
                optimiser = next((g for g in given if isinstance(g, torch.optim.Optimizer)), None)
                if optimiser is None:
                    return None
                value = torch.optim.lr_scheduler.StepLR(optimiser, 100)
            given.append(value)
        elif parameter.default is not inspect.Parameter.empty:
            given.append(parameter.default)
        elif meaning == "number":
            given.append(0.05 if re.search(r"clip|norm|limit|threshold|lr|rate", name.lower()) else 1)
        else:
            return None
    return tuple(given)


def _has_targets(step: Callable[..., Any]) -> bool:
    return any(_meaning(name) == "targets" for name in inspect.signature(step).parameters)


def _sequence_data(target: Any, reference: str) -> _Data | None:
    best: _Data | None = None
    for build in builds(target, Sizes()):
        try:
            torch.manual_seed(3)
            model = build.make()
        except Exception:
            continue
        for call in calls(model, REFERENCES[reference].family == "lstm"):
            if call.form == "cell":
                continue
            subject = Subject(model, build.sizes, call, build)
            x = subject.input(17)
            x = x.transpose(0, 1) if call.layout == "BT" else x[:, 0] if call.layout == "T" else x
            x = x.contiguous()
            try:
                seen = subject.see(subject.input(17), training=True)
                subject.storage.restore()
                model.train()
                with torch.no_grad():
                    output = flatten(model(x))[0]
                subject.storage.restore()
            except Exception:
                subject.storage.restore()
                continue
            del seen
            data = _Data(model.train(), (x,), output)
            if output.shape[-1] == build.sizes.C:
                return data
            best = best or data
    return best


def _graph_data(target: Any) -> _Data | None:
    from unrolled.doctor.graphs import _edges, _layers, _matrix, _PAIRS, _SIZES, _N  # noqa: I001

    torch.manual_seed(3)
    layer = next(_layers(target, []), None)
    if layer is None:
        return None
    x = torch.randn(_N, _SIZES.I)
    edges = _edges(_PAIRS, both=True)
    A = _matrix(edges)
    graph = {"edges": edges, "dense": A, "sparse": A.to_sparse()}.get(layer.call.form)
    with torch.no_grad():
        output = layer(x, edges)
    layer.storage.restore()
    with contextlib.suppress(Exception):
        layer.module.train()
    return _Data(layer.module, (x,), output, graph)

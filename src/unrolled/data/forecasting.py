"""What a forecasting task is: windows of what nodes measured, what they will measure, and forecasts of no network.

A task knows everything of its data; a network answers in numbers of order one, and `ForecastBatch.forecast` turns
them into the data's unit. Axes are T time, P horizons, B windows, N nodes, F features, O outputs.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from unrolled.data.question import Question
from unrolled.errors import SpecError
from unrolled.graph import Graph

__all__ = ["PARTS", "ForecastBatch", "Forecasting", "Graphs", "Part", "horizon_list"]

Part = Literal["train", "validation", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "validation", "test")

Graphs = Graph | tuple[tuple[Graph, ...], ...]
"""One graph for all, or of each step those of the B windows."""


@dataclass(frozen=True, eq=False)
class ForecastBatch:
    """Windows with what came after them.

    Attributes:
        inputs: ``[T, B, N, F]``, the past as a network reads it.
        graphs: who neighbours whom.
        bases: ``[P, B, N, O, J]``, J simple forecasts, of which a network may take a share.
        scale: of what is left: ``[P, B, 1, 1]`` or what broadcasts so, in the data's unit.
        targets: ``[P, B, N, O]``, what came, in the data's unit; anything finite where it is not known.
        known: bool ``[P, B, N]``, which targets are.
    """

    inputs: Tensor
    graphs: Graphs
    bases: Tensor
    scale: Tensor
    targets: Tensor
    known: Tensor

    def forecast(self, answer: Tensor) -> Tensor:
        """A network's answer ``[P, B, N, O + J]`` in the data's unit: shares of the simple forecasts, and the rest.

        ::

            y^_p = Σ_j share_pj · base_pj + scale_p · rest_p
        """
        outputs = self.targets.shape[-1]
        rest, shares = answer[..., :outputs], answer[..., outputs:]
        return (self.bases * shares.unsqueeze(-2)).sum(-1) + self.scale * rest

    def to(self, device: torch.device, dtype: torch.dtype) -> ForecastBatch:
        """The same on a device, with numbers of a dtype; itself where it is there already."""
        if self.inputs.device == device and self.inputs.dtype == dtype:
            return self
        graphs: Graphs
        if isinstance(self.graphs, Graph):
            graphs = self.graphs.to(device)
        else:
            graphs = tuple(tuple(graph.to(device) for graph in step) for step in self.graphs)
        numbers = (each.to(device, dtype) for each in (self.inputs, self.bases, self.scale, self.targets))
        inputs, bases, scale, targets = numbers
        return ForecastBatch(inputs, graphs, bases, scale, targets, self.known.to(device))


class Forecasting(Question):
    """What will the nodes of a graph measure, some steps ahead, given what they measured in a window?

    The windows are in three parts: training goes down the gradient at ``train`` alone, ``validation`` says which
    weights to keep, and ``test`` is looked at once, at the end.

    Attributes:
        horizons: how many steps ahead, P of them, in rising order.
        window: T, steps that are read.
        nodes: N.
        features: F.
        outputs: O.
        unit: of what is forecast.
        simple: names of the J simple forecasts that a network may take a share of.
        shares: the share of each that a network begins with.
    """

    horizons: tuple[int, ...]
    window: int
    nodes: int
    features: int
    outputs: int
    unit: str
    simple: tuple[str, ...]
    shares: tuple[float, ...]

    @abstractmethod
    def count(self, part: Part) -> int:
        """How many windows a part has."""

    @abstractmethod
    def batch(self, part: Part, windows: Tensor) -> ForecastBatch:
        """Some windows of a part.

        Args:
            part: which.
            windows: their numbers, ``0 … count(part) − 1``.
        """

    @abstractmethod
    def asked(self, part: Part, windows: Tensor) -> int:
        """How many targets of these windows are known: the sum of `ForecastBatch.known`, without building them."""

    @abstractmethod
    def baselines(self, batch: ForecastBatch) -> Mapping[str, Tensor]:
        """Forecasts ``[P, B, N, O]`` that need no network, by name, to stand beside every result."""


def horizon_list(given: str) -> tuple[int, ...]:
    """Horizons as options give them: ``1,5,10``.

    Raises:
        SpecError: not whole numbers of 1 or more, each greater than the one before.
    """
    words = given.replace(" ", "").split(",")
    if not all(word.isascii() and word.isdecimal() and int(word) >= 1 for word in words):
        raise SpecError(f"horizons is {given!r}: steps ahead, each 1 or more, as 1,5,10")
    numbers = tuple(map(int, words))
    if any(after <= before for before, after in itertools.pairwise(numbers)):
        raise SpecError(f"horizons is {given!r}: each greater than the one before, as 1,5,10")
    return numbers

"""The processes that train one network together, each on its rows of every batch; as a rule there is one.

::

    g = Σ_r g_r · n_r / n        g_r the gradient of process r's mean loss over its n_r answers, n = Σ_r n_r

so that any number of processes takes the steps that one takes, up to the order of the sums. Under torchrun there
are as many as it started: ``torchrun --nproc-per-node 2 -m unrolled.cli train text``. The first alone writes the run.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, final

import torch
import torch.distributed
from torch import Tensor
from torch.nn import Parameter

from unrolled.errors import SpecError

__all__ = ["Processes", "is_first_process", "join_processes", "process_count"]


class Processes(ABC):
    """Abstract: this process among those of its run.

    Attributes:
        rank: this one's number, from 0.
        count: how many there are.
    """

    rank: int
    count: int

    def rows(self, batch: int) -> slice:
        """Which rows of a batch of that size are this process's."""
        return slice(self.rank * batch // self.count, (self.rank + 1) * batch // self.count)

    @abstractmethod
    def add(self, weights: list[Parameter], figures: Tensor) -> Tensor:
        """Sum the weights' gradients over the processes, in place, and some figures, which are returned."""

    @abstractmethod
    def gathered(self, tensor: Tensor, axis: int) -> Tensor:
        """Every process's tensor in their order, joined on an axis."""

    @abstractmethod
    def shared(self, value: Any) -> Any:
        """The first process's value, in all of them."""


def process_count() -> int:
    """How many processes torchrun started for one run; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this is the process that writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def join_processes(device: torch.device, batch: int) -> Processes:
    """Take this process's place among those that torchrun started; alone without it.

    Raises:
        SpecError: fewer sequences in a batch than processes.
    """
    count = process_count()
    if count == 1:
        return _Alone()
    if batch < count:
        raise SpecError(f"batch is {batch}, but {count} processes share it: at least one sequence for each")
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo" if device.type == "cpu" else None)
    return _Together()


@final
class _Alone(Processes):
    rank, count = 0, 1

    def add(self, weights: list[Parameter], figures: Tensor) -> Tensor:
        return figures

    def gathered(self, tensor: Tensor, axis: int) -> Tensor:
        return tensor

    def shared(self, value: Any) -> Any:
        return value


@final
class _Together(Processes):
    def __init__(self) -> None:
        self.rank, self.count = torch.distributed.get_rank(), torch.distributed.get_world_size()

    def add(self, weights: list[Parameter], figures: Tensor) -> Tensor:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([figures.to(gradients[0]), *(gradient.flatten() for gradient in gradients)])
        torch.distributed.all_reduce(flat)
        begin = len(figures)
        for gradient in gradients:
            gradient.copy_(flat[begin : begin + gradient.numel()].view_as(gradient))
            begin += gradient.numel()
        return flat[: len(figures)]

    def gathered(self, tensor: Tensor, axis: int) -> Tensor:
        parts: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(parts, tensor.cpu())
        return torch.cat(parts, axis)

    def shared(self, value: Any) -> Any:
        box = [value]
        torch.distributed.broadcast_object_list(box)
        return box[0]

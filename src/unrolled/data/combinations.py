"""Random combinations: say which number has not been seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["RandomCombinations"]


@final
@dataclass(frozen=True, slots=True)
class RandomCombinations(Task):
    """Predict the last entry of a uniformly drawn permutation of 0 … N − 1 from the N − 1 before it.

    ::

        π ~ uniform on the permutations of 0 … N − 1
        inputs = π_1 … π_{N−1}      target = π_N, the one number not among the inputs

    The permutation 2, 0, 3, 1 at N = 4:

    >>> batch = RandomCombinations(size=4).split(torch.tensor([[2], [0], [3], [1]]))
    >>> batch.inputs[:, 0].tolist(), batch.targets[0].item()
    ([2, 0, 3], 1)

    At N = 2 the answer is the other symbol. Chance and majority are both 1/N. Order does not matter, so a bag
    of symbols suffices: the task asks for a memory of N − 1 facts, not of one fact for N − 1 steps.

    Source: the course's ``random combination`` data set, the same but for the draw: a whole batch at once.

    Args:
        size: N, 2 or more.

    Raises:
        SpecError: a size that is no whole number or below 2.
    """

    name = "random-combinations"
    size: int = 10

    def __post_init__(self) -> None:
        require_whole_number(self.name, "size", self.size, least=2)

    @property
    def symbols(self) -> int:
        """N."""
        return self.size

    @property
    def classes(self) -> int:
        """N."""
        return self.size

    @property
    def steps(self) -> int:
        """N − 1."""
        return self.size - 1

    @property
    def majority(self) -> float:
        """1/N: the last entry is uniform."""
        return 1 / self.size

    def split(self, permutations: Tensor) -> Batch:
        """Permutations, int64 ``[N, B]``, as inputs and the last entry asked."""
        return Batch(inputs=permutations[:-1], targets=permutations[-1])

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw permutations and split them."""
        # float64: two keys of a column tie about once in 2⁵³ draws, so the order is uniform for every purpose
        keys = torch.rand(self.size, batch, dtype=torch.float64, generator=generator)
        return self.split(keys.argsort(0))

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"random combinations of {self.size}: {self.steps} different numbers in, the missing one asked; "
            f"guessing scores {self.majority:.3f}"
        )

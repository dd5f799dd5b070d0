"""The copy problem: read ten symbols, wait, and say them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

import torch
from torch import Generator, Tensor

from unrolled.data.task import Batch, Task, require_whole_number

__all__ = ["Copying"]

_COUNT: Final = 10  # symbols to remember
_ALPHABET: Final = 8
_BLANK: Final = 0
_SIGNAL: Final = 9


@final
@dataclass(frozen=True, slots=True)
class Copying(Task):
    """Say ten symbols again, in order, T steps after the last of them was read.

    ::

        s_1 … s_10 ~ uniform on 1 … 8
        inputs = s_1 … s_10, T − 1 blanks (0), the signal (9), 10 blanks         T + 20 steps
        targets = s_1 − 1 … s_10 − 1, one at each of the last ten steps

    The symbols 3, 1, 4, 1, 5, 2, 6, 5, 3, 5 at T = 3:

    >>> batch = Copying(delay=3).delayed(torch.tensor([[3, 1, 4, 1, 5, 2, 6, 5, 3, 5]]).T)
    >>> batch.inputs[:13, 0].tolist(), batch.targets[:, 0].tolist()
    ([3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 0, 0, 9], [2, 0, 3, 0, 4, 1, 5, 4, 2, 4])

    Chance and majority are both 1/8, a loss of ln 8 = 2.0794 nats an answer.

    Source: Arjovsky, Shah & Bengio, *Unitary Evolution Recurrent Neural Networks*, 2016, after Hochreiter &
    Schmidhuber 1997. There the T + 10 steps before the answer are asked too, and the right answer to them is
    "blank": the loss of a model without memory, averaged over all T + 20, is 10 ln 8 / (T + 20). Here only the ten
    symbols are asked, so that accuracy and loss do not depend on T; where the blanks are right, the loss there is
    ours times 10 / (T + 20).

    Args:
        delay: T, 1 or more.

    Raises:
        SpecError: a delay that is no whole number or below 1.
    """

    name = "copying"
    counted: ClassVar[str] = "symbols"
    delay: int = 20

    def __post_init__(self) -> None:
        require_whole_number(self.name, "delay", self.delay, least=1)

    @property
    def symbols(self) -> int:
        """Blank, eight symbols, the signal."""
        return _ALPHABET + 2

    @property
    def classes(self) -> int:
        """The eight symbols."""
        return _ALPHABET

    @property
    def steps(self) -> int:
        """T + 20."""
        return self.delay + 2 * _COUNT

    @property
    def answers(self) -> int:
        """Ten."""
        return _COUNT

    @property
    def majority(self) -> float:
        """One in eight: every symbol is uniform."""
        return 1 / _ALPHABET

    def delayed(self, symbols: Tensor) -> Batch:
        """The task for ``symbols``, int64 ``[10, B]``, each 1 … 8."""
        inputs = torch.full((self.steps, symbols.shape[1]), _BLANK, dtype=torch.int64)
        inputs[:_COUNT] = symbols
        inputs[-_COUNT - 1] = _SIGNAL
        return Batch(inputs=inputs, targets=symbols - 1)

    def sample(self, batch: int, generator: Generator) -> Batch:
        """Draw the symbols."""
        return self.delayed(torch.randint(1, _ALPHABET + 1, (_COUNT, batch), generator=generator))

    def describe(self) -> str:
        """See `Task.describe`."""
        return (
            f"the copy problem, T = {self.delay}: ten symbols in, {self.delay} steps of waiting, all ten asked; "
            f"guessing scores {self.majority:.3f}"
        )

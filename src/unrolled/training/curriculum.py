"""A task that begins small and grows as it is solved."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from typing import Any, final

from unrolled.analysis.evaluation import COUNT, SOLVED
from unrolled.data import Task
from unrolled.spec import RunSpec, build_task

__all__ = ["Curriculum", "next_size"]


def next_size(size: int, last: int) -> int:
    """A quarter more, at least one more, at most the last."""
    return min(last, max(size + 1, -(-5 * size // 4)))


@final
class Curriculum:
    """Says which size of the task the next batch is of.

    ::

        n_0 = training.curriculum
        n ← min(N, max(n + 1, ⌈5n/4⌉))     where .99 of the answers to the last 2000 sequences of size n were right

    N is the task's own size. Training draws fresh sequences at every step, so what is counted is as unseen as an
    evaluation's, though by a network that still changes. After growing the count begins anew: at least 2000 sequences
    of every size are trained on. A network of the last size reads the smaller ones, for their symbols and classes are
    among its own.

    Args:
        spec: with a curriculum.

    Attributes:
        size: n.
        task: of that size.
        history: the step before which each size began, and the size.
    """

    def __init__(self, spec: RunSpec) -> None:
        assert spec.training.curriculum is not None
        assert spec.size is not None
        self._spec = dataclasses.replace(spec, training=dataclasses.replace(spec.training, curriculum=None))
        self._last = spec.size
        self._right: deque[float] = deque(maxlen=-(-COUNT // spec.training.batch))
        self.history: list[tuple[int, int]] = []
        self._begin(0, spec.training.curriculum)

    def _begin(self, step: int, size: int) -> None:
        self.size = size
        self.history.append((step, size))
        self._right.clear()
        self.task = self._build()

    def _build(self) -> Task:
        task = build_task(self._spec.sized(self.size))
        assert isinstance(task, Task)
        return task

    def hear(self, step: int, accuracy: float) -> None:
        """The share of right answers to the batch of the step that is the ``step``-th taken."""
        self._right.append(accuracy)
        is_full = len(self._right) == self._right.maxlen
        if self.size < self._last and is_full and sum(self._right) >= SOLVED * len(self._right):
            self._begin(step, next_size(self.size, self._last))

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON."""
        return {"history": [list(pair) for pair in self.history], "right": list(self._right)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.history = [(step, size) for step, size in state["history"]]
        self.size = self.history[-1][1]
        self._right.clear()
        self._right.extend(state["right"])
        self.task = self._build()

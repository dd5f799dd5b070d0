"""What every task is: a question; of those with so many answers, how far one gets without understanding it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

__all__ = ["Choice", "Question"]


class Question(ABC):
    """Asked of sequences by a `Task`, of a graph's nodes by `NodeClassification`, of the future by `Forecasting`."""

    name: ClassVar[str]
    """The task's name in the tables and on the command line."""

    @abstractmethod
    def describe(self) -> str:
        """What goes in, what is asked and what needs no network, in one line."""


class Choice(Question):
    """A question whose answer is one of several classes."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many different answers there are."""

    @property
    def chance(self) -> float:
        """Accuracy of an answer drawn uniformly from the classes."""
        return 1 / self.classes

    @property
    @abstractmethod
    def majority(self) -> float:
        """Accuracy of the best constant answer: what a model that has understood nothing can reach."""

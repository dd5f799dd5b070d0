"""What every task is: a question; of those with so many answers, how far one gets without understanding it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from unrolled.data.marking import Marking, OneOf

__all__ = ["Choice", "Question"]


class Question(ABC):
    """Asked of sequences by a `Task`, of a graph's nodes by `NodeClassification`, of the future by `Forecasting`."""

    name: ClassVar[str]
    """The task's name in the tables and on the command line."""

    @abstractmethod
    def describe(self) -> str:
        """What goes in, what is asked and what needs no network, in one line."""


class Choice(Question):
    """A question whose answers are right or wrong: one of several classes, or a number that is near enough."""

    marking: ClassVar[Marking] = OneOf()
    """How answers are marked."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many different answers there are; 1 where the answer is a number."""

    @property
    def chance(self) -> float:
        """Accuracy of an answer drawn uniformly from the classes."""
        return 1 / self.classes

    @property
    @abstractmethod
    def majority(self) -> float:
        """Accuracy of the best constant answer: what a model that has understood nothing can reach."""

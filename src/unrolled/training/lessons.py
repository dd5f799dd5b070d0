"""Which lesson teaches which task."""

from __future__ import annotations

import torch

from unrolled.data import Forecasting, NodeClassification, Question, Task
from unrolled.spec import RunSpec
from unrolled.training.forecast_lesson import ForecastLesson
from unrolled.training.lesson import Lesson, NodeLesson, SequenceLesson
from unrolled.training.processes import Processes

__all__ = ["build_lesson"]


def build_lesson(spec: RunSpec, task: Question, device: torch.device, processes: Processes) -> Lesson:
    """The lesson of a spec."""
    if isinstance(task, Forecasting):
        return ForecastLesson(spec, task, device, processes)
    if isinstance(task, NodeClassification):
        return NodeLesson(spec, task, device, processes)
    assert isinstance(task, Task)
    return SequenceLesson(spec, task, device, processes)

"""From a trained model to text."""

from unrolled.generation.beam import Hypothesis, beam_search
from unrolled.generation.choice import Choice, temperature_of
from unrolled.generation.sampling import Sample, draw_samples, generate
from unrolled.generation.stream import Stream
from unrolled.generation.text_model import Reading, Score, TextModel, load, packaged_run

__all__ = [
    "Choice",
    "Hypothesis",
    "Reading",
    "Sample",
    "Score",
    "Stream",
    "TextModel",
    "beam_search",
    "draw_samples",
    "generate",
    "load",
    "packaged_run",
    "temperature_of",
]

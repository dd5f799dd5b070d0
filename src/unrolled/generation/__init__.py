"""From a trained model to text."""

from unrolled.generation.sampling import Sample, draw_samples, generate

__all__ = ["Sample", "draw_samples", "generate"]

"""The models that derivations are about, a file each."""

from __future__ import annotations

from unrolled.derivation.models import gcn, gru, lstm, rnn, softmax
from unrolled.derivation.models.model import Model

__all__ = ["MODELS", "Model"]

MODELS: dict[str, Model] = {model.name: model for model in (rnn.MODEL, lstm.MODEL, gru.MODEL, gcn.MODEL, softmax.MODEL)}
"""By the name that the command line uses."""

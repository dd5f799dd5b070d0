"""Softmax and cross-entropy."""

from __future__ import annotations

import torch

from unrolled.derivation.instance import Graph, Sizes
from unrolled.derivation.models.model import Model, classify, normal

__all__ = ["MODEL"]


def _build(sizes: Sizes, draw: torch.Generator) -> Graph:
    p = normal(draw, sizes.K, 1)
    y, yhat, loss = classify(p, sizes.answer)
    return Graph(loss, {"p": p, "y": y, "yhat": yhat}, {"K": sizes.K, "T": sizes.T})


MODEL = Model(
    name="softmax",
    equations=("yhat = softmax(p)", "L = -sum(i=1..K, y[i] log(yhat[i]))"),
    build=_build,
    right={
        "dL/dp": "yhat - y",
        "dL/dp[j]": "yhat[j] - y[j]",
        "dL/dyhat": "-y / yhat",
        "dL/dyhat[i]": "-y[i] / yhat[i]",
        "dyhat/dp": "diag(yhat) - yhat yhat^T",
        "dyhat[i]/dp[j]": "yhat[i] (kron(i, j) - yhat[j])",
    },
    spellings={"y_hat": "yhat", "p_T": "p", "yhat_T": "yhat", "z": "p", "logits": "p"},
)

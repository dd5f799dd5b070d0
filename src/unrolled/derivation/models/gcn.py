"""A graph convolution of two layers with relu between them; the loss is summed over the nodes."""

from __future__ import annotations

import torch

from unrolled.derivation.instance import Graph, Sizes
from unrolled.derivation.models.model import Model, normal

__all__ = ["MODEL"]


def _build(sizes: Sizes, draw: torch.Generator) -> Graph:
    N, F, H, K = sizes.T + 3, sizes.I, sizes.H, sizes.K
    linked = torch.rand(N, N, generator=draw) < 0.35
    linked = linked | linked.T
    A = linked.double().fill_diagonal_(1)
    scale = A.sum(1).rsqrt()
    Ahat = scale[:, None] * A * scale
    X, W_0, W_1 = normal(draw, N, F), normal(draw, F, H), normal(draw, H, K)
    Z_1 = Ahat @ X @ W_0
    H_1 = torch.relu(Z_1)
    P = Ahat @ H_1 @ W_1
    Yhat = torch.softmax(P, 1)
    Y = torch.nn.functional.one_hot(torch.randint(K, (N,), generator=draw), K).double()
    loss = -(Y * Yhat.log()).sum()
    quantities = {"Ahat": Ahat, "X": X, "W_0": W_0, "W_1": W_1, "Z_1": Z_1, "H_1": H_1, "P": P, "Yhat": Yhat, "Y": Y}
    return Graph(loss, quantities, {"N": N, "K": K, "T": sizes.T})


MODEL = Model(
    name="gcn",
    equations=(
        "Z_1 = Ahat X W_0,  H_1 = relu(Z_1)",
        "P = Ahat H_1 W_1,  Yhat = softmax(P) row by row",
        "L = -sum(n=1..N, sum(i=1..K, Y[n,i] log(Yhat[n,i])))",
        "Ahat is symmetric; step(Z) is 1 where Z > 0, else 0",
    ),
    build=_build,
    right={
        "dL/dP": "Yhat - Y",
        "dL/dW_1": "H_1^T Ahat^T (Yhat - Y)",
        "dL/dH_1": "Ahat^T (Yhat - Y) W_1^T",
        "dL/dZ_1": "(Ahat^T (Yhat - Y) W_1^T) ⊙ step(Z_1)",
        "dL/dW_0": "X^T Ahat^T ((Ahat^T (Yhat - Y) W_1^T) ⊙ step(Z_1))",
        "dL/dX": "Ahat^T ((Ahat^T (Yhat - Y) W_1^T) ⊙ step(Z_1)) W_0^T",
    },
    spellings={"A_hat": "Ahat", "Y_hat": "Yhat", "W0": "W_0", "W1": "W_1", "H1": "H_1", "H": "H_1", "Z": "Z_1"},
    groups=(("X", "H_1", "Z_1"), ("W_0", "W_1"), ("Y", "Yhat", "P")),
    slopes=("step(Z_1)",),
)

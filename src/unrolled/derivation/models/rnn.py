"""The vanilla RNN of spec and reports, with the loss at its last step only."""

from __future__ import annotations

import torch

from unrolled.derivation.instance import Graph, Sizes
from unrolled.derivation.models.model import Model, classify, normal

__all__ = ["MODEL"]


def _build(sizes: Sizes, draw: torch.Generator) -> Graph:
    T, I, H, K = sizes.T, sizes.I, sizes.H, sizes.K  # noqa: E741
    W_hx, W_hh, b_h = normal(draw, H, I), normal(draw, H, H), normal(draw, H, 1)
    W_ph, b_p = normal(draw, K, H), normal(draw, K, 1)
    x = {t: normal(draw, I, 1) for t in range(1, T + 1)}
    h = {0: torch.zeros(H, 1, dtype=torch.float64, requires_grad=True)}
    copies = {name: {t: w.clone() for t in x} for name, w in (("W_hx", W_hx), ("W_hh", W_hh), ("b_h", b_h))}
    a = {}
    for t in x:
        a[t] = copies["W_hx"][t] @ x[t] + copies["W_hh"][t] @ h[t - 1] + copies["b_h"][t]
        h[t] = torch.tanh(a[t])
    p = W_ph @ h[T] + b_p
    y, yhat, loss = classify(p, sizes.answer)
    weights = {"W_hx": W_hx, "W_hh": W_hh, "b_h": b_h, "W_ph": W_ph, "b_p": b_p}
    return Graph(loss, {**weights, "x": x, "h": h, "a": a, "p": p, "y": y, "yhat": yhat}, {"T": T, "K": K}, copies)


MODEL = Model(
    name="rnn",
    equations=(
        "a[t] = W_hx x[t] + W_hh h[t-1] + b_h",
        "h[t] = tanh(a[t]),  h[0] = 0",
        "p = W_ph h[T] + b_p,  yhat = softmax(p),  L = -sum(i=1..K, y[i] log(yhat[i]))",
        "delta[t] = dL/dh[t]",
    ),
    build=_build,
    right={
        "dL/dp": "yhat - y",
        "dL/dp[j]": "yhat[j] - y[j]",
        "dL/dyhat": "-y / yhat",
        "dyhat/dp": "diag(yhat) - yhat yhat^T",
        "dyhat[i]/dp[j]": "yhat[i] (kron(i, j) - yhat[j])",
        "dL/db_p": "yhat - y",
        "dL/dW_ph": "(yhat - y) h[T]^T",
        "dL/dh[T]": "W_ph^T (yhat - y)",
        "dL/dh[t]": "W_hh^T diag(1 - h[t+1]^2) delta[t+1]",
        "dL/da[t]": "(1 - h[t]^2) ⊙ delta[t]",
        "dL/dW_hh": "sum(k=1..T, diag(1 - h[k]^2) delta[k] h[k-1]^T)",
        "dL/dW_hx": "sum(k=1..T, diag(1 - h[k]^2) delta[k] x[k]^T)",
        "dL/db_h": "sum(k=1..T, diag(1 - h[k]^2) delta[k])",
        "dL/dx[t]": "W_hx^T diag(1 - h[t]^2) delta[t]",
        "dh[t]/dh[t-1]": "diag(1 - h[t]^2) W_hh",
        "dh[T]/dh[k]": "prod(j=T..k+1, diag(1 - h[j]^2) W_hh)",
        "dh[t]/dh[k]": "prod(j=t..k+1, diag(1 - h[j]^2) W_hh)",
    },
    named={"delta": "h"},
    spellings={"y_hat": "yhat", "yhat_T": "yhat", "p_T": "p", "z": "a", "W_xh": "W_hx", "W_hp": "W_ph", "W_yh": "W_ph"},
    groups=(("h", "x", "a", "delta"), ("W_hx", "W_hh", "W_ph"), ("y", "yhat", "p")),
    slopes=("1 - h[t]^2",),
)

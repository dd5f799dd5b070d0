"""The course's GRU (reset before the product, no biases), with the loss at its last step only."""

from __future__ import annotations

import torch

from unrolled.derivation.instance import Graph, Quantity, Sizes
from unrolled.derivation.models.model import Model, classify, normal

__all__ = ["MODEL"]


def _build(sizes: Sizes, draw: torch.Generator) -> Graph:
    T, I, H, K = sizes.T, sizes.I, sizes.H, sizes.K  # noqa: E741
    weights: dict[str, torch.Tensor] = {}
    for gate in ("z", "r", "h"):
        weights |= {f"W_{gate}x": normal(draw, H, I), f"W_{gate}h": normal(draw, H, H)}
    W_ph, b_p = normal(draw, K, H), normal(draw, K, 1)
    x = {t: normal(draw, I, 1) for t in range(1, T + 1)}
    copies = {name: {t: weight.clone() for t in x} for name, weight in weights.items()}
    h = {0: torch.zeros(H, 1, dtype=torch.float64, requires_grad=True)}
    states: dict[str, dict[int, torch.Tensor]] = {name: {} for name in ("z", "r", "htilde", "a_z", "a_r", "a_h")}
    z, r, htilde, a_z, a_r, a_h = states.values()
    for t in x:
        a_z[t] = copies["W_zx"][t] @ x[t] + copies["W_zh"][t] @ h[t - 1]
        a_r[t] = copies["W_rx"][t] @ x[t] + copies["W_rh"][t] @ h[t - 1]
        z[t], r[t] = torch.sigmoid(a_z[t]), torch.sigmoid(a_r[t])
        a_h[t] = copies["W_hx"][t] @ x[t] + copies["W_hh"][t] @ (r[t] * h[t - 1])
        htilde[t] = torch.tanh(a_h[t])
        h[t] = (1 - z[t]) * h[t - 1] + z[t] * htilde[t]
    p = W_ph @ h[T] + b_p
    y, yhat, loss = classify(p, sizes.answer)
    quantities: dict[str, Quantity] = {
        **weights,
        "W_ph": W_ph,
        "b_p": b_p,
        "x": x,
        "h": h,
        **states,
        "p": p,
        "y": y,
        "yhat": yhat,
    }
    return Graph(loss, quantities, {"T": T, "K": K}, copies)


def _step(t: str) -> str:
    """∂h_t/∂h_{t-1}, the step named as given."""
    return (
        f"diag(1 - z[{t}]) + diag((htilde[{t}] - h[{t}-1]) ⊙ z[{t}] ⊙ (1 - z[{t}])) W_zh"
        f" + diag(z[{t}] ⊙ (1 - htilde[{t}]^2)) W_hh (diag(r[{t}]) + diag(h[{t}-1] ⊙ r[{t}] ⊙ (1 - r[{t}])) W_rh)"
    )


MODEL = Model(
    name="gru",
    equations=(
        "a_z[t] = W_zx x[t] + W_zh h[t-1],  z[t] = sigma(a_z[t]);  the same for r",
        "a_h[t] = W_hx x[t] + W_hh (r[t] ⊙ h[t-1]),  htilde[t] = tanh(a_h[t])",
        "h[t] = (1 - z[t]) ⊙ h[t-1] + z[t] ⊙ htilde[t],  h[0] = 0",
        "p = W_ph h[T] + b_p,  yhat = softmax(p),  L = -sum(i=1..K, y[i] log(yhat[i]))",
        "delta[t] = dL/dh[t], all paths",
    ),
    build=_build,
    right={
        "dL/dp": "yhat - y",
        "dL/dW_ph": "(yhat - y) h[T]^T",
        "dL/dh[T]": "W_ph^T (yhat - y)",
        "dL/dz[t]": "delta[t] ⊙ (htilde[t] - h[t-1])",
        "dL/dhtilde[t]": "delta[t] ⊙ z[t]",
        "dL/da_h[t]": "delta[t] ⊙ z[t] ⊙ (1 - htilde[t]^2)",
        "dL/da_z[t]": "delta[t] ⊙ (htilde[t] - h[t-1]) ⊙ z[t] ⊙ (1 - z[t])",
        "dL/dr[t]": "(W_hh^T dL/da_h[t]) ⊙ h[t-1]",
        "dL/da_r[t]": "(W_hh^T dL/da_h[t]) ⊙ h[t-1] ⊙ r[t] ⊙ (1 - r[t])",
        "dL/dh[t]": "(1 - z[t+1]) ⊙ delta[t+1] + r[t+1] ⊙ (W_hh^T dL/da_h[t+1])"
        " + W_zh^T dL/da_z[t+1] + W_rh^T dL/da_r[t+1]",
        "dL/dW_hh": "sum(k=1..T, dL/da_h[k] (r[k] ⊙ h[k-1])^T)",
        "dL/dW_hx": "sum(k=1..T, dL/da_h[k] x[k]^T)",
        "dL/dW_zh": "sum(k=1..T, dL/da_z[k] h[k-1]^T)",
        "dL/dW_zx": "sum(k=1..T, dL/da_z[k] x[k]^T)",
        "dL/dW_rh": "sum(k=1..T, dL/da_r[k] h[k-1]^T)",
        "dL/dW_rx": "sum(k=1..T, dL/da_r[k] x[k]^T)",
        "dh[t]/dh[t-1]": _step("t"),
        "dh[T]/dh[k]": f"prod(j=T..k+1, {_step('j')})",
        "dh[t]/dh[k]": f"prod(j=t..k+1, {_step('j')})",
    },
    named={"delta": "h"},
    spellings={"y_hat": "yhat", "yhat_T": "yhat", "p_T": "p", "h_tilde": "htilde", "n": "htilde"},
    groups=(
        ("h", "htilde", "x"),
        ("z", "r"),
        ("a_z", "a_r", "a_h"),
        ("W_zh", "W_rh", "W_hh"),
        ("W_zx", "W_rx", "W_hx"),
        ("y", "yhat", "p"),
    ),
    slopes=("1 - htilde[t]^2", "z[t] ⊙ (1 - z[t])", "r[t] ⊙ (1 - r[t])"),
)

"""The LSTM, with the loss at its last step only."""

from __future__ import annotations

import torch

from unrolled.derivation.instance import Graph, Quantity, Sizes
from unrolled.derivation.models.model import Model, classify, normal

__all__ = ["MODEL"]

_GATES = ("g", "i", "f", "o")


def _build(sizes: Sizes, draw: torch.Generator) -> Graph:
    T, I, H, K = sizes.T, sizes.I, sizes.H, sizes.K  # noqa: E741
    weights: dict[str, torch.Tensor] = {}
    for gate in _GATES:
        weights |= {f"W_{gate}x": normal(draw, H, I), f"W_{gate}h": normal(draw, H, H), f"b_{gate}": normal(draw, H, 1)}
    W_ph, b_p = normal(draw, K, H), normal(draw, K, 1)
    x = {t: normal(draw, I, 1) for t in range(1, T + 1)}
    copies = {name: {t: weight.clone() for t in x} for name, weight in weights.items()}
    h, c = ({0: torch.zeros(H, 1, dtype=torch.float64, requires_grad=True)} for _ in range(2))
    before: dict[str, dict[int, torch.Tensor]] = {f"a_{gate}": {} for gate in _GATES}
    gates: dict[str, dict[int, torch.Tensor]] = {gate: {} for gate in _GATES}
    for t in x:
        for gate in _GATES:
            a = copies[f"W_{gate}x"][t] @ x[t] + copies[f"W_{gate}h"][t] @ h[t - 1] + copies[f"b_{gate}"][t]
            before[f"a_{gate}"][t] = a
            gates[gate][t] = torch.tanh(a) if gate == "g" else torch.sigmoid(a)
        c[t] = gates["g"][t] * gates["i"][t] + c[t - 1] * gates["f"][t]
        h[t] = torch.tanh(c[t]) * gates["o"][t]
    p = W_ph @ h[T] + b_p
    y, yhat, loss = classify(p, sizes.answer)
    quantities: dict[str, Quantity] = {**weights, "W_ph": W_ph, "b_p": b_p, "x": x, "h": h, "c": c, **before, **gates}
    return Graph(loss, {**quantities, "p": p, "y": y, "yhat": yhat}, {"T": T, "K": K}, copies)


_CELL_BY_STATE = (
    "diag(i[t] ⊙ (1 - g[t]^2)) W_gh + diag(g[t] ⊙ i[t] ⊙ (1 - i[t])) W_ih + diag(c[t-1] ⊙ f[t] ⊙ (1 - f[t])) W_fh"
)
_STATE_BY_CELL = "diag(o[t] ⊙ (1 - tanh(c[t])^2))"
_STATE_BY_OUTPUT_GATE = "diag(tanh(c[t]) ⊙ o[t] ⊙ (1 - o[t])) W_oh"

_RIGHT = {
    "dL/dp": "yhat - y",
    "dL/dW_ph": "(yhat - y) h[T]^T",
    "dL/dh[T]": "W_ph^T (yhat - y)",
    "dL/do[t]": "delta[t] ⊙ tanh(c[t])",
    "dL/dc[T]": "delta[T] ⊙ o[T] ⊙ (1 - tanh(c[T])^2)",
    "dL/dc[t]": "delta[t] ⊙ o[t] ⊙ (1 - tanh(c[t])^2) + dL/dc[t+1] ⊙ f[t+1]",
    "dL/df[t]": "dL/dc[t] ⊙ c[t-1]",
    "dL/di[t]": "dL/dc[t] ⊙ g[t]",
    "dL/dg[t]": "dL/dc[t] ⊙ i[t]",
    "dL/da_o[t]": "delta[t] ⊙ tanh(c[t]) ⊙ o[t] ⊙ (1 - o[t])",
    "dL/da_f[t]": "dL/dc[t] ⊙ c[t-1] ⊙ f[t] ⊙ (1 - f[t])",
    "dL/da_i[t]": "dL/dc[t] ⊙ g[t] ⊙ i[t] ⊙ (1 - i[t])",
    "dL/da_g[t]": "dL/dc[t] ⊙ i[t] ⊙ (1 - g[t]^2)",
    "dL/dh[t]": "W_gh^T dL/da_g[t+1] + W_ih^T dL/da_i[t+1] + W_fh^T dL/da_f[t+1] + W_oh^T dL/da_o[t+1]",
    **{f"dL/dW_{gate}h": f"sum(k=1..T, dL/da_{gate}[k] h[k-1]^T)" for gate in _GATES},
    **{f"dL/dW_{gate}x": f"sum(k=1..T, dL/da_{gate}[k] x[k]^T)" for gate in _GATES},
    **{f"dL/db_{gate}": f"sum(k=1..T, dL/da_{gate}[k])" for gate in _GATES},
    "dh[t]/dc[t]": _STATE_BY_CELL,
    "dc[t]/dh[t-1]": _CELL_BY_STATE,
    "dc[t]/dc[t-1]": "diag(f[t]) + dc[t]/dh[t-1] diag(o[t-1] ⊙ (1 - tanh(c[t-1])^2))",
    "dh[t]/dh[t-1]": f"{_STATE_BY_OUTPUT_GATE} + {_STATE_BY_CELL} dc[t]/dh[t-1]",
    "dc[t]/dh[k]": f"diag(f[t]) dc[t-1]/dh[k] + ({_CELL_BY_STATE}) dh[t-1]/dh[k]",
    "dh[t]/dh[k]": f"{_STATE_BY_OUTPUT_GATE} dh[t-1]/dh[k] + {_STATE_BY_CELL} dc[t]/dh[k]",
}

MODEL = Model(
    name="lstm",
    equations=(
        "a_g[t] = W_gx x[t] + W_gh h[t-1] + b_g,  the same for a_i, a_f, a_o",
        "g[t] = tanh(a_g[t]),  i[t] = sigma(a_i[t]),  f[t] = sigma(a_f[t]),  o[t] = sigma(a_o[t])",
        "c[t] = g[t] ⊙ i[t] + c[t-1] ⊙ f[t],  h[t] = tanh(c[t]) ⊙ o[t],  h[0] = c[0] = 0",
        "p = W_ph h[T] + b_p,  yhat = softmax(p),  L = -sum(i=1..K, y[i] log(yhat[i]))",
        "delta[t] = dL/dh[t], all paths; dL/dc[t] likewise",
    ),
    build=_build,
    right=_RIGHT,
    named={"delta": "h"},
    spellings={"y_hat": "yhat", "yhat_T": "yhat", "p_T": "p", "ctilde": "g"},
    groups=(
        ("h", "c", "x"),
        ("g", "i", "f", "o"),
        ("a_g", "a_i", "a_f", "a_o"),
        ("W_gh", "W_ih", "W_fh", "W_oh"),
        ("W_gx", "W_ix", "W_fx", "W_ox"),
        ("y", "yhat", "p"),
    ),
    slopes=("1 - g[t]^2", "i[t] ⊙ (1 - i[t])", "f[t] ⊙ (1 - f[t])", "o[t] ⊙ (1 - o[t])", "1 - tanh(c[t])^2"),
)

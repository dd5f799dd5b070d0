"""Derivations as people write them: right ones, and wrong ones with what has to be said of them."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """A wrong derivation; `said` must stand in one of its findings (empty: the verdict alone is asked)."""

    model: str
    text: str
    said: str = ""


RIGHT: list[tuple[str, str]] = [
    ("rnn", "dL/dW_ph = (yhat - y) h[T]^T"),
    ("rnn", "dL/dW_ph = outer(yhat - y, h[T])"),
    ("rnn", "∂L/∂W_ph = (ŷ - y) h_Tᵀ"),
    ("rnn", r"\frac{\partial L}{\partial W_{ph}} = (\hat{y} - y) h_T^\top"),
    (
        "rnn",
        r"\dfrac{\partial \mathcal{L}_T}{\partial \mathbf{W}_{ph}} = "
        r"\left( \hat{\mathbf{y}} - \mathbf{y} \right) \mathbf{h}_T^{T}",
    ),
    ("rnn", "dL/dp = yhat - y"),
    ("rnn", "dL/dp[j] = yhat[j] - y[j]"),
    ("rnn", "dL/dp[j] = sum(i=1..K, -y[i] / yhat[i] * yhat[i] * (kron(i, j) - yhat[j]))"),
    (
        "rnn",
        r"\frac{\partial L}{\partial p_j} = -\sum_{i=1}^{K} \frac{y_i}{\hat{y}_i} \hat{y}_i (\delta_{ij} - \hat{y}_j)",
    ),
    ("rnn", "dL/db_p = yhat - y"),
    ("rnn", "dL/dW_hh = sum(k=1..T, outer(diag(1-h[k]^2) * delta[k], h[k-1]))"),
    ("rnn", "dL/dW_hh = sum(k=1..T, (delta[k] ⊙ (1 - h[k]^2)) h[k-1]^T)"),
    ("rnn", "dL/dW_hh = sum(k=1..T, delta[k] .* (1 - h[k]**2) @ h[k-1].T)"),
    (
        "rnn",
        r"\frac{\partial L}{\partial W_{hh}} = "
        r"\sum_{t=1}^{T} \operatorname{diag}(1 - h_t \odot h_t)\, \delta_t\, h_{t-1}^{\top}",
    ),
    ("rnn", "dL/dW_hh = sum(k=2..T, dL/da[k] h[k-1]^T)"),
    ("rnn", "dL/dW_hh = sum(k=0..T-1, diag(1 - h[T-k]^2) delta[T-k] h[T-k-1]^T)"),
    ("rnn", "dL/dW_hh = (sum(k=1..T, h[k-1] (diag(tanh'(a[k])) delta[k])^T))^T"),
    (
        "rnn",
        "dL/dW_hh = sum(k=1..T, diag(1-h[k]^2) prod(j=k+1..T, W_hh^T diag(1-h[j]^2)) W_ph^T (yhat - y) h[k-1]^T)",
    ),
    (
        "rnn",
        "delta[T] = W_ph^T (yhat - y)\ndelta[k-1] = W_hh^T diag(1 - h[k]^2) delta[k]\n"
        "dL/dW_hh = sum(k=1..T, diag(1 - h[k]^2) delta[k] h[k-1]^T)",
    ),
    (
        "rnn",
        "e[T] = (W_ph^T (yhat - y)) ⊙ (1 - h[T]^2); e[t] = (W_hh^T e[t+1]) ⊙ (1 - h[t]^2); "
        "dL/dW_hx = sum(t=1..T, e[t] x[t]^T)",
    ),
    ("rnn", "dL/dW_hh[i,j] = sum(k=1..T, (1 - h[k,i]^2) delta[k,i] h[k-1,j])"),
    ("rnn", "dh[t]/dh[t-1] = diag(1 - h[t]^2) W_hh"),
    ("rnn", "dh[T]/dh[k] = prod(j=T..k+1, diag(1 - h[j]^2) W_hh)"),
    ("rnn", "dh[t]/dh[k] = prod(j=t..k+1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[t]/dh[k] = prod(j=k+1..t, W_hh^T diag(1-h[j]^2))^T"),
    ("rnn", "dh[t]/dh[k] = dh[t]/dh[k+1] diag(1-h[k+1]^2) W_hh"),
    ("rnn", "dh[t]/dh[k] = diag(1-h[t]^2) W_hh dh[t-1]/dh[k]"),
    ("rnn", "dh[t]/dh[k] = diag(1-h[t]^2) W_hh prod(j=t-1..k+1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[t]/dh[k] = diag(1-h[t]^2) da[t]/dh[k]"),
    ("rnn", "da[t]/dh[k] = W_hh prod(j=t-1..k+1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[t]/dx[k] = dh[t]/dh[k] diag(1-h[k]^2) W_hx"),
    ("rnn", "dh[t]/dh[t-2] = prod(j=t..t-1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[2]/dh[0] = prod(j=2..1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[2]/dh[k] = prod(j=2..k+1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[2]/dh[k] = prod(j=k+1..2, W_hh^T diag(1-h[j]^2))^T"),
    ("rnn", "dh[T-1]/dh[k] = prod(j=T-1..k+1, diag(1-h[j]^2) W_hh)"),
    ("rnn", "dh[t]/db_h = sum(k=1..t, prod(j=t..k+1, diag(1-h[j]^2) W_hh) diag(1-h[k]^2))"),
    ("rnn", "dh[t]/dh[t+1] = 0"),
    ("rnn", "dL/dW_hh = sum(k=T-1..1, diag(1-h[k]^2) delta[k] h[k-1]^T) + diag(1-h[T]^2) delta[T] h[T-1]^T"),
    ("rnn", "e[k-1] = prod(j=T-1..k, diag(1-h[j]^2) W_hh)^T delta[T-1]; dL/dh[0] = e[0]"),
    ("rnn", r"\delta_{t-1} = W_{hh}^\top \mathrm{diag}(1 - h_t^2)\, \delta_t"),
    ("rnn", "dL/dx[t] = W_hx^T (delta[t] ⊙ (1 - h[t]^2))  # the input's"),
    ("lstm", "dL/dc[t] = delta[t] ⊙ o[t] ⊙ (1 - tanh(c[t])^2) + dL/dc[t+1] ⊙ f[t+1]"),
    ("lstm", "dL/df[t] = dL/dc[t] ⊙ c[t-1]"),
    ("lstm", "dL/dW_fh = sum(t=1..T, (dL/dc[t] ⊙ c[t-1] ⊙ f[t] ⊙ (1 - f[t])) h[t-1]^T)"),
    ("lstm", r"\frac{\partial L}{\partial o_t} = \frac{\partial L}{\partial h_t} \odot \tanh(c_t)"),
    ("gru", "dL/dz[t] = delta[t] ⊙ (htilde[t] - h[t-1])"),
    ("gru", "dL/dW_hh = sum(k=1..T, (delta[k] ⊙ z[k] ⊙ (1 - htilde[k]^2)) (r[k] ⊙ h[k-1])^T)"),
    ("gcn", "dL/dW_1 = (Ahat H_1)^T (Yhat - Y)"),
    ("gcn", "dL/dW_0 = (Ahat X)^T ((Ahat (Yhat - Y) W_1^T) ⊙ relu'(Z_1))"),
    ("softmax", "dyhat/dp = diag(yhat) - yhat yhat^T"),
    ("softmax", "dyhat[i]/dp[j] = yhat[i] (kron(i,j) - yhat[j])"),
    ("softmax", r"\frac{\partial \hat{y}_i}{\partial p_j} = \hat{y}_i (\delta_{ij} - \hat{y}_j)"),
]

WRONG: list[Wrong] = [
    Wrong("rnn", "dL/dp[j] = y[1] sum(i=1..K, yhat[i])", "does not depend on j"),
    Wrong("rnn", "dL/dp[j] = y[1] sum(i=1..K, yhat[i])", "should be yhat[j] - y[j]"),
    Wrong("rnn", "dL/dW_ph[i,j] = y[1] sum(m=1..K, yhat[m]) h[T,j]", "should be yhat[i] - y[i]"),
    Wrong("rnn", "dL/dW_hh = (W_hh^T)^(T-1) prod(k=1..T, diag(1-h[k]^2)) delta[T] h[0]^T", "h[0] = 0"),
    Wrong(
        "rnn", "dL/dW_hh = (W_hh^T)^(T-1) prod(k=1..T, diag(1-h[k]^2)) delta[T] h[0]^T", "sum over the steps is missing"
    ),
    Wrong(
        "rnn",
        "dL/dW_hh = sum(k=1..T, (W_hh^T)^(T-k) prod(j=k..T, diag(1-h[j]^2)) delta[T] h[k-1]^T)",
        "does not commute",
    ),
    Wrong("rnn", "dyhat[i]/dp[j] = -yhat[i] yhat[j]", "Kronecker delta"),
    Wrong("rnn", "dL/dW_ph = yhat h[T]^T", "Kronecker delta"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, diag(1-h[k]) delta[k] h[k-1]^T)", "1 - h², not 1 - h"),
    Wrong(
        "rnn",
        r"\frac{\partial L}{\partial W_{hh}} = \sum_{k=1}^T \mathrm{diag}(1 - h_k) \delta_k h_{k-1}^\top",
        "1 - h², not 1 - h",
    ),
    Wrong("rnn", "dL/dW_ph = (y - yhat) h[T]^T", "sign is wrong"),
    Wrong("rnn", "dL/dW_ph = h[T] (yhat - y)^T", "transposed as a whole"),
    Wrong("rnn", "dL/dW_ph = 2 (yhat - y) h[T]^T", "2 times"),
    Wrong("rnn", "dL/dW_ph = (yhat - y) h[T-1]^T", "one step off"),
    Wrong("rnn", "dL/dW_ph = (yhat - y) x[T]^T", "6×3"),
    Wrong("rnn", "dL/dW_ph = (yhat - y) h[T]", "does not multiply"),
    Wrong("rnn", "dL/dW_hh = diag(1-h[T]^2) delta[T] h[T-1]^T", "share of k = T alone"),
    Wrong("rnn", "dL/dW_hh = sum(k=2..T-1, diag(1-h[k]^2) delta[k] h[k-1]^T)", "ends at the wrong k"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T-1, diag(1-h[k]^2) delta[k] h[k-1]^T)", "ends at the wrong k"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, diag(1-h[k]^2) delta[k] h[k]^T)", "h[k] should be h[k-1]"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, diag(1-h[k]^2) delta[k-1] h[k-1]^T)", "delta[k-1] should be delta[k]"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, delta[k] h[k-1]^T)", "the slope 1 - h[k]^2 is missing"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, h[k-1] (diag(1-h[k]^2) delta[k])^T)", "transposed as a whole"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, diag(1+h[k]^2) delta[k] h[k-1]^T)", "not 1 + h²"),
    Wrong("rnn", "dL/dW_hh = sum(k=1..T, diag(h[k] ⊙ (1-h[k])) delta[k] h[k-1]^T)", "tanh's 1 - a²"),
    Wrong("rnn", "dL/dW_hh = sum(k=0..T, diag(1-h[k]^2) delta[k] h[k-1]^T)", "no h[-1]"),
    Wrong("rnn", "dL/dW_hx = sum(k=1..T, diag(1-h[k]^2) delta[k] h[k-1]^T)", "4×4"),
    Wrong("rnn", "delta[t-1] = W_hh diag(1-h[t]^2) delta[t]", "not transposed"),
    Wrong("rnn", "delta[t-1] = diag(1-h[t]^2) W_hh^T delta[t]", "wrong way round"),
    Wrong("rnn", "dL/dh[T] = W_ph (yhat - y)", "does not multiply"),
    Wrong("rnn", "dL/dh[T] = W_ph (yhat - y)", "W_ph should be W_ph^T"),
    Wrong("rnn", "dh[t]/dh[t-1] = W_hh^T diag(1-h[t]^2)", "transposed as a whole"),
    Wrong("rnn", "dh[T]/dh[k] = prod(j=k+1..T, diag(1-h[j]^2) W_hh)", "runs the wrong way"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t..k+1, W_hh)", "the slope 1 - h[j]^2 is missing"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=k+1..t, W_hh^T)^T", "the slope 1 - h[j]^2 is missing"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t..k+1, diag(1-h[j-1]^2) W_hh)", "h[j-1] should be h[j]"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=k+1..t, diag(1-h[j]^2) W_hh)", "runs the wrong way"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t..k+1, W_hh diag(1-h[j]^2))", "wrong way round"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=k+1..t, W_hh^T diag(1-h[j]^2))", "transposed as a whole"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t..k, diag(1-h[j]^2) W_hh)", "ends at the wrong j"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t..k+2, diag(1-h[j]^2) W_hh)", "ends at the wrong j"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=t-1..k+1, diag(1-h[j]^2) W_hh)", "begins at the wrong j"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=k..t, W_hh^T diag(1-h[j]^2))^T", "begins at the wrong j"),
    Wrong("rnn", "dh[t]/dh[k] = prod(j=k+2..t, W_hh^T diag(1-h[j]^2))^T", "begins at the wrong j"),
    Wrong("rnn", "dh[t]/dh[k] = dh[t]/dh[k+1] W_hh", "the slope 1 - h[k+1]^2 is missing"),
    Wrong("rnn", "dh[t]/dh[k] = dh[t]/dh[k+1] diag(1-h[k]^2) W_hh", "h[k] should be h[k+1]"),
    Wrong("rnn", "dh[t]/dh[k] = dh[t]/dh[k+1] W_hh diag(1-h[k+1]^2)", "wrong way round"),
    Wrong("rnn", "dh[t]/dh[k] = dh[k]/dh[t]"),
    Wrong("rnn", "dh[t]/dh[k] = 0", "identically zero"),
    Wrong("rnn", "dh[t]/dh[k] = 1"),
    Wrong("rnn", "dh[t]/dh[t-1] = prod(j=t-1..t, diag(1-h[j]^2) W_hh)", "begins at the wrong j"),
    Wrong("rnn", "dL/dh[t] = W_hh^T delta[t+1]", "the slope 1 - h[t+1]^2 is missing"),
    Wrong("rnn", "dL/da[t] = tanh(a[t]) ⊙ delta[t]", "tanh where its derivative belongs"),
    Wrong(
        "rnn",
        "delta[T] = W_ph^T (yhat - y)\ndelta[k-1] = W_hh^T diag(1 - h[k]) delta[k]\n"
        "dL/dW_hh = sum(k=1..T, diag(1 - h[k]^2) delta[k] h[k-1]^T)",
        "right once delta is",
    ),
    Wrong("lstm", "dL/dc[t] = delta[t] ⊙ o[t] ⊙ (1 - tanh(c[t])^2) + dL/dc[t+1] ⊙ f[t]", "f[t] should be f[t+1]"),
    Wrong("lstm", "dL/dc[t] = delta[t] ⊙ o[t] ⊙ (1 - c[t]^2) + dL/dc[t+1] ⊙ f[t+1]", "c[t] where its tanh belongs"),
    Wrong("lstm", "dL/dc[t] = dL/dc[t+1] ⊙ f[t+1]", "is missing"),
    Wrong("lstm", "dL/df[t] = dL/dc[t] ⊙ c[t]", "c[t] should be c[t-1]"),
    Wrong("lstm", "dL/di[t] = dL/dc[t] ⊙ f[t]", "f where g belongs"),
    Wrong("lstm", "dL/da_f[t] = dL/dc[t] ⊙ c[t-1] ⊙ (1 - f[t])", "the factor a is missing"),
    Wrong("lstm", "dL/da_g[t] = dL/dc[t] ⊙ i[t] ⊙ g[t] ⊙ (1 - g[t])", "tanh's 1 - a²"),
    Wrong("lstm", "dL/da_i[t] = dL/dc[t] ⊙ g[t] ⊙ (1 - i[t]^2)", "logistic function's a (1 - a)"),
    Wrong("lstm", "dc[t]/dc[t-1] = diag(f[t])", "dc[t]/dh[t-1] diag(o[t-1] ⊙ (1 - tanh(c[t-1])^2)) is missing"),
    Wrong("lstm", "dh[t]/dh[k] = prod(j=t..k+1, diag(f[j]))"),
    Wrong("gru", "dh[t]/dh[t-1] = diag(1 - z[t])", "is missing"),
    Wrong("gru", "dL/dz[t] = delta[t] ⊙ (h[t-1] - htilde[t])", "sign is wrong"),
    Wrong("gru", "dL/dhtilde[t] = delta[t] ⊙ (1 - z[t])", "1 - a where a belongs"),
    Wrong("gru", "dL/dW_hh = sum(k=1..T, dL/da_h[k] h[k-1]^T)", "the factor r[k] is missing"),
    Wrong("gcn", "dL/dW_1 = H_1^T (Yhat - Y)", "the factor Ahat is missing"),
    Wrong("gcn", "dL/dW_1 = H_1^T Ahat Yhat", "Kronecker delta"),
    Wrong("gcn", "dL/dW_0 = X^T Ahat (Ahat (Yhat - Y) W_1^T)", "the slope step(Z_1) is missing"),
    Wrong("softmax", "dL/dp = yhat", "Kronecker delta"),
    Wrong("softmax", "dyhat/dp = diag(yhat) - yhat^T yhat", "cannot"),
    Wrong("softmax", "dL/dyhat = y / yhat", "sign is wrong"),
]

"""Derivations to look at: what the two reports print, and what is right."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXAMPLES", "Example"]


@dataclass(frozen=True)
class Example:
    """A derivation with its source.

    Attributes:
        model: what it is about.
        text: the formulas.
        source: who states it.
        right: whether it is right.
    """

    model: str
    text: str
    source: str
    right: bool


EXAMPLES = {
    "report-a-p": Example("rnn", "dL/dp[j] = y[1] sum(i=1..K, yhat[i])", "report A", False),
    "report-a-W_ph": Example("rnn", "dL/dW_ph[i,j] = y[1] sum(m=1..K, yhat[m]) h[T,j]", "report A", False),
    "report-a-W_hh": Example(
        "rnn", "dL/dW_hh = (W_hh^T)^(T-1) prod(k=1..T, diag(1 - h[k]^2)) delta[T] h[0]^T", "report A", False
    ),
    "report-a-W_hh-summed": Example(
        "rnn",
        "dL/dW_hh = sum(k=1..T, (W_hh^T)^(T-k) prod(j=k..T, diag(1 - h[j]^2)) delta[T] h[k-1]^T)",
        "report A, the sum put back",
        False,
    ),
    "report-b-softmax": Example("rnn", "dyhat[i]/dp[j] = -yhat[i] yhat[j]", "report B", False),
    "report-b-W_ph": Example("rnn", "dL/dW_ph = yhat h[T]^T", "report B", False),
    "report-b-W_hh": Example("rnn", "dL/dW_hh = sum(k=1..T, diag(1 - h[k]) delta[k] h[k-1]^T)", "report B", False),
    "right-W_ph": Example("rnn", "dL/dW_ph = (yhat - y) h[T]^T", "the right form", True),
    "right-W_hh": Example(
        "rnn",
        "delta[T] = W_ph^T (yhat - y)\n"
        "delta[k-1] = W_hh^T diag(1 - h[k]^2) delta[k]\n"
        "dL/dW_hh = sum(k=1..T, diag(1 - h[k]^2) delta[k] h[k-1]^T)",
        "the right form",
        True,
    ),
    "lstm-memory": Example(
        "lstm",
        "dL/dc[t] = delta[t] ⊙ o[t] ⊙ (1 - tanh(c[t])^2) + dL/dc[t+1] ⊙ f[t+1]",
        "the right form",
        True,
    ),
    "gru-update-gate": Example("gru", "dL/dz[t] = delta[t] ⊙ (htilde[t] - h[t-1])", "the right form", True),
    "gcn-first-layer": Example(
        "gcn", "dL/dW_0 = X^T Ahat^T ((Ahat^T (Yhat - Y) W_1^T) ⊙ step(Z_1))", "the right form", True
    ),
    "softmax-jacobian": Example("softmax", "dyhat/dp = diag(yhat) - yhat yhat^T", "the right form", True),
}
"""By the name that the command line uses."""

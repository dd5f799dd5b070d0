"""The table of what a module can be compared with: the right formula and the right terms of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["GATES", "REFERENCES", "Reference"]

GATES = {
    "h": "hidden state",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
}
"""Every gate's letter in words."""


@dataclass(frozen=True)
class Reference:
    """A named cell or layer.

    Attributes:
        family: `rnn`, `gru` or `lstm` for a cell, `graph` for a layer on graphs.
        equation: as docs/cells.md writes it.
        right: the right choices of every slot of the family's formula.
        terms: for every gate what is summed in it: x, h, c, c_new (each times a matrix), rh (a matrix times
            r⊙h'), r(h) (r times a matrix times h'), diag c, diag c_new.
    """

    family: str
    equation: tuple[str, ...]
    right: Mapping[str, tuple[str, ...]]
    terms: Mapping[str, frozenset[str]]


_LSTM_RIGHT = {
    "i": ("σ",),
    "f": ("σ",),
    "g": ("tanh",),
    "o": ("σ",),
    "update": ("i⊙g + f⊙c'",),
    "squash": ("tanh",),
    "readout": ("o⊙φ(c)",),
}
_GRU_RIGHT = {
    "reset": ("r",),
    "r": ("σ",),
    "z": ("σ",),
    "n": ("tanh",),
    "update": ("(1-z)⊙n + z⊙h'", "(1-z)⊙h' + z⊙n"),
}
_RNN = ("h = tanh(W x + U h' + b)",)
_XH = frozenset({"x", "h"})

REFERENCES: Mapping[str, Reference] = {
    "rnn": Reference("rnn", _RNN, {"h": ("tanh",), "update": ("φ(a)",)}, {"h": _XH}),
    "rnn-relu": Reference("rnn", ("h = relu(W x + U h' + b)",), {"h": ("relu",), "update": ("φ(a)",)}, {"h": _XH}),
    "gru": Reference(
        "gru",
        (
            "r, z = σ(W x + U h' + b)",
            "n = tanh(W x + b + r ⊙ (U h' + b'))",
            "h = (1-z) ⊙ n + z ⊙ h'   (or with z for 1-z)",
        ),
        _GRU_RIGHT,
        {"r": _XH, "z": _XH, "n": frozenset({"x", "r(h)"})},
    ),
    "gru-reset-before": Reference(
        "gru",
        (
            "r, z = σ(W x + U h' + b)",
            "n = tanh(W x + U (r ⊙ h') + b)",
            "h = (1-z) ⊙ h' + z ⊙ n   (or with z for 1-z)",
        ),
        _GRU_RIGHT,
        {"r": _XH, "z": _XH, "n": frozenset({"x", "rh"})},
    ),
    "lstm": Reference(
        "lstm",
        ("i, f, o = σ(W x + U h' + b)", "g = tanh(W x + U h' + b)", "c = g ⊙ i + c' ⊙ f", "h = tanh(c) ⊙ o"),
        _LSTM_RIGHT,
        dict.fromkeys("ifgo", _XH),
    ),
    "peephole": Reference(
        "lstm",
        (
            "i, f = σ(W x + U h' + p ⊙ c' + b)",
            "g = tanh(W x + U h' + b)",
            "c = g ⊙ i + c' ⊙ f",
            "o = σ(W x + U h' + p ⊙ c + b)",
            "h = tanh(c) ⊙ o",
        ),
        _LSTM_RIGHT,
        {"i": _XH | {"diag c"}, "f": _XH | {"diag c"}, "g": _XH, "o": _XH | {"diag c_new"}},
    ),
    "full-peephole": Reference(
        "lstm",
        ("i, f, o = σ(W x + U c' + b)", "g = σ(W x + b)", "c = g ⊙ i + c' ⊙ f", "h = tanh(c) ⊙ o"),
        {**_LSTM_RIGHT, "g": ("σ",)},
        {"i": frozenset({"x", "c"}), "f": frozenset({"x", "c"}), "g": frozenset({"x"}), "o": frozenset({"x", "c"})},
    ),
    "gcn": Reference("graph", ("H' = D^-½ (A + I) D^-½ H W + b, D the degrees of A + I",), {}, {}),
    "gat": Reference(
        "graph",
        ("α_ij = softmax over the senders j of receiver i of LeakyReLU(a·[W h_i ‖ W h_j])", "h_i' = Σ_j α_ij W h_j"),
        {},
        {},
    ),
}
"""Every reference by the name that `--as` takes."""

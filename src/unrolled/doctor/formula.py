"""The shapes that a cell's equation can take, right and wrong: activations, updates and read-outs by name.

A formula fills the slots of a family. An LSTM's, with the choices of the textbook:

    i = i_act(a_i)   f = f_act(a_f)   g = g_act(a_g)   o = o_act(a_o)
    c = update(i, f, g, c')                            "i⊙g + f⊙c'"
    h = readout(o, squash(c))                          "o⊙φ(c)"

Every a is a sum of terms (see `structure`), so that a formula says nothing of weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["ACTIVATIONS", "FAMILIES", "Family", "Formula", "Moment", "formulas"]

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "σ": torch.sigmoid,
    "tanh": torch.tanh,
    "nothing": lambda a: a,
    "relu": torch.relu,
    "hard σ": F.hardsigmoid,
    "softmax": lambda a: torch.softmax(a, -1),
    "leaky relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exp": torch.exp,
    "sin": torch.sin,
    "hard tanh": F.hardtanh,
}


@dataclass(frozen=True)
class Moment:
    """One step: the gates after their activations, and the new state (memory is None where the cell has none)."""

    gates: Mapping[str, Tensor]
    hidden: Tensor
    memory: Tensor | None


@dataclass(frozen=True)
class Formula:
    """One choice for every slot; `slots` is ordered as the family's."""

    family: str
    slots: tuple[tuple[str, str], ...]

    def __getitem__(self, slot: str) -> str:
        return dict(self.slots)[slot]

    def put(self, **choices: str) -> Formula:
        """The same with some slots filled otherwise."""
        return replace(self, slots=tuple((slot, choices.get(slot, choice)) for slot, choice in self.slots))

    def faults(self, right: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """The slots whose choice is none of the right ones."""
        return tuple(slot for slot, choice in self.slots if choice not in right[slot])


Pre = Callable[[str, Tensor | None, Tensor | None], Tensor]
"""pre(gate, new memory or None, reset gate or None): the sum of the gate's terms."""


@dataclass(frozen=True)
class Family:
    """A kind of cell.

    Attributes:
        gates: the letters of its gates, the candidate among them.
        slots: every slot with all its choices, the textbook's first.
        advance: one step of a formula: `advance(formula, pre, h, c)`.
        memory: whether there is a c.
    """

    gates: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]
    advance: Callable[[Formula, Pre, Tensor, Tensor], Moment]
    memory: bool


_GATE = ("σ", "tanh", "nothing", "relu", "hard σ", "softmax", "softplus", "exp", "sin", "hard tanh", "softsign")
_CANDIDATE = ("tanh", *(name for name in ACTIVATIONS if name != "tanh"))


def _rnn(formula: Formula, pre: Pre, h: Tensor, c: Tensor) -> Moment:
    activated = ACTIVATIONS[formula["h"]](pre("h", None, None))
    match formula["update"]:
        case "φ(a) + h'":
            hidden = activated + h
        case "½φ(a) + ½h'":
            hidden = (activated + h) / 2
        case _:
            hidden = activated
    return Moment({"h": activated}, hidden, None)


_GRU_UPDATES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "(1-z)⊙n + z⊙h'": lambda z, n, h: (1 - z) * n + z * h,
    "(1-z)⊙h' + z⊙n": lambda z, n, h: (1 - z) * h + z * n,
    "z⊙n + z⊙h'": lambda z, n, h: z * n + z * h,
    "n + z⊙h'": lambda z, n, h: n + z * h,
    "z⊙n + h'": lambda z, n, h: z * n + h,
    "(1-z)⊙n + h'": lambda z, n, h: (1 - z) * n + h,
    "n + (1-z)⊙h'": lambda z, n, h: n + (1 - z) * h,
    "(1-z)⊙n": lambda z, n, h: (1 - z) * n + 0 * h,
    "z⊙n": lambda z, n, h: z * n + 0 * h,
    "(1-z)⊙n + (1-z)⊙h'": lambda z, n, h: (1 - z) * (n + h),
    "n": lambda z, n, h: n + 0 * z,
    "tanh((1-z)⊙n + z⊙h')": lambda z, n, h: torch.tanh((1 - z) * n + z * h),
    "tanh((1-z)⊙h' + z⊙n)": lambda z, n, h: torch.tanh((1 - z) * h + z * n),
}


def _gru(formula: Formula, pre: Pre, h: Tensor, c: Tensor) -> Moment:
    r = ACTIVATIONS[formula["r"]](pre("r", None, None))
    z = ACTIVATIONS[formula["z"]](pre("z", None, None))
    reset = {"z": z, "1-z": 1 - z}.get(formula["reset"], r)
    n = ACTIVATIONS[formula["n"]](pre("n", None, reset))
    return Moment({"r": r, "z": z, "n": n}, _GRU_UPDATES[formula["update"]](z, n, h), None)


_LSTM_UPDATES: Mapping[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "i⊙g + f⊙c'": lambda i, f, g, c: i * g + f * c,
    "g + f⊙c'": lambda i, f, g, c: g + f * c + 0 * i,
    "i⊙g + c'": lambda i, f, g, c: i * g + c + 0 * f,
    "i⊙g + (1-f)⊙c'": lambda i, f, g, c: i * g + (1 - f) * c,
    "i⊙g + (1-i)⊙c'": lambda i, f, g, c: i * g + (1 - i) * c + 0 * f,
    "(1-f)⊙g + f⊙c'": lambda i, f, g, c: (1 - f) * g + f * c + 0 * i,
    "(1-i)⊙g + f⊙c'": lambda i, f, g, c: (1 - i) * g + f * c,
    "i⊙g": lambda i, f, g, c: i * g + 0 * f * c,
    "tanh(i⊙g + f⊙c')": lambda i, f, g, c: torch.tanh(i * g + f * c),
    "i⊙g + f⊙tanh(c')": lambda i, f, g, c: i * g + f * torch.tanh(c),
    "i + g + f⊙c'": lambda i, f, g, c: i + g + f * c,
    "i⊙g + f + c'": lambda i, f, g, c: i * g + f + c,
    "f⊙(i⊙g + c')": lambda i, f, g, c: f * (i * g + c),
    "f⊙g + f⊙c'": lambda i, f, g, c: f * g + f * c + 0 * i,
    "i⊙g - f⊙c'": lambda i, f, g, c: i * g - f * c,
    "i⊙g + f": lambda i, f, g, c: i * g + f + 0 * c,
}
_LSTM_READOUTS: Mapping[str, Callable[[Tensor, Tensor, Tensor, Callable[[Tensor], Tensor]], Tensor]] = {
    "o⊙φ(c)": lambda o, c, old, squash: o * squash(c),
    "φ(o⊙c)": lambda o, c, old, squash: squash(o * c),
    "o⊙φ(c')": lambda o, c, old, squash: o * squash(old),
    "φ(c)": lambda o, c, old, squash: squash(c) + 0 * o,
    "(1-o)⊙φ(c)": lambda o, c, old, squash: (1 - o) * squash(c),
    "o + φ(c)": lambda o, c, old, squash: o + squash(c),
    "o": lambda o, c, old, squash: o + 0 * c,
    "φ(o)⊙c": lambda o, c, old, squash: squash(o) * c,
}


def _lstm(formula: Formula, pre: Pre, h: Tensor, c: Tensor) -> Moment:
    i = ACTIVATIONS[formula["i"]](pre("i", None, None))
    f = ACTIVATIONS[formula["f"]](pre("f", None, None))
    g = ACTIVATIONS[formula["g"]](pre("g", None, None))
    memory = _LSTM_UPDATES[formula["update"]](i, f, g, c)
    o = ACTIVATIONS[formula["o"]](pre("o", memory, None))
    hidden = _LSTM_READOUTS[formula["readout"]](o, memory, c, ACTIVATIONS[formula["squash"]])
    return Moment({"i": i, "f": f, "g": g, "o": o}, hidden, memory)


FAMILIES: Mapping[str, Family] = {
    "rnn": Family(("h",), {"h": _CANDIDATE, "update": ("φ(a)", "φ(a) + h'", "½φ(a) + ½h'")}, _rnn, False),
    "gru": Family(
        ("r", "z", "n"),
        {"reset": ("r", "z", "1-z"), "r": _GATE, "z": _GATE, "n": _CANDIDATE, "update": tuple(_GRU_UPDATES)},
        _gru,
        False,
    ),
    "lstm": Family(
        ("i", "f", "g", "o"),
        {
            "i": _GATE,
            "f": _GATE,
            "g": _CANDIDATE,
            "o": _GATE,
            "update": tuple(_LSTM_UPDATES),
            "squash": ("tanh", "nothing", "σ", "relu", "softsign", "hard tanh"),
            "readout": tuple(_LSTM_READOUTS),
        },
        _lstm,
        True,
    ),
}
"""Every family by name."""


def formulas(family: str, right: Mapping[str, tuple[str, ...]], faults: int) -> Iterator[Formula]:
    """Every formula of a family with exactly so many slots filled with none of their right choices."""
    slots = FAMILIES[family].slots
    for wrong in itertools.combinations(slots, faults):
        choices = [
            [c for c in slots[slot] if c not in right[slot]] if slot in wrong else list(right[slot]) for slot in slots
        ]
        for chosen in itertools.product(*choices):
            yield Formula(family, tuple(zip(slots, chosen, strict=True)))

"""A cell's equation as a value: a formula, and what is summed in each gate; and the run of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from unrolled.doctor.blocks import Block
from unrolled.doctor.formula import FAMILIES, Formula

__all__ = ["Structure", "Term", "Track", "run"]


@dataclass(frozen=True, eq=False)
class Term:
    """One summand of a gate.

    Attributes:
        gate: its letter; "+" for what is added to the new hidden state outside every activation.
        source: "x", "h", "c", "c_new", "rh", "r(h)", "diag h", "diag c", "diag c_new", "bias", "r(bias)";
            or "h0", "c0" for an initial state.
        block: the weights.
        turned: a square block is used the other way round from how its tensor lies.
    """

    gate: str
    source: str
    block: Block
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Structure:
    """An equation with the user's own weights in it.

    Attributes:
        formula: activations and updates.
        terms: everything that is summed.
        detach: state fields ("h", "c") or gates that are cut from the graph, to compare gradients with.
    """

    formula: Formula
    terms: tuple[Term, ...] = ()
    detach: frozenset[str] = field(default_factory=frozenset)

    def plus(self, *terms: Term) -> Structure:
        """With more terms."""
        return replace(self, terms=(*self.terms, *terms))

    def of(self, gate: str) -> tuple[Term, ...]:
        """The terms of one gate."""
        return tuple(term for term in self.terms if term.gate == gate)


@dataclass(frozen=True, eq=False)
class Track:
    """What a structure computed: hidden and memory [T,…,B,H], gates by letter [T,…,B,H]."""

    hidden: Tensor
    memory: Tensor
    gates: Mapping[str, Tensor]


def run(
    structure: Structure,
    values: Mapping[str, Tensor],
    x: Tensor,
    H: int,
    *,
    drive: Mapping[str, Tensor] | None = None,
    steps: Sequence[int] | None = None,
) -> Track:
    """Unroll a structure from a zero state.

    Args:
        structure: what to compute.
        values: the tensors that its blocks lie in, by name.
        x: [T,B,I].
        H: units.
        drive: by gate, what the terms of x sum to, [T,…,B,H], in place of the structure's own.
        steps: which steps of x are read, in order (default: all).
    """
    family = FAMILIES[structure.formula.family]
    weights = {id(term): term.block.of(values) for term in structure.terms}
    inputs = dict(drive) if drive is not None else _drive(structure, weights, x, H, family.gates)
    shape = next(iter(inputs.values())).shape[1:]
    h = c = x.new_zeros(shape)
    for term in structure.terms:
        if term.source == "h0":
            h = h + weights[id(term)]
        elif term.source == "c0":
            c = c + weights[id(term)]
    inner = {gate: [t for t in structure.of(gate) if t.source != "x"] for gate in (*family.gates, "+")}
    hidden, memory, gates = [], [], []
    for t in range(x.shape[0]) if steps is None else steps:

        def pre(gate: str, c_new: Tensor | None, r: Tensor | None, t: int = t, h: Tensor = h, c: Tensor = c) -> Tensor:
            a = inputs[gate][t]
            for term in inner[gate]:
                a = a + _value(term.source, weights[id(term)], h, c, c_new, r)
            return a.detach() if gate in structure.detach else a

        moment = family.advance(structure.formula, pre, h, c)
        new = moment.hidden
        for term in inner["+"]:
            new = new + _value(term.source, weights[id(term)], h, c, moment.memory, None)
        h, c = new, c if moment.memory is None else moment.memory
        hidden.append(h)
        memory.append(c)
        gates.append(moment.gates)
        h = h.detach() if "h" in structure.detach else h
        c = c.detach() if "c" in structure.detach else c
    return Track(
        torch.stack(hidden),
        torch.stack(memory),
        {gate: torch.stack([moment[gate] for moment in gates]) for gate in family.gates},
    )


def _drive(
    structure: Structure, weights: Mapping[int, Tensor], x: Tensor, H: int, gates: Sequence[str]
) -> dict[str, Tensor]:
    drive = {gate: x.new_zeros(*x.shape[:-1], H) for gate in gates}
    for term in structure.terms:
        if term.source == "x" and term.gate in drive:
            drive[term.gate] = drive[term.gate] + x @ weights[id(term)].T
    return drive


def _value(source: str, W: Tensor, h: Tensor, c: Tensor, c_new: Tensor | None, r: Tensor | None) -> Tensor:
    new = c if c_new is None else c_new
    reset = torch.ones_like(h) if r is None else r
    match source:
        case "h":
            return h @ W.T
        case "c":
            return c @ W.T
        case "c_new":
            return new @ W.T
        case "rh":
            return (reset * h) @ W.T
        case "r(h)":
            return reset * (h @ W.T)
        case "diag h":
            return h * W
        case "diag c":
            return c * W
        case "diag c_new":
            return new * W
        case "bias":
            return W.expand_as(h)
        case "r(bias)":
            return reset * W
    return torch.zeros_like(h)

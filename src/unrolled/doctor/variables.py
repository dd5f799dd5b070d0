"""Local variables of the user's own functions, beside the gates of the recovered equation.

A name is a promise: what `forward` calls `f` should do the forget gate's work. The last values of all local
tensors are caught when a function of the user's file returns, and compared with each gate's values.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from unrolled.doctor.calling import Subject
from unrolled.doctor.finding import Finding
from unrolled.doctor.names import gate_of_variable
from unrolled.doctor.recovery import Recovered
from unrolled.doctor.reference import GATES

__all__ = ["caught", "swapped_variables"]


def caught(subject: Subject, x: Tensor, file: str) -> dict[str, Tensor]:
    """The last values of local tensors in functions of `file` during one call."""
    found: dict[str, Tensor] = {}

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and frame.f_code.co_filename == file:
            for name, value in frame.f_locals.items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    found[name] = value.detach().clone()

    sys.setprofile(watch)
    try:
        subject.value(x)
    finally:
        sys.setprofile(None)
    return found


def swapped_variables(subject: Subject, recovered: Recovered, file: str) -> list[Finding]:
    """Variables called after one gate that hold another."""
    if not recovered.exact:
        return []
    family = recovered.structure.formula.family
    kept = subject.storage.values()
    try:
        subject.storage.put(recovered.values)
        x = subject.input(9)
        variables = caught(subject, x, file)
        with torch.no_grad():
            _, track = recovered.outputs(recovered.values, x, subject.sizes.H, subject.dtype)
    finally:
        subject.storage.put(kept)
    last = {gate: values[-1] for gate, values in track.gates.items()}
    exchanged: dict[tuple[str, str], str] = {}
    for name, value in variables.items():
        promised = gate_of_variable(name, family)
        if promised is None or value.numel() != last[promised].numel():
            continue
        if _equal(value, last[promised]):
            continue
        actual = [gate for gate in last if _equal(value, last[gate])]
        if len(actual) == 1 and not _alike(recovered, promised, actual[0]):
            exchanged[promised, actual[0]] = name
    if not exchanged:
        return []
    gates = sorted({gate for pair in exchanged for gate in pair})
    return [
        Finding(
            "gates-swapped",
            f"the roles of {' and '.join(GATES[gate] for gate in gates)} are exchanged",
            tuple(
                f"the variable {name!r} holds what the equation uses as its {GATES[actual]}, equal in all "
                f"{last[actual].numel()} numbers"
                for (_, actual), name in exchanged.items()
            ),
        )
    ]


def _equal(value: Tensor, gate: Tensor) -> bool:
    shapes = [value.reshape(gate.shape)]
    if value.shape == gate.T.shape:
        shapes.append(value.T)
    return any(torch.allclose(shape.to(gate.dtype), gate, rtol=1e-4, atol=1e-6) for shape in shapes)


def _alike(recovered: Recovered, one: str, two: str) -> bool:
    """Whether nothing in the equation tells the two gates apart."""
    formula = recovered.structure.formula
    if {one, two} != {"i", "g"} or formula["i"] != formula["g"]:
        return False
    return {t.source for t in recovered.structure.of(one)} == {t.source for t in recovered.structure.of(two)}

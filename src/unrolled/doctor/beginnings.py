"""How the weights are drawn: N(0, 1), all equal, far from zero, forget bias where it does not belong."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unrolled.doctor.blocks import cut
from unrolled.doctor.building import Sizes
from unrolled.doctor.finding import Finding
from unrolled.doctor.recovery import Recovered
from unrolled.doctor.reference import GATES
from unrolled.doctor.storage import Storage

__all__ = ["WIDE", "beginning_findings"]

WIDE = Sizes(T=4, B=7, I=38, H=61, C=29, V=53)
"""Sizes in which a distribution can be told from its draw."""

_ENOUGH = 200


def beginning_findings(module: nn.Module, recovered: Recovered | None) -> tuple[list[Finding], list[str]]:
    """Findings and notes on a module freshly drawn in sizes `WIDE`."""
    storage = Storage(module)
    embeddings = {f"{n}.weight" for n, m in module.named_modules() if isinstance(m, nn.Embedding)}
    matrices = {
        name: tensor.detach().double()
        for name, tensor in storage.floating().items()
        if name in storage.parameters and _is_matrix(tensor) and tensor.numel() >= _ENOUGH and name not in embeddings
    }
    findings: list[Finding] = []
    normal = [name for name, tensor in matrices.items() if _is_standard_normal(tensor)]
    if normal:
        findings.append(
            Finding(
                "normal-initialisation",
                f"{_several(normal)} drawn from N(0, 1): sums over {WIDE.H} units saturate every gate",
                tuple(f"{n}: mean {matrices[n].mean():.3f}, deviation {matrices[n].std():.3f}" for n in normal[:4]),
            )
        )
    equal = [name for name, tensor in matrices.items() if float(tensor.std()) < 1e-12]
    if equal:
        findings.append(
            Finding(
                "poor-initialisation",
                f"{_several(equal)} all one value: units that start equal stay equal",
                tuple(f"{name}: every element is {float(matrices[name].flatten()[0]):g}" for name in equal[:4]),
                "fault" if len(equal) == len(matrices) or len(equal) > 1 else "caution",
            )
        )
    aside = [n for n, t in matrices.items() if n not in equal and abs(float(t.mean())) > 0.5 * float(t.std())]
    aside = [n for n in aside if abs(float(matrices[n].mean())) > 0.05]
    if aside:
        findings.append(
            Finding(
                "poor-initialisation",
                f"{_several(aside)} not drawn around zero: every sum is pushed to one side",
                tuple(f"{n}: mean {matrices[n].mean():.3f}, deviation {matrices[n].std():.3f}" for n in aside[:4]),
            )
        )
    large = [n for n, t in matrices.items() if n not in normal + aside and float(t.std()) > 0.5]
    if large:
        findings.append(
            Finding(
                "poor-initialisation",
                f"{_several(large)} drawn too large: gates saturate",
                tuple(
                    f"{n}: deviation {matrices[n].std():.3f}, Xavier's {(2 / sum(matrices[n].shape[-2:])) ** 0.5:.3f}"
                    for n in large[:4]
                ),
                "caution",
            )
        )
    findings += _twins(matrices)
    notes: list[str] = []
    if recovered is not None and recovered.exact and recovered.structure.formula.family == "lstm":
        finding, note = _forget_bias(storage, recovered)
        findings += finding
        notes += note
    return findings, notes


def _is_matrix(tensor: Tensor) -> bool:
    """Not a few vectors in one tensor."""
    return tensor.dim() >= 2 and sorted(tensor.shape)[-2] > 4


def _several(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _is_standard_normal(tensor: Tensor) -> bool:
    centred = tensor - tensor.mean()
    kurtosis = float((centred**4).mean() / (centred**2).mean().clamp(min=1e-30) ** 2)
    return abs(float(tensor.std()) - 1) < 0.12 and abs(float(tensor.mean())) < 0.15 and 2.3 < kurtosis < 3.9


def _twins(matrices: Mapping[str, Tensor]) -> list[Finding]:
    """Different parameters that start with the same numbers."""
    names = list(matrices)
    for n, one in enumerate(names):
        same = [
            other
            for other in names[n + 1 :]
            if matrices[one].shape == matrices[other].shape
            and matrices[one].std() > 0
            and torch.equal(matrices[one], matrices[other])
        ]
        if same and not torch.equal(matrices[one], torch.eye(*matrices[one].shape[-2:], dtype=torch.float64)):
            if _is_orderly(matrices[one]):
                continue
            return [
                Finding(
                    "duplicated-parameters",
                    f"{', '.join([one, *same])} start with the very same numbers: copies, or one seed for all",
                    (f"{one}[0, 0] = {one and float(matrices[one].flatten()[0]):.6g} in each of them",),
                )
            ]
    return []


def _is_orderly(tensor: Tensor) -> bool:
    """Made by a rule (an identity, blocks of one value), not drawn."""
    return len(torch.unique(tensor)) < tensor.numel() // 4


def _forget_bias(storage: Storage, recovered: Recovered) -> tuple[list[Finding], list[str]]:
    """Where the mean bias of each gate lies at the start."""
    values = {name: tensor.detach() for name, tensor in storage.tensors.items()}
    means: dict[str, float] = {}
    for term in recovered.structure.terms:
        if term.source != "bias" or term.block.tensor not in values:
            continue
        width = WIDE.I if recovered.front.coding == "vector" else 10_007
        blocks = {b.label: b for b in cut(term.block.tensor, values[term.block.tensor], width, WIDE.H)}
        if term.block.label in blocks:
            mean = float(blocks[term.block.label].of(values).double().mean())
            means[term.gate] = means.get(term.gate, 0.0) + mean
    if "f" not in means:
        return [], []
    others = {gate: mean for gate, mean in means.items() if gate in "io" and mean > 0.5}
    told = ", ".join(f"{GATES[gate]} {mean:.2f}" for gate, mean in means.items())
    if others and means["f"] < 0.25:
        gate = max(others, key=lambda g: others[g])
        return [
            Finding(
                "forget-bias",
                f"the bias of {others[gate]:.2g} that should keep the memory is on the {GATES[gate]}",
                (f"mean bias at the start: {told}",),
            )
        ], []
    if means["f"] < -0.5:
        return [
            Finding(
                "forget-bias",
                f"the forget gate starts at a bias of {means['f']:.2g}: it forgets from the first step on",
                (f"mean bias at the start: {told}",),
            )
        ], []
    if means["f"] < 0.5:
        return [], ["the forget gate starts without a bias towards keeping (torch.nn's too); 1 helps to remember"]
    return [], []

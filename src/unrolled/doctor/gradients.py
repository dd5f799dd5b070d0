"""Autograd's slopes beside slopes measured by small changes: where they differ, a gradient is cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unrolled.doctor.calling import Subject
from unrolled.doctor.finding import Finding
from unrolled.doctor.formula import FAMILIES
from unrolled.doctor.recovery import Recovered

__all__ = ["Slopes", "gradient_findings", "slopes"]


@dataclass(frozen=True)
class Slope:
    """One directional derivative of the loss: what autograd says, and what a small change shows."""

    autograd: float
    measured: float
    registered: bool = True

    @property
    def wrong(self) -> bool:
        """They differ by more than measuring explains."""
        return abs(self.autograd - self.measured) > 1e-4 * max(abs(self.measured), abs(self.autograd), 1e-3)

    @property
    def cut(self) -> bool:
        """There is a slope, and autograd sees none of it."""
        return self.autograd == 0 and abs(self.measured) > 1e-6


@dataclass(frozen=True, eq=False)
class Trial:
    """One point to measure at: the tensors' values, x, the weights of the outputs in the loss, the directions."""

    values: Mapping[str, Tensor]
    x: Tensor
    weights: Tensor
    towards: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of one loss.

    Attributes:
        steps: with respect to x_t, by step; empty where x is symbols.
        tensors: with respect to each tensor the module keeps, by name.
        error: what backward raised, empty if nothing.
        connected: whether the output depends on any parameter at all, as autograd sees it.
        trial: what it was measured on.
    """

    steps: tuple[Slope, ...]
    tensors: Mapping[str, Slope]
    error: str
    connected: bool
    trial: Trial


def _loss(subject: Subject, x: Tensor, weights: Tensor, training: bool) -> Tensor:
    main = subject.see(x, training=training).main
    main = main[-1] if main.dim() == 3 else main
    return (main * weights).sum()


def slopes(subject: Subject, seed: int = 7) -> Slopes:
    """Measure them on the last output of one input.

    Raises:
        Exception: whatever the module's own code raises in forward.
    """
    generator = torch.Generator().manual_seed(seed)
    kept = subject.storage.values()

    def direction(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype)

    double = subject.dtype == torch.float64
    width = 1e-6 if double else 4e-3
    try:
        subject.storage.put(
            {
                name: 0.5 * direction(tensor)
                for name, tensor in subject.storage.floating().items()
                if name in subject.storage.parameters
            }
        )
        now = subject.storage.values()
        x = subject.input(seed)
        with torch.no_grad():
            shape = subject.see(x).main.shape[-2:]
        weights = direction(torch.empty(shape, dtype=subject.dtype))
        vector = x.is_floating_point()
        x_tracked = x.clone().requires_grad_(vector)
        error, connected = "", True
        tracked = subject.storage.floating()
        grads: list[Tensor | None] = [None] * len(tracked)
        x_grad: Tensor | None = None
        loss = _loss(subject, x_tracked, weights, training=False)
        if not loss.requires_grad:
            connected = False
        else:
            leaves = [t for t in tracked.values() if t.requires_grad]
            try:
                wanted = [*leaves, *([x_tracked] if vector else [])]
                found = torch.autograd.grad(loss, wanted, allow_unused=True)
                by_id = {id(t): g for t, g in zip(wanted, found, strict=True)}
                grads = [by_id.get(id(t)) for t in tracked.values()]
                x_grad = by_id.get(id(x_tracked))
            except RuntimeError as failure:
                error = str(failure).partition("\n")[0]
            connected = any(g is not None for g in grads)

        def measured(change: Mapping[str, Tensor], x_change: Tensor | None = None) -> float:
            ends = []
            for sign in (1, -1):
                subject.storage.put({name: now[name] + sign * width * d for name, d in change.items()})
                moved = x if x_change is None else x + sign * width * x_change
                with torch.no_grad():
                    ends.append(float(_loss(subject, moved, weights, training=False)))
            subject.storage.put(now)
            return (ends[0] - ends[1]) / (2 * width)

        steps = []
        if vector:
            for t in range(x.shape[0]):
                towards = torch.zeros_like(x)
                towards[t] = direction(x[t])
                seen = 0.0 if x_grad is None else float((x_grad * towards).sum())
                steps.append(Slope(seen, measured({}, towards)))
        tensors = {}
        directions = {name: direction(tensor) for name, tensor in tracked.items()}
        for (name, towards), grad in zip(directions.items(), grads, strict=True):
            seen = 0.0 if grad is None else float((grad * towards).sum())
            tensors[name] = Slope(seen, measured({name: towards}), name in subject.storage.parameters)
        if not double:
            steps = [_coarse(slope) for slope in steps]
            tensors = {name: _coarse(slope) for name, slope in tensors.items()}
        return Slopes(tuple(steps), tensors, error, connected, Trial(now, x, weights, directions))
    finally:
        subject.storage.put(kept)


def _coarse(slope: Slope) -> Slope:
    """In float32 a small difference says nothing."""
    near = abs(slope.autograd - slope.measured) < 0.03 * max(abs(slope.measured), 1.0)
    faint = abs(slope.measured) < 0.03
    if near and (slope.autograd != 0 or faint):
        return Slope(slope.measured, slope.measured, slope.registered)
    return slope


def gradient_findings(found: Slopes, subject: Subject, recovered: Recovered | None, initial: set[str]) -> list[Finding]:
    """What the slopes say.

    Args:
        found: the slopes.
        subject: whose they are.
        recovered: its equation, if it is known: tells which state was cut.
        initial: names of tensors that only hold an initial state, of which nobody expects training.
    """
    if found.error:
        return [_error(found.error)]
    parameters = {name: slope for name, slope in found.tensors.items() if slope.registered}
    if not found.connected and any(abs(slope.measured) > 1e-6 for slope in parameters.values()):
        named = max(parameters, key=lambda name: abs(parameters[name].measured))
        return [
            Finding(
                "no-gradient",
                "autograd sees no way from the output back to any parameter: nothing can be trained",
                (f"{named}: a small change moves it at slope {parameters[named].measured:.3g}, autograd says 0",),
            )
        ]
    findings = []
    blind = [t for t, slope in enumerate(found.steps) if slope.cut]
    wrong = [name for name, slope in parameters.items() if slope.wrong and not slope.cut]
    cut_state = _cut_state(subject, recovered, found) if (blind or wrong) and recovered is not None else ()
    if (blind and blind[0] == 0) or any(field in ("h", "c") for field in cut_state):
        state = {
            ("h",): "the hidden state h",
            ("c",): "the memory c",
            ("c", "h"): "the state (h and c)",
        }.get(tuple(sorted(f for f in cut_state if f in "hc")), "the state")
        evidence = [
            f"x at step {t}: the last output moves at slope {found.steps[t].measured:.3g}, autograd says 0"
            for t in blind[:3]
        ]
        partly = [t for t, slope in enumerate(found.steps) if slope.wrong and not slope.cut]
        evidence += [
            f"x at step {t}: the last output moves at slope {found.steps[t].measured:.3g}, "
            f"autograd says {found.steps[t].autograd:.3g}"
            for t in partly[: 3 - len(evidence)]
        ]
        evidence += [
            f"{name}: autograd {parameters[name].autograd:.4g}, measured {parameters[name].measured:.4g}"
            for name in wrong[:2]
        ]
        reached = [t for t, slope in enumerate(found.steps) if not slope.cut and abs(slope.measured) > 1e-9]
        if blind and not cut_state and reached and len(blind) < len(found.steps) - 1:
            sentence = f"steps {_listed(blind)} are outside the graph: no gradient reaches them"
        else:
            sentence = f"{state} is detached between steps: no gradient goes back through time"
        findings.append(Finding("detached-state", sentence, tuple(evidence)))
    elif wrong or blind:
        gates = sorted(f for f in cut_state if f not in ("h", "c"))
        what = f"the gradient through {', '.join(gates)} is cut" if gates else "autograd's gradient is not the slope"
        evidence = [
            f"{name}: autograd {parameters[name].autograd:.4g}, measured {parameters[name].measured:.4g}"
            for name in wrong[:4]
        ]
        evidence += [f"x at step {t}: autograd 0, measured {found.steps[t].measured:.3g}" for t in blind[:2]]
        findings.append(Finding("cut-gradient", what, tuple(evidence)))
    still = [name for name, slope in parameters.items() if slope.cut and name not in initial]
    frozen = [name for name in still if not subject.storage.tensors[name].requires_grad]
    unreached = [name for name in still if name not in frozen]
    if unreached and all(finding.fault != "detached-state" for finding in findings):  # else they follow from the cut
        findings.append(_untrained("no gradient reaches", unreached, parameters))
    cell = {term.block.tensor for term in recovered.structure.terms} - initial if recovered is not None else set()
    trains = any(subject.storage.tensors[name].requires_grad for name in cell)  # else frozen as a whole, on purpose
    if part := [name for name in frozen if trains and name in cell]:
        findings.append(_untrained("requires_grad=False on", part, parameters))
    if apart := [name for name in frozen if name not in part]:
        findings.append(replace(_untrained("requires_grad=False on", apart, parameters), severity="caution"))
    return findings


def _untrained(why: str, names: list[str], slopes: Mapping[str, Slope]) -> Finding:
    what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Finding(
        "untrained-parameter",
        f"{why} {what}: it shapes the output and stays as it was drawn",
        tuple(
            f"{name}: a small change moves it at slope {slopes[name].measured:.3g}, autograd says 0"
            for name in names[:3]
        ),
    )


def _error(message: str) -> Finding:
    if re.search(r"inplace|in-place", message):
        return Finding(
            "in-place-edit", "backward fails: a tensor that autograd still needs was overwritten", (message,)
        )
    if "second time" in message:
        return Finding("state-kept-between-calls", "backward runs into the graph of an earlier call", (message,))
    return Finding("cut-gradient", "backward fails", (message,))


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _cut_state(subject: Subject, recovered: Recovered, found: Slopes) -> tuple[str, ...]:
    """Which state or gate, detached in the recovered equation, gives autograd's own slopes."""
    if not recovered.exact:
        return ()
    gates = FAMILIES[recovered.structure.formula.family].gates
    trial = found.trial
    for option in (("h",), ("c",), ("c", "h"), *((gate,) for gate in gates)):
        cut = replace(recovered, structure=replace(recovered.structure, detach=frozenset(option)))
        leaves = {name: trial.values[name].clone().requires_grad_() for name in trial.towards}
        main, _ = cut.outputs(leaves, trial.x, subject.sizes.H, subject.dtype)
        loss = ((main[-1] if main.dim() == 3 else main) * trial.weights).sum()
        if not loss.requires_grad:
            continue
        grads = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()), allow_unused=True), strict=True))
        told = {name: slope.autograd for name, slope in found.tensors.items() if slope.registered and not slope.cut}
        agree = [
            abs((0.0 if grad is None else float((grad * trial.towards[name]).sum())) - told[name])
            < 1e-6 * max(1.0, abs(told[name]))
            for name, grad in grads.items()
            if name in told
        ]
        if agree and all(agree):
            return option
    return ()
